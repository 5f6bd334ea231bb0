// The problem of one frame of a scenario: a plan's degrees, schedule and micro-batch, with strategies to
// choose from for each layer and lengths for each chunk. Its tables are read from the blocks that compile()
// makes (probe.h), its graph from the schedule's merged order.
//
// The problem's step is at most the static replay's, its memory at most the ledger's, for every plan of the
// frame: what the model leaves out are constraints only. Where nothing is left out the two are equal; both
// are checked on every plan that is simulated.
#pragma once
#include <optional>

#include "planner/exact/frame.h"
#include "planner/exact/measure.h"
#include "sim/evaluate.h"

namespace orrery::exact {

struct FrameModel {
  Plan base;
  std::vector<LayerStrategy> strategies;
  std::vector<std::vector<int>> in_table;  // by table and strategy of the table: into `strategies`
  Problem problem;

  Plan plan(const Choice&) const;
};

// `edges`: the ZeRO stage of the first and the last layer, where they must be alike. `measured`: of `base` or
// of a plan that differs from it in its schedule alone.
FrameModel frame_model(const orrery::Problem&, const Plan& base, const Measurements& measured,
                       std::optional<Zero> edges, double share_of_memory);

}  // namespace orrery::exact
