// Plans as one makes them by hand, to set a searched plan beside: the best of each kind under the simulation, over
// micro-batches, schedules, and recomputation of no or of all layers.
//   data parallel     DDP
//   fully sharded     ZeRO-3 over all devices
//   tensor parallel   over all devices
//   pipeline          a stage a device
//   Megatron-LM       the rules of Narayanan et al. 2021 (SC'21, takeaways 1 to 3): the least model parallelism that fits,
//                     tensor parallelism first and within a node, then stages, interleaved or not; the rest data parallel
//   DeepSpeed 3D      two-way tensor parallelism, two stages, the rest data parallel with ZeRO-1: the expert's plan that
//                     Galvatron is compared with (Miao et al. 2022)
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "planner/search.h"

namespace orrery {

struct ByHand {
  std::string_view name;
  std::optional<Found> best;  // nothing of the kind is legal and fits
};

// For a cluster of one kind of nodes. Constraints of the scenario's objective hold; what its search names doesn't.
// Fails as search() does. A Watch that stops ends the list early.
std::vector<ByHand> plans_by_hand(const Scenario&, const Calibration&, const Origin&, Executor&, Watch&);

}  // namespace orrery
