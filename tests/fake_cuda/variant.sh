# Sourced by scripts that build the CUDA plug-in once more, otherwise: with a mistake, or counted line by line.
# Expects $source (the repository) and $build (its build folder, made by Ninja).

# variant_commands: the commands that the plug-in was built with, a line each.
variant_commands() {
  ninja -C "$build" -t commands liborrery_cuda.so | grep -F -e "$source/runtime/cuda/" -e '-o liborrery_cuda.so '
}

# variant_of OBJECTS COMMANDS: those commands, of what is made under OBJECTS instead of the build folder.
variant_of() {
  sed -E -e "s#[^ ]*runtime/cuda/(CMakeFiles/orrery_cuda.dir/)?([a-z_]+(\.cc)?)\.o(\.d)?( |\$)#$1/\2.o\4\5#g" \
    -e 's#( && /usr/bin/cmake -E cmake_transform_depfile.*| && [^ ]*cmake -E cmake_transform_depfile.*)##' \
    -e "s#-o liborrery_cuda.so #-o $1/liborrery_cuda.so #" "$2"
}

# variant_environment: what a test of the plug-in needs to find the stand-ins, and the plug-in in $1.
variant_environment() {
  export LD_LIBRARY_PATH=$build/tests/fake_cuda/lib LD_BIND_NOW=1 ORRERY_TEST_PLUG_IN=$1/liborrery_cuda.so
}
