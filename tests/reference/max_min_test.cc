// The oracle itself: cases solved by hand, and the characterisation on random ones.
#include "tests/reference/max_min.h"

#include <gtest/gtest.h>

#include <random>

namespace orrery::reference {
namespace {

constexpr double free_bound = 1e9;

// Flows by their weights on each link; all may rise freely.
Sharing sharing(std::vector<std::vector<double>> weights) {
  return {std::vector<double>(weights.size(), free_bound), std::move(weights)};
}

TEST(MaxMinOracle, TwoEqualFlowsHalfEach) { EXPECT_EQ(max_min(sharing({{1}, {1}})), (std::vector{0.5, 0.5})); }

TEST(MaxMinOracle, AloneToTheFirstFullLink) { EXPECT_EQ(max_min(sharing({{1, 0.5}})), (std::vector{1.0})); }

// X: A, B. Y: B, C; C can't take more than a quarter. A and B share X; Y keeps a quarter that nobody can use.
TEST(MaxMinOracle, BoundedFlowLeavesRoom) {
  Sharing s = sharing({{1, 0}, {1, 1}, {0, 1}});
  s.bound[2] = 0.25;
  EXPECT_EQ(max_min(s), (std::vector{0.5, 0.5, 0.25}));
  // Without A, B fills Y: 1 - 1/4.
  EXPECT_EQ(max_min({{free_bound, 0.25}, {{1, 1}, {0, 1}}}), (std::vector{0.75, 0.25}));
}

// Bertsekas and Gallager's figure: X holds three flows, Y two, of which one is on both. X is full at a third; the
// other flow of Y then rises to two thirds.
TEST(MaxMinOracle, SecondBottleneck) {
  const std::vector<double> level = max_min(sharing({{1, 0}, {1, 0}, {1, 1}, {0, 1}}));
  EXPECT_DOUBLE_EQ(level[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(level[2], 1.0 / 3);
  EXPECT_DOUBLE_EQ(level[3], 2.0 / 3);
}

// A needs the whole link at full rate, B half of it: both at 1 / 1.5.
TEST(MaxMinOracle, WeightsOfUnlikeFlows) {
  for (const double level : max_min(sharing({{1}, {0.5}}))) EXPECT_DOUBLE_EQ(level, 2.0 / 3);
}

// Ten senders into one port: a tenth each, though each has a port of its own.
TEST(MaxMinOracle, Incast) {
  std::vector<std::vector<double>> weights(10, std::vector<double>(11, 0));
  for (std::size_t f = 0; f < 10; ++f) weights[f][0] = weights[f][1 + f] = 1;
  for (const double level : max_min(sharing(weights))) EXPECT_DOUBLE_EQ(level, 0.1);
}

TEST(MaxMinOracle, RandomCasesAreFairAndNothingElseIs) {
  std::mt19937 random(5);
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  for (int trial = 0; trial < 500; ++trial) {
    const auto links = static_cast<std::size_t>(draw(1, 8)), flows = static_cast<std::size_t>(draw(1, 20));
    Sharing s{std::vector<double>(flows), std::vector<std::vector<double>>(flows, std::vector<double>(links, 0))};
    for (std::size_t f = 0; f < flows; ++f) {
      s.bound[f] = draw(1, 8) / 4.0;
      for (double& weight : s.weight[f])
        if (draw(0, 2) == 0) weight = draw(1, 16) / 8.0;
    }
    std::vector<double> level = max_min(s);
    EXPECT_TRUE(is_max_min(s, level));
    level[random() % flows] *= 0.9;
    EXPECT_FALSE(is_max_min(s, level));
  }
}

}  // namespace
}  // namespace orrery::reference
