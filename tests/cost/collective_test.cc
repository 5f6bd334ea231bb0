#include "sim/cost/collective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

constexpr Kind collectives[] = {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all, Kind::broadcast};

TEST(Collective, RingFactors) {
  EXPECT_DOUBLE_EQ(bus_factor(Kind::all_reduce, 2), 1.0);
  EXPECT_DOUBLE_EQ(bus_factor(Kind::all_reduce, 8), 1.75);
  EXPECT_DOUBLE_EQ(bus_factor(Kind::all_reduce, 64), 1.96875);
  EXPECT_DOUBLE_EQ(bus_factor(Kind::all_gather, 8), 0.875);
  EXPECT_DOUBLE_EQ(bus_factor(Kind::reduce_scatter, 64), 0.984375);
  EXPECT_DOUBLE_EQ(bus_factor(Kind::broadcast, 64), 1.0);
}

TEST(Collective, OneRankCostsNothing) {
  const Calibration c = calibration("h100-megatron-core");
  for (Kind k : collectives) EXPECT_EQ(transfer_time(k, {1 << 30}, group(1, 1), c, h100_node()).total().v, 0);
}

// H100, 8 ranks: 35 us + x + sqrt(ramp x), x = 1.75 GiB / B.
TEST(Collective, FollowsTheCurve) {
  const Calibration c = calibration("parts/h100");
  const Curve* curve = curve_for(c, Kind::all_reduce, 8);
  ASSERT_NE(curve, nullptr);
  const Bytes bytes{std::int64_t{1} << 30};
  const double x = 1.75 * static_cast<double>(bytes.v) / curve->bandwidth.v;
  const TransferTime t = transfer_time(Kind::all_reduce, bytes, group(1, 8), c, h100_node());
  EXPECT_EQ(t.fixed, curve->latency);
  EXPECT_DOUBLE_EQ(t.flow.v, x + std::sqrt(curve->ramp.v * x));
}

// Bus bandwidth of 1 GiB and more as measured: XLA's tables (H100, B200), nccl-tests (A100), GB/s.
TEST(Collective, LargeBuffersReachTheMeasuredBusRate) {
  struct Row { const char* part; Node node; Kind kind; std::uint32_t ranks; double bus; };
  const Row rows[] = {{"parts/h100", h100_node(), Kind::all_reduce, 8, 402}, {"parts/h100", h100_node(), Kind::all_reduce, 2, 250},
                      {"parts/h100", h100_node(), Kind::all_gather, 8, 352}, {"parts/h100", h100_node(), Kind::reduce_scatter, 4, 287},
                      {"parts/b200", b200_node(), Kind::all_reduce, 8, 614}, {"parts/b200", b200_node(), Kind::reduce_scatter, 8, 642},
                      {"parts/a100", a100_node(), Kind::all_reduce, 2, 197}, {"parts/a100", a100_node(), Kind::all_reduce, 4, 222}};
  for (const Row& r : rows) {
    const Bytes bytes{std::int64_t{2} << 30};
    const double t = transfer_time(r.kind, bytes, group(1, r.ranks), calibration(r.part), r.node).total().v;
    const double bus = bus_factor(r.kind, r.ranks) * static_cast<double>(bytes.v) / t * 1e-9;
    EXPECT_NEAR(bus / r.bus, 1.0, 0.05) << r.part << " " << name(r.kind) << " " << r.ranks;
  }
}

TEST(Collective, CurveOfTheNextLargerGroup) {
  const Calibration c = calibration("parts/h100");
  EXPECT_EQ(curve_for(c, Kind::all_reduce, 3)->ranks, 4);
  EXPECT_EQ(curve_for(c, Kind::all_reduce, 8)->ranks, 8);
  EXPECT_EQ(curve_for(c, Kind::all_reduce, 72)->ranks, 8);
  EXPECT_EQ(curve_for(c, Kind::broadcast, 8), nullptr);
}

TEST(Collective, NicsAreSharedByTheGroupsOfANode) {
  Node n = h100_node();
  EXPECT_DOUBLE_EQ(nic_share(group(4, 8), n), 8);   // one group of all GPUs has all NICs
  EXPECT_DOUBLE_EQ(nic_share(group(4, 1), n), 1);   // eight groups, one NIC each
  n.nics.count = 4;
  EXPECT_DOUBLE_EQ(nic_share(group(4, 1), n), 0.5);
  EXPECT_DOUBLE_EQ(nic_share(group(4, 8), n), 4);
}

// Ring over nodes: 8 nodes x 1 rank, all-gather: base + 7 far steps + 7/8 S / (one NIC).
TEST(Collective, RingOverNodesByHand) {
  const Calibration c = calibration("h100-megatron-core");
  const TransferTime t = transfer_time(Kind::all_gather, {800'000'000}, group(8, 1), c, h100_node());
  EXPECT_NEAR(t.fixed.v, 8.4e-6 + 7 * 20e-6, 1e-12);
  EXPECT_NEAR(t.flow.v, 700e6 / (50e9 * c.network_efficiency), 1e-9);
}

TEST(Collective, LatencyOfARingIsLinearInRanks) {
  const Calibration c = calibration("h100-llm-foundry");
  const double at64 = transfer_time(Kind::all_gather, {1 << 20}, group(64, 8), c, h100_node()).fixed.v;
  // 448 steps inside nodes and 63 between them: 2.8 ms for 512 ranks.
  EXPECT_NEAR(at64, 8.4e-6 + 448 * 3.4e-6 + 63 * 20e-6, 1e-9);
  const double at128 = transfer_time(Kind::all_gather, {1 << 20}, group(128, 8), c, h100_node()).fixed.v;
  EXPECT_NEAR(at128 / at64, 2.0, 0.01);
}

TEST(Collective, SmallAllReducesOverManyNodesGoByTheTree) {
  const Calibration c = calibration("h100-llm-foundry");
  EXPECT_LT(transfer_time(Kind::all_reduce, {4}, group(64, 8), c, h100_node()).total().v, 150e-6);
  EXPECT_GT(transfer_time(Kind::all_gather, {4}, group(64, 8), c, h100_node()).total().v, 1e-3);
}

TEST(Collective, MonotoneInBytesRanksAndRates) {
  const Calibration c = calibration("h100-megatron-core");
  for (Kind k : collectives) {
    for (std::uint32_t nodes : {1u, 2u, 16u}) {
      double last = 0;
      for (std::int64_t bytes = 1 << 20; bytes <= std::int64_t{1} << 32; bytes *= 4) {
        const double t = transfer_time(k, {bytes}, group(nodes, 8), c, h100_node()).total().v;
        EXPECT_GE(t, last) << name(k) << " " << nodes << " " << bytes;
        last = t;
      }
      Node faster = h100_node();
      faster.nics.bandwidth.v *= 2;
      EXPECT_LE(transfer_time(k, {std::int64_t{1} << 32}, group(nodes, 8), c, faster).total().v, last);
    }
  }
}

TEST(Collective, Messages) {
  const Calibration c = calibration("h100-megatron-core");
  const TransferTime near = transfer_time(Kind::send, {45'000'000}, group(1, 2), c, h100_node());
  EXPECT_EQ(near.fixed, c.message_near);
  EXPECT_NEAR(near.flow.v, 1e-4 / c.message_efficiency, 1e-9);
  const TransferTime far = transfer_time(Kind::receive, {50'000'000}, group(2, 1), c, h100_node());
  EXPECT_EQ(far.fixed, c.message_far);
  EXPECT_NEAR(far.flow.v, 1e-3 / c.network_efficiency, 1e-9);
}

}  // namespace
}  // namespace orrery::test
