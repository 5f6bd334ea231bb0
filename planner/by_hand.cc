#include "planner/by_hand.h"

#include <algorithm>

namespace orrery {
namespace {

struct Hands {
  const Scenario& scenario;
  const Calibration& calibration;
  const Origin& origin;
  Executor& executor;
  Watch& watch;

  std::optional<Found> best_of(Search kind) const {
    Scenario s = scenario;
    kind.cp = {1};
    kind.recompute = {Recompute::none, Recompute::full};
    kind.top = 1;
    s.search = kind;
    SearchResult result = search(s, calibration, origin, executor, watch);
    if (result.best.empty()) return {};
    return std::move(result.best.front());
  }

  std::optional<Found> megatron() const {
    const std::int64_t ranks = scenario.cluster.ranks(), node = scenario.cluster.groups.front().node.gpus;
    for (std::int64_t parts = 1; parts <= ranks && !watch.stop(); ++parts) {
      const std::int64_t tp = std::min(parts, node);
      if (ranks % parts != 0 || parts % tp != 0) continue;
      Search kind;
      kind.tp = {tp};
      kind.pp = {parts / tp};
      kind.zero = {Zero::none};
      if (auto found = best_of(kind)) return found;
    }
    return {};
  }
};

Search pure(std::int64_t tp, std::int64_t pp, Zero zero) {
  Search kind;
  kind.tp = {tp};
  kind.pp = {pp};
  kind.virtual_stages = {1};
  kind.zero = {zero};
  return kind;
}

}  // namespace

std::vector<ByHand> plans_by_hand(const Scenario& scenario, const Calibration& calibration, const Origin& origin,
                                  Executor& executor, Watch& watch) {
  const Hands by{scenario, calibration, origin, executor, watch};
  const std::int64_t ranks = scenario.cluster.ranks();
  std::vector<ByHand> out;
  const auto add = [&](std::string_view name, std::optional<Found> best) {
    if (!watch.stop()) out.push_back({name, std::move(best)});
  };
  add("data parallel", by.best_of(pure(1, 1, Zero::none)));
  add("fully sharded", by.best_of(pure(1, 1, Zero::full)));
  add("tensor parallel", by.best_of(pure(ranks, 1, Zero::none)));
  add("pipeline", by.best_of(pure(1, ranks, Zero::none)));
  add("Megatron-LM", by.megatron());
  add("DeepSpeed 3D", by.best_of(pure(2, 2, Zero::optimizer)));
  return out;
}

}  // namespace orrery
