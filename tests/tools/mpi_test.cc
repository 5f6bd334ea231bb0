// Commands under an MPI launcher. What-ifs: the same bytes as on one rank; profiles: one description; and one
// message where something is wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/tools/shell.h"

namespace orrery {
namespace {

const std::string mpirun = ORRERY_MPIEXEC " --oversubscribe --allow-run-as-root -n ";

TEST(WhatIfUnderMpi, GivesTheSameBytesOnAnyNumberOfRanks) {
  const Scratch scratch("mpi-whatif");
  const std::string ask =
      "orrery whatif scenarios/gpt3-175b-1024xa100.json --threads 1 --pin-plan --replay static "
      "--set 'cluster.groups.main.node.nics.bandwidth=100..298+2 Gb/s' --set cluster.nodes=64,128 ";
  const Outcome alone = scratch.run(ask + "--out alone.jsonl");
  ASSERT_EQ(alone.code, 0) << alone.err;
  const std::string rows = scratch.run("cat alone.jsonl").out;
  ASSERT_EQ(std::count(rows.begin(), rows.end(), '\n'), 201);
  for (const std::string ranks : {"2", "5"}) {
    const Outcome shared =
        scratch.run("timeout -s KILL 120 " + mpirun + ranks + " " + ask + "--out shared.jsonl");
    EXPECT_EQ(shared.code, 0) << shared.err;
    EXPECT_EQ(shared.out, alone.out);
    EXPECT_EQ(scratch.run("cmp alone.jsonl shared.jsonl").code, 0) << ranks;
    // Half of the rows, the last of them cut, and on.
    scratch.run("head -c 20000 alone.jsonl > shared.jsonl");
    EXPECT_EQ(
        scratch.run("timeout -s KILL 120 " + mpirun + ranks + " " + ask + "--out shared.jsonl --resume").code,
        0);
    EXPECT_EQ(scratch.run("cmp alone.jsonl shared.jsonl").code, 0) << ranks << ", resumed";
  }
}

// Rank 0 alone writes: where it can't, all end.
TEST(WhatIfUnderMpi, EndsWhereRankZeroCannotWrite) {
  const Scratch scratch("mpi-refused");
  const Outcome refused = scratch.run("timeout -s KILL 120 " + mpirun +
                                      "2 orrery whatif scenarios/llama3-8b-8xh100.json --pin-plan "
                                      "--set cluster.nodes=1,2 --out no/such/folder/rows.jsonl");
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.code, 137);
  EXPECT_NE(refused.err.find("can't be written"), std::string::npos) << refused.err;
}

// How often `what` stands in `text`.
std::size_t times(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

// The result of a run is said once, wherever its ranks are and wherever it goes.
TEST(RunUnderMpi, SaysItsResultOnce) {
  const Scratch scratch("mpi-run");
  scratch.run("yes 'The quick brown fox jumps over the lazy dog.' | head -n 2000 > fox.txt");
  const std::string run = "orrery run scenarios/gpt-small-2xcpu.json --data fox.txt --steps 2";
  for (const std::string& started : {run, mpirun + "2 " + run}) {
    const Outcome said = scratch.run("timeout -s KILL 120 " + started);
    EXPECT_EQ(said.code, 0) << said.err;
    EXPECT_EQ(times(said.out, ", 2 steps"), 1u) << started << "\n" << said.out;
    EXPECT_EQ(scratch.run("timeout -s KILL 120 " + started + " -o said.txt").out, "");
    EXPECT_EQ(times(scratch.run("cat said.txt").out, ", 2 steps"), 1u) << started;
  }
}

// Ranks of one host measure it as processes, and rank 0 alone writes.
TEST(ProfileUnderMpi, RanksOfAHostAreMeasured) {
  const Scratch scratch("mpi-profile");
  const Outcome found =
      scratch.run("timeout -s KILL 120 " + mpirun +
                  "2 orrery profile hardware --sizes test --cluster-out here.json --out hardware.json");
  ASSERT_EQ(found.code, 0) << found.err;
  EXPECT_EQ(times(found.out, "this-machine, backend cpu"), 1u) << found.out;
  EXPECT_EQ(times(found.out, "between hosts"), 0u) << found.out;
  const std::string cluster = scratch.run("cat here.json").out;
  EXPECT_NE(cluster.find("\"gpus\": 2"), std::string::npos) << cluster;
  EXPECT_NE(cluster.find("\"nodes\": 1"), std::string::npos) << cluster;
  EXPECT_EQ(scratch.run("orrery check hardware.json here.json").code, 0);
}

TEST(ProfileUnderMpi, WhatIsWrongIsSaidOnceWithItsExitCode) {
  const Scratch scratch("mpi-profile-refused");
  const auto refused = [&](const std::string& flags, int code, const std::string& message) {
    const Outcome o =
        scratch.run("timeout -s KILL 120 " + mpirun + "2 orrery profile hardware --sizes test " + flags);
    EXPECT_EQ(o.code, code) << flags << "\n" << o.err;
    EXPECT_EQ(times(o.err, message), 1u) << flags << "\n" << o.err;
  };
  refused("--ranks 4", 2, "orrery: --ranks 4: the launcher has started 2 on a host");
  refused("--devices 3", 2, "orrery: --devices 3: the launcher has started 2 on a host");
  refused("--backend cuda", 2, "orrery: --backend cuda measures one machine, without a launcher");
  refused("--base no-such-calibration", 3, "no-such-calibration");
  refused("--budget 0.1 --out no/such/folder/c.json", 4, "can't be written");
}

}  // namespace
}  // namespace orrery
