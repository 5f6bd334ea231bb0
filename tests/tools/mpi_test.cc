// What-ifs under an MPI launcher: the same bytes as on one rank, and one message where something is wrong.
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

}  // namespace
}  // namespace orrery
