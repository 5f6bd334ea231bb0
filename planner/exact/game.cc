#include "planner/exact/game.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace orrery::exact {
namespace {

constexpr double negligible = 1e-9;
constexpr double apart = 1e-10;  // right sides, so that no two rows leave alike and pivots never cycle

// Shares of a whole, also where rounding ended the search early.
void normalize(std::vector<double>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (sum <= 0) return void(shares.front() = 1);
  for (double& x : shares) x /= sum;
}

// maximise the sum of y >= 0 where every row of `a` times y is at most 1 (a > 0): y / sum(y) is the columns'
// best mixture, and the value is 1 / sum(y). Slack variables follow the columns'.
class Simplex {
 public:
  explicit Simplex(const std::vector<std::vector<double>>& a)
      : rows_(a.size()),
        columns_(a.front().size()),
        width_(columns_ + rows_ + 1),
        table_((rows_ + 1) * width_, 0) {
    for (std::size_t r = 0; r < rows_; ++r) {
      std::copy(a[r].begin(), a[r].end(), &at(r, 0));
      at(r, columns_ + r) = 1;
      at(r, width_ - 1) = 1 + apart * static_cast<double>(r);
      basis_.push_back(columns_ + r);
    }
    std::fill_n(&at(rows_, 0), columns_, -1.0);
  }

  void run() {
    for (std::size_t pivots = 40 * (rows_ + columns_); pivots > 0; --pivots) {
      const std::size_t enters = entering();
      if (enters + 1 == width_) return;
      const std::size_t leaves = leaving(enters);
      if (leaves == rows_) return;  // rounding: there is nothing left to gain
      pivot(leaves, enters);
    }
  }

  Mixture mixture() const {
    Mixture out;
    out.value = 1 / at(rows_, width_ - 1);
    out.columns.assign(columns_, 0);
    for (std::size_t r = 0; r < rows_; ++r) {
      out.rows.push_back(std::max(0.0, at(rows_, columns_ + r)));
      if (basis_[r] < columns_) out.columns[basis_[r]] = std::max(0.0, at(r, width_ - 1));
    }
    normalize(out.rows);
    normalize(out.columns);
    return out;
  }

 private:
  double& at(std::size_t r, std::size_t c) { return table_[r * width_ + c]; }
  double at(std::size_t r, std::size_t c) const { return table_[r * width_ + c]; }

  // What gains most. width_ - 1: nothing does.
  std::size_t entering() const {
    std::size_t best = width_ - 1;
    double most = -negligible;
    for (std::size_t c = 0; c + 1 < width_; ++c)
      if (at(rows_, c) < most) most = at(rows_, c), best = c;
    return best;
  }
  std::size_t leaving(std::size_t enters) const {
    std::size_t best = rows_;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t r = 0; r < rows_; ++r) {
      if (at(r, enters) <= negligible) continue;
      const double ratio = at(r, width_ - 1) / at(r, enters);
      if (ratio < least) least = ratio, best = r;
    }
    return best;
  }
  void pivot(std::size_t leaves, std::size_t enters) {
    const double by = 1 / at(leaves, enters);
    for (std::size_t c = 0; c < width_; ++c) at(leaves, c) *= by;
    for (std::size_t r = 0; r <= rows_; ++r) {
      const double times = at(r, enters);
      if (r == leaves || times == 0) continue;
      for (std::size_t c = 0; c < width_; ++c) at(r, c) -= times * at(leaves, c);
    }
    basis_[leaves] = enters;
  }

  std::size_t rows_, columns_, width_;
  std::vector<double> table_;  // constraints, then what a variable would lose; last column: the right side
  std::vector<std::size_t> basis_;
};

}  // namespace

// Shifted and scaled into [1, 2]: the mixtures stay.
Mixture solve_game(const std::vector<std::vector<double>>& payoff) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const auto& row : payoff) {
    least = std::min(least, *std::min_element(row.begin(), row.end()));
    most = std::max(most, *std::max_element(row.begin(), row.end()));
  }
  const double span = most > least ? most - least : 1;
  std::vector<std::vector<double>> a = payoff;
  for (auto& row : a)
    for (double& x : row) x = 1 + (x - least) / span;
  Simplex simplex(a);
  simplex.run();
  Mixture out = simplex.mixture();
  out.value = least + (out.value - 1) * span;
  return out;
}

}  // namespace orrery::exact
