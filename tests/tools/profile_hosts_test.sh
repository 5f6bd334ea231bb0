#!/bin/bash
# Of orrery profile hardware over two hosts of two ranks: one description, by rank 0, that a simulation takes.
#   profile_hosts_test.sh SHAPED_CLUSTER MPIRUN ORRERY SCENARIOS FOLDER
# Exits 77, with the reason, where hosts can't be made.
set -u
cluster=$1 mpirun=$2 orrery=$3 scenarios=$4 folder=$5
fail() { echo "failed: $*" >&2; exit 1; }
profile() { timeout -s KILL 100 "$cluster" run --hosts 2 --ranks-per-host 2 -- "$mpirun" -n 4 "$orrery" profile hardware --sizes test "$@"; }

rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || exit 1
profile --name two --cluster-out two.json --out calibration.json > said 2> errors
code=$?
[ $code = 77 ] && { cat errors >&2; exit 77; }
[ $code = 0 ] || fail "exit code $code: $(cat errors)"
[ "$(grep -c '^two, backend cpu, 2 hosts of 2 ranks$' said)" = 1 ] || fail "said: $(cat said)"
for line in 'between hosts, below 100 kB' 'curves.all_reduce.2'; do
  grep -q "^$line" said || fail "no residuals of $line: $(cat said)"
done
# Sizes, and five operations in two placements, beside messages.
[ "$(grep -cE '^[a-z_]+ +[24] +2 +[0-9.]+ KiB' said)" = 66 ] || fail "not all were measured: $(cat said)"

for member in '"nodes": 2' '"gpus": 2' '"count": 1'; do grep -q "$member" two.json || fail "no $member in $(cat two.json)"; done
for constant in network_efficiency network_base network_far_step network_near_step message_far slowdown_network; do
  grep -q "\"$constant\"" calibration.json || fail "no $constant"
done
sed -e '/^  "cluster": {/,/^  },/c\  "cluster": { "file": "two.json" },' -e 's|"calibration": "cpu-core"|"calibration": "./calibration.json"|' \
  "$scenarios/gpt-long-2x2cpu.json" > scenario.json
"$orrery" simulate scenario.json > simulated || fail "its description does not simulate"
grep -q 'on 4 x two, 2 nodes' simulated || fail "simulated: $(head -3 simulated)"

profile --ranks 4 > said 2> errors
[ $? = 2 ] || fail "groups larger than a host are taken"
[ "$(grep -c 'orrery: --ranks 4: the launcher has started 2 on a host' errors)" = 1 ] || fail "not said once: $(cat errors)"
