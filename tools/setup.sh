# Sourced by quickstart and check: installs what is missing of tools/packages.txt, and configures a build.

# Says what it does on stderr: stdout is for the result.
say() { printf '%s\n' "$*" >&2; }

# Prints the packages of the list, and of the arguments, that are not installed.
missing_packages() {
  { grep -v '^#' tools/packages.txt; printf '%s\n' "$@"; } | while read -r package; do
    [ -n "$package" ] || continue
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s\n' "$package"
  done
}

# Installs what is missing as root or with sudo; else says what to install and stops.
install_packages() {
  local missing as_root=()
  command -v dpkg-query >/dev/null || { say "not a Debian system: install what tools/packages.txt lists"; return 0; }
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then as_root=(sudo); else
      say "missing packages; as root: apt-get install" $missing
      exit 4
    fi
  fi
  say "installing" $missing
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 </dev/null
}

# configure PRESET [cmake arguments]: into build/PRESET, with ccache where there is one.
configure() {
  local preset=$1 launcher=()
  shift
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  export CCACHE_NOHASHDIR=1
  cmake --preset "$preset" "${launcher[@]}" "$@" >&2
}
