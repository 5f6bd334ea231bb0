#include "sim/cost/nccl.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>
#include <string>

#include "sim/cost/nccl_tables.h"
#include "tests/cost/nccl_golden.h"
#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

const NcclTables& newest_held() { return nccl_tables("2.28"); }

NcclTopology topology(std::string_view device, int nodes, int per_node) {
  const Node n = device == "h100" ? h100_node() : device == "b200" ? b200_node() : a100_node();
  NcclTopology t = nccl_topology(n, group(static_cast<std::uint32_t>(nodes), static_cast<std::uint32_t>(per_node)));
  // The golden run had multicast on wherever the hardware has it: also for the 2 and 4 ranks a node where NCCL as
  // measured leaves it off, with as many of its channels as the group has NICs.
  if (device == "h100" && (per_node == 2 || per_node == 4)) t.nvls = {per_node, 48.0, 48.0};
  return t;
}

Kind kind_of(std::string_view operation) {
  return operation == "all_reduce" ? Kind::all_reduce : operation == "all_gather" ? Kind::all_gather : Kind::broadcast;
}

TEST(Nccl, ChoosesAndEstimatesAsNcclDoes) {
  for (const NcclGolden& g : nccl_golden) {
    const NcclTopology t = topology(g.device, g.nodes, g.per_node);
    const NcclChoice c = nccl_choice(t, kind_of(g.operation), {g.bytes}, newest_held());
    const double us = c.time().v * 1e6;
    EXPECT_NEAR(us / g.microseconds, 1.0, 0.01)
        << g.device << " " << g.nodes << "x" << g.per_node << " " << g.operation << " " << g.bytes << ": "
        << name(c.algorithm) << "/" << name(c.protocol) << " for " << g.algorithm << "/" << g.protocol;
    EXPECT_EQ(name(c.algorithm), g.algorithm) << g.device << " " << g.nodes << "x" << g.per_node << " " << g.bytes;
    EXPECT_EQ(name(c.protocol), g.protocol) << g.device << " " << g.nodes << "x" << g.per_node << " " << g.bytes;
  }
}

// "ring/ll 15.0/80.6 ..." as our own estimates; those that are not available are left out.
std::string pairs(const NcclTopology& t, Kind kind, const NcclTables& tables) {
  std::string out;
  for (std::size_t a = 0; a < nccl_algorithms; ++a) {
    for (std::size_t p = 0; p < nccl_protocols; ++p) {
      const auto algorithm = static_cast<NcclAlgorithm>(a);
      const auto protocol = static_cast<NcclProtocol>(p);
      const NcclEstimate e = nccl_estimate(t, kind, algorithm, protocol, tables);
      if (e.bandwidth.v <= 0) continue;
      char text[64];
      std::snprintf(text, sizeof text, "%s/%s %.1f/%.1f", std::string(name(algorithm)).c_str(),
                    std::string(name(protocol)).c_str(), e.latency.v * 1e6, e.bandwidth.v * 1e-9);
      out += (out.empty() ? "" : " ") + std::string(text);
    }
  }
  return out;
}

// Names as printed, and every number within `tolerance`.
void expect_pairs(const std::string& ours, std::string_view theirs, double tolerance, const std::string& what) {
  std::istringstream left(ours), right{std::string(theirs)};
  std::string ours_name, theirs_name;
  double numbers[4];
  char slash;
  while (right >> theirs_name >> numbers[0] >> slash >> numbers[1]) {
    ASSERT_TRUE(left >> ours_name >> numbers[2] >> slash >> numbers[3]) << what << ": " << ours;
    EXPECT_EQ(ours_name, theirs_name) << what;
    for (const int i : {0, 1}) EXPECT_NEAR(numbers[i + 2], numbers[i], tolerance) << what << " " << theirs_name;
  }
  EXPECT_FALSE(left >> ours_name) << what << ": also " << ours_name;
}

TEST(Nccl, LatencyAndBandwidthOfEachPair) {
  for (const NcclGoldenPairs& g : nccl_golden_pairs) {
    const NcclTopology t = topology(g.device, g.nodes, g.per_node);
    const std::string what = std::string(g.device) + " " + std::to_string(g.nodes) + "x" + std::to_string(g.per_node) +
                             " " + std::string(g.operation);
    // A tenth: both are rounded, and NCCL computes in single precision.
    expect_pairs(pairs(t, kind_of(g.operation), newest_held()), g.pairs, 0.101, what);
    if (g.operation == "all_gather")
      expect_pairs(pairs(t, Kind::reduce_scatter, newest_held()), g.pairs, 0.101, what + " as reduce_scatter");
  }
}

// Worked by hand from the formulas of the releases' src/graph/tuning.cc and the channels above: one H100 node has 12
// channels of 30 GB/s and 8 of multicast (40 in, 60 out); four nodes 8 channels of 48, and 8 of multicast (40, 48).
TEST(Nccl, OlderVersionsByHand) {
  struct Row { std::string_view version; int nodes; Kind kind; NcclAlgorithm a; NcclProtocol p; double us, gb; };
  using enum NcclAlgorithm;
  using enum NcclProtocol;
  const Row rows[] = {
      // min(87.7, 360/4) 8/14; min(87.7, 360/3) 8/7
      {"2.18", 1, Kind::all_reduce, ring, ll, 15.0, 50.11},
      {"2.18", 1, Kind::all_gather, ring, ll, 10.8, 100.23},
      // 0 + 2 * 7 * 4 and 0 + 2 * 7 * 28
      {"2.18", 1, Kind::all_reduce, tree, simple, 56.0, 165.6},
      {"2.21", 1, Kind::all_reduce, tree, simple, 392.0, 165.6},
      // 8 * 40 * 5/6; a gather: none, 8 * 40 * 5/6, 8 * 40 * 7/8
      {"2.18", 1, Kind::all_reduce, nvls, simple, 23.0, 266.67},
      {"2.18", 1, Kind::all_gather, nvls, simple, 0.0, 0.0},
      {"2.21", 1, Kind::all_gather, nvls, simple, 23.0, 266.67},
      {"2.27", 1, Kind::all_gather, nvls, simple, 25.0, 280.0},
      // 8 * 48 * 0.7 * 4/6, 23 + 2 * 3 * 19; 8 * min(40, 48/2) * 5/6, 23 + 2 * 2 * 14
      {"2.18", 4, Kind::all_reduce, nvls_tree, simple, 137.0, 179.2},
      {"2.21", 4, Kind::all_reduce, nvls_tree, simple, 79.0, 160.0},
      {"2.27", 4, Kind::all_reduce, nvls_tree, simple, 81.0, 160.0},
      // 6.6 + (62 - 8) * 1 + 8 * 2.7; 6.6 + (62 - 6) * 1 + 6 * 2.7; min(20.4, 384/4 or 384/2) 32/62
      {"2.21", 4, Kind::all_reduce, ring, ll, 82.2, 10.53},
      {"2.27", 4, Kind::all_reduce, ring, ll, 78.8, 10.53},
  };
  for (const Row& r : rows) {
    const NcclEstimate e = nccl_estimate(topology("h100", r.nodes, 8), r.kind, r.a, r.p, nccl_tables(r.version));
    EXPECT_NEAR(e.latency.v * 1e6, r.us, 0.01) << r.version << " " << name(r.a) << "/" << name(r.p) << " " << r.nodes;
    EXPECT_NEAR(e.bandwidth.v * 1e-9, r.gb, 0.01) << r.version << " " << name(r.a) << "/" << name(r.p) << " " << r.nodes;
  }
}

TEST(Nccl, OneRankANode) {
  const NcclTopology t = topology("h100", 4, 1);  // 2 channels of 24 GB/s
  const auto of = [&](Kind k, NcclAlgorithm a, NcclProtocol p, std::string_view version) {
    return nccl_estimate(t, k, a, p, nccl_tables(version));
  };
  // LL128 keeps 0.7 of 48, times 4/3; since then 0.92.
  const NcclEstimate old = of(Kind::all_gather, NcclAlgorithm::ring, NcclProtocol::ll128, "2.21");
  EXPECT_NEAR(old.bandwidth.v * 1e-9, 44.8, 0.01);
  EXPECT_NEAR(old.latency.v * 1e6, 14.0 + 3 * 4.0, 0.01);  // a ring's steps; since then a tree's, 8.5
  EXPECT_NEAR(of(Kind::all_gather, NcclAlgorithm::ring, NcclProtocol::ll128, "2.27").latency.v * 1e6, 39.5, 0.01);
  EXPECT_EQ(of(Kind::all_gather, NcclAlgorithm::pat, NcclProtocol::simple, "2.21").bandwidth.v, 0);
  EXPECT_NEAR(of(Kind::all_gather, NcclAlgorithm::pat, NcclProtocol::simple, "2.27").bandwidth.v * 1e-9, 36.0, 0.01);
}

TEST(Nccl, BlackwellCountsAsHopperBeforeItHadRowsOfItsOwn) {
  const NcclTopology b = topology("b200", 4, 8);
  const auto of = [&](NcclAlgorithm a, NcclProtocol p, std::string_view version) {
    return nccl_estimate(b, Kind::all_reduce, a, p, nccl_tables(version)).bandwidth.v * 1e-9;
  };
  EXPECT_EQ(of(NcclAlgorithm::ring, NcclProtocol::ll128, "2.21"), 0);
  // min(0.92 * 384, 8 * 36) * 0.5 * 0.85; rows of its own are twice those: 0.92 * 384 is less
  EXPECT_NEAR(of(NcclAlgorithm::tree, NcclProtocol::simple, "2.21"), 122.4, 0.01);
  EXPECT_NEAR(of(NcclAlgorithm::tree, NcclProtocol::simple, "2.27"), 150.144, 0.01);
}

// 2.30 corrects a multicast tree by size where hosts are x86: 0.7 at 16 MiB.
TEST(Nccl, MulticastTreeBySize) {
  NcclTopology b = topology("b200", 4, 8);
  const auto transfer = [&](std::string_view version) {
    return nccl_time(b, Kind::all_reduce, NcclAlgorithm::nvls_tree, NcclProtocol::simple, {1 << 24},
                     nccl_tables(version)).transfer.v;
  };
  const double x86 = transfer("2.30");
  b.arm_cpu = true;
  EXPECT_NEAR(x86 * 0.7, transfer("2.30"), 1e-12);
}

TEST(Nccl, MulticastOnlyAboveFourRanksAndOnlyWhereThereIsSome) {
  for (std::uint32_t n = 2; n <= 8; ++n) {
    const NcclTopology t = nccl_topology(h100_node(), group(1, n));
    const bool multicast =
        nccl_estimate(t, Kind::all_reduce, NcclAlgorithm::nvls, NcclProtocol::simple, newest_held()).bandwidth.v > 0;
    EXPECT_EQ(multicast, n > 4) << n;
  }
  EXPECT_EQ(nccl_topology(a100_node(), group(1, 8)).nvls.channels, 0);
}

TEST(Nccl, MoreBytesNeverTakeLessInOneAlgorithm) {
  const NcclTopology t = nccl_topology(h100_node(), group(1, 8));
  double last = 0;
  for (std::int64_t bytes = 1 << 22; bytes <= std::int64_t{1} << 32; bytes *= 2) {
    const double now = nccl_choice(t, Kind::all_reduce, {bytes}, newest_held()).time().v;
    EXPECT_GT(now, last);
    last = now;
  }
}

TEST(Nccl, TablesByVersion) {
  const auto of = [](std::string_view asked) { return nccl_tables(asked).version; };
  EXPECT_EQ(of("2.28"), "2.28");
  EXPECT_EQ(of("2.28.9"), "2.28");
  EXPECT_EQ(of("2.29"), "2.28");
  EXPECT_EQ(of("2.30"), "2.30");
  EXPECT_EQ(of("3.0"), "2.30");
  EXPECT_EQ(of("2.27.3"), "2.27");
  EXPECT_EQ(of("2.26"), "2.21");
  EXPECT_EQ(of("2.20"), "2.18");
  EXPECT_EQ(of("2.9"), "2.18");  // before the first, and not after 2.28
  for (std::size_t i = 1; i < nccl_tables().size(); ++i)
    EXPECT_LT(*nccl_version(nccl_tables()[i - 1].version), *nccl_version(nccl_tables()[i].version));
  for (const std::string_view bad : {"", "2", "2.", "2.x", "two", "2.28.", "2.28.9.1", "-2.28", "2.28 "})
    EXPECT_FALSE(nccl_version(bad)) << bad;
}

}  // namespace
}  // namespace orrery::test
