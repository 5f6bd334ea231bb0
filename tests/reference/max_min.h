// Max-min fair levels by the definition, as slow as it is simple: the oracle for engine::MaxMin (whose header has the
// problem). Flows and links are as there; each round looks at everything.
//
// Progressive filling: all flows that have not stopped are at one level. Raise it until a flow reaches its bound or a
// link is full; stop those flows, or all flows of that link; repeat. At most one round a flow, each of which visits all
// flows of all links: O(flows^2 * links).
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace orrery::test {

struct MaxMinFlow {
  struct Use {
    std::uint32_t link = 0;
    double weight = 0;               // of the link's capacity at level 1; > 0
  };
  std::vector<Use> uses;             // each link at most once
  double bound = 1;                  // > 0
};

// The level of each flow.
inline std::vector<double> max_min(std::uint32_t links, const std::vector<MaxMinFlow>& flows) {
  std::vector<double> level(flows.size(), -1);  // -1: has not stopped
  for (;;) {
    double next = std::numeric_limits<double>::infinity();
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (level[f] < 0) next = std::min(next, flows[f].bound);
    }
    std::vector<double> fills_at(links, std::numeric_limits<double>::infinity());
    for (std::uint32_t l = 0; l < links; ++l) {
      double taken = 0, rising = 0;
      for (std::size_t f = 0; f < flows.size(); ++f) {
        for (const MaxMinFlow::Use& u : flows[f].uses) {
          if (u.link == l) (level[f] < 0 ? rising : taken) += u.weight * (level[f] < 0 ? 1 : level[f]);
        }
      }
      if (rising > 0) fills_at[l] = std::max(0.0, (1 - taken) / rising);
      next = std::min(next, fills_at[l]);
    }
    bool stopped = false;
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (level[f] >= 0) continue;
      bool stop = flows[f].bound <= next;
      for (const MaxMinFlow::Use& u : flows[f].uses) stop = stop || fills_at[u.link] <= next;
      if (!stop) continue;
      level[f] = next;
      stopped = true;
    }
    if (!stopped) return level;
  }
}

// Whether levels are feasible and each flow is held back, by the theorem that characterises max-min fairness: a flow
// is at its bound, or uses a full link on which no flow is higher (Bertsekas and Gallager, Data Networks, 1992,
// §6.5.2). A check that does not fill.
inline bool is_max_min_fair(std::uint32_t links, const std::vector<MaxMinFlow>& flows, const std::vector<double>& level,
                            double tolerance = 1e-9) {
  std::vector<double> used(links), highest(links);
  for (std::size_t f = 0; f < flows.size(); ++f) {
    if (level[f] < 0 || level[f] > flows[f].bound + tolerance) return false;
    for (const MaxMinFlow::Use& u : flows[f].uses) {
      used[u.link] += u.weight * level[f];
      highest[u.link] = std::max(highest[u.link], level[f]);
    }
  }
  if (std::any_of(used.begin(), used.end(), [&](double u) { return u > 1 + tolerance; })) return false;
  for (std::size_t f = 0; f < flows.size(); ++f) {
    const auto holds = [&](const MaxMinFlow::Use& u) {
      return used[u.link] >= 1 - tolerance && level[f] >= highest[u.link] - tolerance;
    };
    if (level[f] < flows[f].bound - tolerance && std::none_of(flows[f].uses.begin(), flows[f].uses.end(), holds)) {
      return false;
    }
  }
  return true;
}

}  // namespace orrery::test
