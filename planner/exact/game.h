// A game of two: one picks a row and gets what the other, who picks a column, loses.
#pragma once
#include <vector>

namespace orrery::exact {

struct Mixture {
  std::vector<double> rows, columns;  // how often each is picked: the best that either can do
  double value = 0;                   // what rows get on average then
};

// `payoff` by row and column, of at least one each. By the simplex method, exact but for rounding.
Mixture solve_game(const std::vector<std::vector<double>>& payoff);

}  // namespace orrery::exact
