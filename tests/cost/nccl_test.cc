#include "sim/cost/nccl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/cost/nccl_tables.h"
#include "tests/cost/nccl_golden.h"
#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

constexpr const char* version = "2.28";

NcclTopology topology(const NcclGolden& g) {
  const Node n = g.device == "h100" ? h100_node() : g.device == "b200" ? b200_node() : a100_node();
  const auto nodes = static_cast<std::uint32_t>(g.nodes), per_node = static_cast<std::uint32_t>(g.per_node);
  NcclTopology t = nccl_topology(n, group(nodes, per_node));
  // The golden run had multicast on wherever the hardware has it: also for the 2 and 4 ranks a node where NCCL as
  // measured leaves it off, with as many of its channels as the group has NICs.
  if (g.device == "h100" && (per_node == 2 || per_node == 4)) t.nvls = {g.per_node, 48.0, 48.0};
  return t;
}

TEST(Nccl, ChoosesAndEstimatesAsNcclDoes) {
  for (const NcclGolden& g : nccl_golden) {
    const Kind kind = g.operation == "all_reduce" ? Kind::all_reduce : Kind::all_gather;
    const NcclChoice c = nccl_choice(topology(g), kind, {g.bytes}, version);
    const double us = c.time().v * 1e6;
    EXPECT_NEAR(us / g.microseconds, 1.0, 0.01)
        << g.device << " " << g.nodes << "x" << g.per_node << " " << g.operation << " " << g.bytes << ": "
        << name(c.algorithm) << "/" << name(c.protocol) << " for " << g.algorithm << "/" << g.protocol;
    EXPECT_EQ(name(c.algorithm), g.algorithm) << g.device << " " << g.nodes << "x" << g.per_node << " " << g.bytes;
    EXPECT_EQ(name(c.protocol), g.protocol) << g.device << " " << g.nodes << "x" << g.per_node << " " << g.bytes;
  }
}

// The same run printed latency and bandwidth by algorithm and protocol.
TEST(Nccl, LatencyAndBandwidthOfEachAlgorithm) {
  const NcclTopology one = nccl_topology(h100_node(), group(1, 8)), two = nccl_topology(h100_node(), group(2, 8)),
                     four = nccl_topology(h100_node(), group(4, 1));
  struct Row { const NcclTopology* t; Kind kind; NcclAlgorithm a; NcclProtocol p; double us, gb; };
  const Row rows[] = {
      {&one, Kind::all_reduce, NcclAlgorithm::tree, NcclProtocol::ll, 15.2, 43.6},
      {&one, Kind::all_reduce, NcclAlgorithm::tree, NcclProtocol::ll128, 31.5, 128.8},
      {&one, Kind::all_reduce, NcclAlgorithm::tree, NcclProtocol::simple, 64.4, 165.6},
      {&one, Kind::all_reduce, NcclAlgorithm::ring, NcclProtocol::simple, 56.0, 205.7},
      {&one, Kind::all_reduce, NcclAlgorithm::nvls, NcclProtocol::simple, 25.0, 272.0},
      {&one, Kind::reduce_scatter, NcclAlgorithm::ring, NcclProtocol::ll128, 27.3, 378.5},
      {&one, Kind::reduce_scatter, NcclAlgorithm::nvls, NcclProtocol::simple, 25.0, 208.2},
      {&one, Kind::broadcast, NcclAlgorithm::ring, NcclProtocol::ll, 7.2, 141.0},
      {&two, Kind::all_reduce, NcclAlgorithm::tree, NcclProtocol::simple, 92.4, 140.8},
      {&two, Kind::all_reduce, NcclAlgorithm::ring, NcclProtocol::ll, 40.0, 20.8},
      {&two, Kind::all_reduce, NcclAlgorithm::nvls_tree, NcclProtocol::simple, 66.8, 246.2},
      {&two, Kind::broadcast, NcclAlgorithm::ring, NcclProtocol::simple, 232.4, 384.0},
      {&four, Kind::all_gather, NcclAlgorithm::pat, NcclProtocol::simple, 27.2, 36.0},
      {&four, Kind::broadcast, NcclAlgorithm::ring, NcclProtocol::ll, 9.3, 20.4},
  };
  for (const Row& r : rows) {
    const NcclEstimate e = nccl_estimate(*r.t, r.kind, r.a, r.p, version);
    EXPECT_NEAR(e.latency.v * 1e6, r.us, 0.051) << name(r.a) << " " << name(r.p);
    EXPECT_NEAR(e.bandwidth.v * 1e-9, r.gb, 0.051) << name(r.a) << " " << name(r.p);
  }
}

TEST(Nccl, MulticastOnlyAboveFourRanksAndOnlyWhereThereIsSome) {
  for (std::uint32_t n = 2; n <= 8; ++n) {
    const NcclTopology t = nccl_topology(h100_node(), group(1, n));
    const bool multicast =
        nccl_estimate(t, Kind::all_reduce, NcclAlgorithm::nvls, NcclProtocol::simple, version).bandwidth.v > 0;
    EXPECT_EQ(multicast, n > 4) << n;
  }
  EXPECT_EQ(nccl_topology(a100_node(), group(1, 8)).nvls.channels, 0);
}

TEST(Nccl, MoreBytesNeverTakeLessInOneAlgorithm) {
  const NcclTopology t = nccl_topology(h100_node(), group(1, 8));
  double last = 0;
  for (std::int64_t bytes = 1 << 22; bytes <= std::int64_t{1} << 32; bytes *= 2) {
    const double now = nccl_choice(t, Kind::all_reduce, {bytes}, version).time().v;
    EXPECT_GT(now, last);
    last = now;
  }
}

TEST(Nccl, TablesByVersion) {
  EXPECT_EQ(nccl_tables("2.28").version, "2.28");
  EXPECT_EQ(nccl_tables("2.29").version, "2.28");
  EXPECT_EQ(nccl_tables("2.30").version, "2.30");
  EXPECT_LT(nccl_tables("2.30").ring_ll128[3][0], nccl_tables("2.28").ring_ll128[3][0]);
}

}  // namespace
}  // namespace orrery::test
