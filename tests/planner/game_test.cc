// Games whose value is known, and on random ones the proof of optimality: neither side's mixture can be
// beaten.
#include "planner/exact/game.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace orrery::exact {
namespace {

using Payoff = std::vector<std::vector<double>>;

// The least that the rows' mixture gets, and the most that the columns' loses, whatever the other picks.
std::pair<double, double> guaranteed(const Payoff& payoff, const Mixture& m) {
  double least = 1e300, most = -1e300;
  for (std::size_t c = 0; c < payoff.front().size(); ++c) {
    double sum = 0;
    for (std::size_t r = 0; r < payoff.size(); ++r) sum += m.rows[r] * payoff[r][c];
    least = std::min(least, sum);
  }
  for (const auto& row : payoff)
    most = std::max(most, std::inner_product(row.begin(), row.end(), m.columns.begin(), 0.0));
  return {least, most};
}

TEST(Game, KnownValues) {
  EXPECT_NEAR(solve_game({{7}}).value, 7, 1e-9);
  EXPECT_NEAR(solve_game({{1, 2}, {3, 4}}).value, 3, 1e-8);  // a saddle point
  const Mixture pennies = solve_game({{1, -1}, {-1, 1}});
  EXPECT_NEAR(pennies.value, 0, 1e-8);
  EXPECT_NEAR(pennies.rows[0], 0.5, 1e-8);
  EXPECT_NEAR(pennies.columns[0], 0.5, 1e-8);
  const Mixture scissors = solve_game({{0, -1, 1}, {1, 0, -1}, {-1, 1, 0}});
  EXPECT_NEAR(scissors.value, 0, 1e-8);
  for (const double share : scissors.rows) EXPECT_NEAR(share, 1.0 / 3, 1e-8);
  // ((a d) - (b c)) / (a + d - b - c)
  EXPECT_NEAR(solve_game({{2, 5}, {6, 1}}).value, 28.0 / 8, 1e-8);
}

TEST(Game, NeitherSideCanBeBeaten) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::size_t rows = 1 + random() % 40, columns = 1 + random() % 40;
    const double scale = std::pow(10.0, static_cast<double>(random() % 13));
    Payoff payoff(rows, std::vector<double>(columns));
    for (auto& row : payoff)  // few values: degenerate
      for (double& x : row)
        x = scale * (i % 2 == 0 ? static_cast<double>(random() % 4) : static_cast<double>(random()) * 1e-9);
    const Mixture m = solve_game(payoff);
    EXPECT_NEAR(std::accumulate(m.rows.begin(), m.rows.end(), 0.0), 1, 1e-6) << i;
    EXPECT_NEAR(std::accumulate(m.columns.begin(), m.columns.end(), 0.0), 1, 1e-6) << i;
    const auto [least, most] = guaranteed(payoff, m);
    EXPECT_NEAR(least, m.value, 1e-6 * scale) << i;
    EXPECT_NEAR(most, m.value, 1e-6 * scale) << i;
  }
}

}  // namespace
}  // namespace orrery::exact
