// The best plan under Galvatron's cost model, and the proof. Start here. All frames (how the step is divided,
// how wide layers are split) are bounded with memory, layers mixing in fractions; then the least bound first,
// each is solved exactly, until the next bound reaches the best plan. Complete searches prove it: no plan of
// the space is faster.
#pragma once
#include <optional>

#include "planner/galvatron/frame.h"
#include "sim/base/interfaces.h"

namespace orrery::galvatron {

struct Certificate {
  std::size_t cases = 0;      // frames, for each strategy of embedding and head
  std::size_t too_large = 0;  // in which nothing fits
  std::size_t bounded = 0;    // whose bound reached the best plan
  std::size_t solved = 0;
  std::size_t mixtures = 0;  // kept while solving
  std::size_t open = 0;      // left unsolved: stopped, or above Options::most
  double log10_plans = 0;    // of the space
  Tick lower_bound{};        // of the step, over the space; the step itself if nothing is open
  bool operator==(const Certificate&) const = default;
};

struct Result {
  std::optional<Plan> best;
  Price price;  // of `best`
  Certificate certificate;
};

// Requires batch >= 1. Deterministic, but for when `watch` stops it.
Result search(const CostModel&, std::int64_t batch, const Options&, Watch&);

}  // namespace orrery::galvatron
