// Max-min fairness from its definition: a full solve by filling, without components or any bookkeeping, and the
// certificate by which any solution can be checked.
#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace orrery::reference {

struct Sharing {
  std::vector<double> bound;                 // by flow
  std::vector<std::vector<double>> weight;   // by flow and link; 0: does not use it
};

inline double used(const Sharing& s, const std::vector<double>& level, std::size_t link) {
  double sum = 0;
  for (std::size_t f = 0; f < level.size(); ++f) sum += s.weight[f][link] * level[f];
  return sum;
}

inline std::vector<double> max_min(const Sharing& s) {
  const std::size_t flows = s.bound.size(), links = flows ? s.weight[0].size() : 0;
  std::vector<double> level(flows, -1);      // negative: not fixed yet
  for (std::size_t fixed = 0; fixed < flows;) {
    double least = std::numeric_limits<double>::infinity();
    std::vector<double> full(links, least);
    for (std::size_t l = 0; l < links; ++l) {
      double taken = 0, rising = 0;
      for (std::size_t f = 0; f < flows; ++f) level[f] < 0 ? rising += s.weight[f][l] : taken += s.weight[f][l] * level[f];
      if (rising > 0) full[l] = (1 - taken) / rising;
      least = std::min(least, full[l]);
    }
    for (std::size_t f = 0; f < flows; ++f)
      if (level[f] < 0) least = std::min(least, s.bound[f]);
    std::vector<std::size_t> stop;
    for (std::size_t f = 0; f < flows; ++f) {
      bool stops = level[f] < 0 && s.bound[f] <= least * (1 + 1e-12);
      for (std::size_t l = 0; l < links; ++l) stops |= level[f] < 0 && s.weight[f][l] > 0 && full[l] <= least * (1 + 1e-12);
      if (stops) stop.push_back(f);
    }
    for (const std::size_t f : stop) level[f] = s.bound[f] <= least * (1 + 1e-12) ? s.bound[f] : least;
    fixed += stop.size();
  }
  return level;
}

// Feasible, and every flow is at its bound or has a full link on which no flow is higher (Bertsekas and Gallager, §6.5.2).
inline bool is_max_min(const Sharing& s, const std::vector<double>& level, double tolerance = 1e-9) {
  const std::size_t flows = s.bound.size(), links = flows ? s.weight[0].size() : 0;
  for (std::size_t l = 0; l < links; ++l)
    if (used(s, level, l) > 1 + tolerance) return false;
  for (std::size_t f = 0; f < flows; ++f) {
    bool held = level[f] >= s.bound[f] * (1 - tolerance);
    for (std::size_t l = 0; l < links && !held; ++l) {
      held = s.weight[f][l] > 0 && used(s, level, l) >= 1 - tolerance;
      for (std::size_t g = 0; g < flows; ++g) held &= s.weight[g][l] == 0 || level[g] <= level[f] * (1 + tolerance);
    }
    if (!held || level[f] > s.bound[f] * (1 + tolerance)) return false;
  }
  return true;
}

}  // namespace orrery::reference
