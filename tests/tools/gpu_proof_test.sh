#!/bin/bash
# Of tools/gpu-proof, on stubs for what it runs: which steps run, which are kept, and what a failure leaves.
#   gpu_proof_test.sh GPU_PROOF SCRATCH
set -u
proof=$1 scratch=$2
fail() { echo "failed: $*" >&2; cat "$scratch/out.txt" >&2; exit 1; }

rm -rf "$scratch"
build=$scratch/build
mkdir -p "$build"/tests/runtime/{conformance,cuda}
cat > "$build/stub" <<'END'
#!/bin/bash
# Writes down that it was called, and the files that it was asked for. Fails if the file FAIL names it.
name=$(basename "$0")
[ "$name" != orrery ] || name="$1${2:+ $2}"
case $name in
  *_test) name="$name ${*: -1}" ;;
  doctor*) name=doctor ;;
  profile*) ;;
  *) name=${name%% *} ;;
esac
here=$(dirname "$(readlink -f "$0")")
echo "$name" >> "$here/calls"
! grep -qsxF "$name" "$here/FAIL" || { echo "this was to fail"; exit 3; }
[ "$name" != doctor ] || printf 'cuda: ready (cuda: stub)\n  usable GPUs        2\n'
losses=${LOSSES:-3,2}
while [ $# -gt 0 ]; do
  case $1 in
    --out | --save | --cluster-out | --json | --trace) echo "{\"losses\": [$losses]}" > "$2" ;;
  esac
  shift
done
END
chmod +x "$build/stub"
cp "$build/stub" "$build/orrery"
cp "$build/stub" "$build/tests/runtime/conformance/cuda_conformance_test"
cp "$build/stub" "$build/tests/runtime/cuda/runtime_cuda_test"
# One list of calls, wherever the stub lies.
sed -i "s|^here=.*|here=$build|" "$build/orrery" "$build"/tests/runtime/*/*_test
touch "$build/liborrery_cuda.so"

run() {
  rm -f "$build/calls"
  "$proof" --build "$build" --out "$scratch/proof" "$@" > "$scratch/out.txt" 2>&1
  code=$?
}
row() { grep -E "^\| $1 \| $2 \|" "$scratch/proof/report.md" > /dev/null || fail "the report says not: $1 $2"; }

run
[ $code = 0 ] || fail "all passed, and the exit code is $code"
[ "$(wc -l < "$build/calls")" = 10 ] || fail "called: $(tr '\n' ';' < "$build/calls")"
for name in machine conformance kernels parity hardware model plan train graphs validate; do row $name passed; done
grep -q 'On 2 x stub' "$scratch/proof/report.md" || fail "the GPUs are not named"

run
[ $code = 0 ] || fail "nothing changed, and the exit code is $code"
[ "$(cat "$build/calls")" = doctor ] || fail "repeated: $(tr '\n' ';' < "$build/calls")"
row parity kept

echo changed >> "$scratch/proof/hardware.json"
run
[ "$(grep -c 'profile model' "$build/calls")" = 1 ] || fail "what a step reads has changed, and it did not run"
! grep -q 'profile hardware' "$build/calls" || fail "a step whose files are the same was repeated"

run --redo
[ "$(wc -l < "$build/calls")" = 10 ] || fail "--redo repeated only: $(tr '\n' ';' < "$build/calls")"

echo 'profile model' > "$build/FAIL"
run --redo
[ $code = 1 ] || fail "a step failed, and the exit code is $code"
row hardware passed
row model FAILED
row plan 'not run'
row validate 'not run'
grep -q 'this was to fail' "$scratch/proof/report.md" || fail "the report does not show the log"
grep -q 'logs/model.txt' "$scratch/proof/report.md" || fail "the report does not name the log"

rm "$build/FAIL"
run
[ $code = 0 ] || fail "it was repaired, and the exit code is $code"
row hardware kept
row model passed

export LOSSES=2,3
run --redo
[ $code = 1 ] || fail "a loss that rises passes"
row train FAILED
unset LOSSES

echo doctor > "$build/FAIL"
run --redo
[ $code = 1 ] || fail "no GPU, and the exit code is $code"
row machine FAILED
[ "$(cat "$build/calls")" = doctor ] || fail "went on without a GPU: $(tr '\n' ';' < "$build/calls")"

for wrong in "--walk" "--out"; do
  run $wrong
  [ $code = 2 ] || fail "$wrong is taken"
done
echo "gpu-proof: as it should be"
