// A plan from the bounds: the best mixture of relaxed plans, rounded.
#include <algorithm>
#include <cmath>

#include "planner/exact/frame.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

}  // namespace

// Of every chunk; where one ends is rounded, so that they hold all positions.
std::vector<int> Frame::mixed_lengths() const {
  std::vector<int> out;
  double end = 0;
  int used = 0;
  for (int c = 0; c < p_.chunks; ++c) {
    const std::size_t u = size(p_.unit_of(c)), n = size(c / p_.units);
    for (std::size_t j = 0; j < share_.size(); ++j)
      end += share_[j] * units_[u].lengths[relaxed_[j].way[u]][n];
    const int to =
        std::clamp(static_cast<int>(std::lround(end)), used + 1, p_.positions() - (p_.chunks - 1 - c));
    out.push_back(to - used);
    used = to;
  }
  out.back() += p_.positions() - used;
  return out;
}

// By strategy, of positions like this one; all 0: the mixture has none.
std::vector<double> Frame::mixed_shares(int u, const Position& at) const {
  std::vector<double> out(p_.tables[size(at.table)].size(), 0);
  for (std::size_t j = 0; j < share_.size(); ++j) {
    const Relaxed& word = relaxed_[j].word[size(u)];
    const auto& alike = units_[size(u)].alike[relaxed_[j].way[size(u)]];
    for (std::size_t kind = 0; kind < alike.size(); ++kind) {
      if (alike[kind].position != at) continue;
      const double part = share_[j] * static_cast<double>(alike[kind].count);
      out[size(word.low[kind])] += part * word.share;
      out[size(word.high[kind])] += part * (1 - word.share);
    }
  }
  double sum = 0;
  for (const double x : out) sum += x;
  for (double& x : out) x = sum > 0 ? x / sum : 0;
  return out;
}

// Strategies are spread evenly, so that compute and collectives of unlike layers overlap.
std::optional<Choice> Frame::guess() {
  if (share_.empty()) return {};
  Choice out;
  out.lengths = mixed_lengths();
  std::vector<std::vector<int>> of_unit(units_.size());
  for (int c = 0; c < p_.chunks; ++c) of_unit[size(p_.unit_of(c))].push_back(out.lengths[size(c)]);
  std::vector<std::vector<int>> words(size(p_.chunks));
  for (int u = 0; u < p_.units; ++u) {
    std::vector<Position> seen;
    std::vector<std::vector<double>> shares, due;
    for (const Position& x : positions(p_, u, of_unit[size(u)])) {
      const auto known = static_cast<std::size_t>(std::find(seen.begin(), seen.end(), x) - seen.begin());
      if (known == seen.size()) {
        seen.push_back(x);
        shares.push_back(mixed_shares(u, x));
        if (std::all_of(shares.back().begin(), shares.back().end(), [](double s) { return s == 0; }))
          shares.back()[size(smallest_strategy(p_, additive_, u, x))] = 1;
        due.push_back(shares.back());
      }
      const auto most = std::max_element(due[known].begin(), due[known].end());
      words[size(u + x.chunk * p_.units)].push_back(static_cast<int>(most - due[known].begin()));
      *most -= 1;
      for (std::size_t s = 0; s < due[known].size(); ++s) due[known][s] += shares[known][s];
    }
  }
  for (const auto& word : words) out.strategies.insert(out.strategies.end(), word.begin(), word.end());
  return out;
}

}  // namespace orrery::exact
