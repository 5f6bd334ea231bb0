#!/bin/bash
# Of tools/shaped-cluster: hosts, links of the rate asked for, and nothing left behind.
#   shaped_cluster_test.sh SHAPED_CLUSTER [MPIRUN ALL_REDUCE PLUGIN]
# Exits 77, with the reason, where such a cluster can't be made.
set -u
cluster=$1
fail() { echo "failed: $*" >&2; exit 1; }

"$cluster" each --hosts 1 -- true
code=$?
[ $code = 77 ] && exit 77
[ $code = 0 ] || fail "a cluster of one host: $code"

names=$("$cluster" each --hosts 3 -- bash -c 'echo "$(hostname) $SHAPED_HOST $SHAPED_HOSTS"' | sort | tr '\n' ' ')
[ "$names" = "host1 1 3 host2 2 3 host3 3 3 " ] || fail "hosts are $names"

"$cluster" each --hosts 2 -- bash -c '[ $SHAPED_HOST = 1 ] || exit 5'
[ $? = 5 ] || fail "the exit code of a command is lost"

for wrong in "walk --hosts 2 -- true" "run --hosts no -- true" "run --speed 3 -- true" "run --hosts 2"; do
  # shellcheck disable=SC2086
  "$cluster" $wrong 2> /dev/null
  [ $? = 2 ] || fail "$wrong is taken"
done

# Two megabytes at 20 Mbit/s take 0.8 s or more, whatever the load.
took=$("$cluster" each --hosts 2 --rate 20mbit -- perl -MIO::Socket::INET -MTime::HiRes=time -e '
  if ($ENV{SHAPED_HOST} == 1) {
    my $listen = IO::Socket::INET->new(LocalPort => 7000, Listen => 1, ReuseAddr => 1) or die;
    my $from = $listen->accept; my ($start, $all) = (time, 0);
    while (my $n = sysread($from, my $data, 65536)) { $all += $n }
    printf "%d %.3f\n", $all, time - $start;
  } else {
    my $to;
    for (1 .. 100) { last if $to = IO::Socket::INET->new(PeerAddr => "10.77.0.1", PeerPort => 7000); select(undef, undef, undef, 0.05) }
    $to or die; print $to "x" x 2000000;
  }') || fail "a transfer"
echo "2000000 bytes at 20 Mbit/s: $took s"
[ "${took% *}" = 2000000 ] || fail "bytes are lost: $took"
awk -v t="${took#* }" 'BEGIN { exit !(t > 0.7) }' || fail "the link is not shaped: $took"

# Killed outright, it takes all with it: a process of a host, whose command line tells it from all others.
mark=$((100000 + $$))
"$cluster" each --hosts 2 -- sleep $mark &
for _ in $(seq 100); do pgrep -f "^sleep $mark" > /dev/null && break; sleep 0.1; done
pgrep -f "^sleep $mark" > /dev/null || fail "the hosts' commands do not run"
kill -9 $!
wait $! 2> /dev/null
for _ in $(seq 100); do pgrep -f "^sleep $mark" > /dev/null || break; sleep 0.1; done
pgrep -f "^sleep $mark" > /dev/null && fail "a killed cluster leaves processes behind"
ip netns list 2> /dev/null | grep -q '^host[0-9]' && fail "namespaces are left behind"

[ $# -ge 4 ] || exit 0
"$cluster" run --hosts 2 --rate 1gbit -- "$2" -n 2 "$3" "$4" 1 16777216 1e9 || fail "an all_reduce of two hosts"
"$cluster" run --hosts 2 --rate 1gbit --ranks-per-host 2 -- "$2" -n 4 "$3" "$4" 2 4194304 1e9 ||
  fail "an all_reduce of two ranks on each of two hosts"
