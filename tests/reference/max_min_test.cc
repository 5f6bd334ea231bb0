// The oracle itself: cases solved by hand, and the characterisation on random ones.
#include "tests/reference/max_min.h"

#include <gtest/gtest.h>

#include <random>

namespace orrery::test {
namespace {

using Flows = std::vector<MaxMinFlow>;

TEST(MaxMinOracle, TwoEqualFlowsHalfEach) {
  EXPECT_EQ(max_min(1, Flows{{{{0, 1}}}, {{{0, 1}}}}), (std::vector{0.5, 0.5}));
}

TEST(MaxMinOracle, AloneAtFullRate) {
  EXPECT_EQ(max_min(2, Flows{{{{0, 1}, {1, 0.5}}}, {{}}}), (std::vector{1.0, 1.0}));
}

// X: A, B. Y: B, C; C can't take more than a quarter. A and B share X; Y keeps a quarter that nobody can use.
TEST(MaxMinOracle, BoundedFlowLeavesRoom) {
  const Flows flows{{{{0, 1}}}, {{{0, 1}, {1, 1}}}, {{{1, 1}}, 0.25}};
  EXPECT_EQ(max_min(2, flows), (std::vector{0.5, 0.5, 0.25}));
  // Without A, B fills Y: 1 - 1/4.
  EXPECT_EQ(max_min(2, Flows{flows[1], flows[2]}), (std::vector{0.75, 0.25}));
}

// Bertsekas and Gallager's figure: X holds three flows, Y two, of which one is on both. X is full at a third; the
// other flow of Y then rises to two thirds.
TEST(MaxMinOracle, SecondBottleneck) {
  const std::vector<double> level = max_min(2, Flows{{{{0, 1}}}, {{{0, 1}}}, {{{0, 1}, {1, 1}}}, {{{1, 1}}}});
  EXPECT_DOUBLE_EQ(level[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(level[2], 1.0 / 3);
  EXPECT_DOUBLE_EQ(level[3], 2.0 / 3);
}

// A needs the whole link at full rate, B half of it: both at 1 / 1.5.
TEST(MaxMinOracle, WeightsOfUnlikeFlows) {
  const std::vector<double> level = max_min(1, Flows{{{{0, 1}}}, {{{0, 0.5}}}});
  EXPECT_DOUBLE_EQ(level[0], 2.0 / 3);
  EXPECT_DOUBLE_EQ(level[1], 2.0 / 3);
}

// Ten senders into one port (weights 1): a tenth each, though each has a port of its own.
TEST(MaxMinOracle, Incast) {
  Flows flows;
  for (std::uint32_t i = 0; i < 10; ++i) flows.push_back({{{0, 1}, {1 + i, 1}}});
  for (const double l : max_min(11, flows)) EXPECT_DOUBLE_EQ(l, 0.1);
}

TEST(MaxMinOracle, RandomCasesAreFair) {
  std::mt19937 random(5);
  const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); };
  for (int trial = 0; trial < 500; ++trial) {
    const auto links = static_cast<std::uint32_t>(draw(1, 8));
    Flows flows(static_cast<std::size_t>(draw(1, 20)));
    for (MaxMinFlow& f : flows) {
      f.bound = draw(1, 8) / 4.0;
      for (std::uint32_t l = 0; l < links; ++l) {
        if (draw(0, 2) == 0) f.uses.push_back({l, draw(1, 16) / 8.0});
      }
    }
    std::vector<double> level = max_min(links, flows);
    EXPECT_TRUE(is_max_min_fair(links, flows, level));
    const std::size_t f = random() % flows.size();  // and nothing else is
    level[f] *= 0.9;
    EXPECT_FALSE(is_max_min_fair(links, flows, level));
  }
}

}  // namespace
}  // namespace orrery::test
