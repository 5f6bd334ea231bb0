#include "sim/engine/max_min.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/reference/max_min.h"

namespace orrery::engine {
namespace {

using reference::Sharing;

// The example of max_min.h: links X = 0, Y = 1; flows A on X, B on X and Y, C on Y; b_C = 1/4.
// A, B and C rise to 1/4, where C stops; X is full at A = B = 1/2, and Y stays a quarter empty. When A leaves, B
// rises until Y is full: 3/4. When B leaves too, C stays at its bound.
TEST(MaxMin, SolvesTheExampleOfItsHeader) {
  const std::vector<std::uint32_t> first_share = {0, 1, 3, 4};
  const std::vector<Share> shares = {{0, 1}, {0, 1}, {1, 1}, {1, 1}};
  MaxMin sharing;
  sharing.reset(2, first_share, shares);
  sharing.add(0, 1);
  sharing.add(1, 1);
  sharing.add(2, 0.25);
  EXPECT_EQ(sharing.solve().size(), 3u);
  EXPECT_EQ(sharing.level(0), 0.5);
  EXPECT_EQ(sharing.level(1), 0.5);
  EXPECT_EQ(sharing.level(2), 0.25);
  sharing.remove(0);
  EXPECT_EQ(sharing.solve().size(), 2u);
  EXPECT_EQ(sharing.level(1), 0.75);
  EXPECT_EQ(sharing.level(2), 0.25);
  sharing.remove(1);
  EXPECT_EQ(sharing.solve().size(), 1u);
  EXPECT_EQ(sharing.level(2), 0.25);
  EXPECT_TRUE(sharing.solve().empty());  // nothing changed
}

// The classic line: one long flow over two links, one short flow on each. Weight 2 makes the second short flow take
// its link twice: long = 1/3 there (long + 2 short = 1), so the other short flow gets 2/3.
TEST(MaxMin, WeighsFlowsOnTheirLinks) {
  const std::vector<std::uint32_t> first_share = {0, 2, 3, 4};
  const std::vector<Share> shares = {{0, 1}, {1, 1}, {0, 1}, {1, 2}};
  MaxMin sharing;
  sharing.reset(2, first_share, shares);
  for (std::uint32_t f = 0; f < 3; ++f) sharing.add(f, 1);
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.level(0), 1.0 / 3);
  EXPECT_DOUBLE_EQ(sharing.level(1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(sharing.level(2), 1.0 / 3);
}

// Links filled exactly slow nobody, whatever the rounding of 3 x 1/3 or 10 x 0.1.
TEST(MaxMin, FillsALinkExactly) {
  for (std::uint32_t n = 1; n <= 64; ++n) {
    std::vector<std::uint32_t> first_share(n + 1);
    for (std::uint32_t i = 0; i <= n; ++i) first_share[i] = i;
    const std::vector<Share> shares(n, {0, 1});
    MaxMin sharing;
    sharing.reset(1, first_share, shares);
    for (std::uint32_t f = 0; f < n; ++f) sharing.add(f, 1.0 / n);
    sharing.solve();
    for (std::uint32_t f = 0; f < n; ++f) EXPECT_EQ(sharing.level(f), 1.0 / n) << n;
  }
}

// Random flows come and go on random topologies; after each change the levels are those of a naive full solve, and
// satisfy the definition.
TEST(MaxMin, EqualsANaiveFullSolveOnRandomTopologies) {
  std::mt19937_64 random(1);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (int round = 0; round < 400; ++round) {
    const std::uint32_t flows = 1 + below(12), links = 1 + below(8), density = 1 + below(6);
    std::vector<std::uint32_t> first_share{0};
    std::vector<Share> shares;
    std::vector<std::vector<double>> weight(flows, std::vector<double>(links, 0));
    for (std::uint32_t f = 0; f < flows; ++f) {
      for (std::uint32_t l = 0; l < links; ++l)
        if (below(density) == 0 || (l + 1 == links && shares.size() == first_share.back())) {
          weight[f][l] = below(3) == 0 ? 1 : 0.05 + 0.01 * below(200);
          shares.push_back({l, weight[f][l]});
        }
      first_share.push_back(static_cast<std::uint32_t>(shares.size()));
    }
    MaxMin sharing;
    sharing.reset(links, first_share, shares);
    std::vector<double> bound(flows, 0);  // 0: absent
    for (int change = 0; change < 30; ++change) {
      for (std::uint32_t k = 1 + below(3); k > 0; --k) {
        const std::uint32_t f = below(flows);
        if (bound[f] > 0) sharing.remove(f), bound[f] = 0;
        else bound[f] = below(4) == 0 ? 1 : 0.03 + 0.01 * below(150), sharing.add(f, bound[f]);
      }
      const auto solved = sharing.solve();
      for (const std::uint32_t f : solved) ASSERT_GT(bound[f], 0) << "a flow that left";
      Sharing naive;
      std::vector<double> found;
      for (std::uint32_t f = 0; f < flows; ++f)
        if (bound[f] > 0) naive.bound.push_back(bound[f]), naive.weight.push_back(weight[f]), found.push_back(sharing.level(f));
      const std::vector<double> expected = reference::max_min(naive);
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-12) << "round " << round;
      ASSERT_TRUE(reference::is_max_min(naive, found)) << "round " << round;
    }
  }
}

// Two islands: a change in one leaves the other alone.
TEST(MaxMin, SolvesOnlyTheComponentThatChanged) {
  const std::vector<std::uint32_t> first_share = {0, 1, 2, 3, 4};
  const std::vector<Share> shares = {{0, 1}, {0, 1}, {1, 1}, {1, 1}};
  MaxMin sharing;
  sharing.reset(2, first_share, shares);
  for (std::uint32_t f = 0; f < 4; ++f) sharing.add(f, 1);
  EXPECT_EQ(sharing.solve().size(), 4u);
  sharing.remove(3);
  const auto solved = sharing.solve();
  ASSERT_EQ(solved.size(), 1u);
  EXPECT_EQ(solved[0], 2u);
  EXPECT_EQ(sharing.level(2), 1);
}

}  // namespace
}  // namespace orrery::engine
