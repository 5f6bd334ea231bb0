// The space that the first planner searches: uniform plans, one strategy for all layers and even stages, over
// the devices of one cluster. Values that a scenario's search doesn't name are chosen so:
//   tp               divisors of a node's devices: tensor parallelism within NVLink
//   cp               1, and powers of two that leave a rank 4,096 tokens of a sequence
//   pp               divisors of what is left, at most one stage a layer
//   dp               what is left; a search that names dp keeps only these
//   virtual stages   1, and those that cut the layers evenly, alone or with both ends (where none does: 2 and 4)
//   cuts             even; where embedding and head, a layer's place each, make even what the layers alone don't, so
//   schedules        pp > 1: GPipe, 1F1B, interleaved for more than one virtual stage; pp = 1: 1F1B
//   micro-batch      what divides a replica's share of the global batch, up to 8, and powers of two beyond
//   ZeRO             0 to 3; without data parallelism there is nothing to shard, and only 0 is tried
//   recompute        none, selective, full; with fused attention selective is none, and is tried once
//   sequence parallel  with tp > 1
// Everything else (kernels, overlap, buckets) is as in the scenario's own plan, or as a plan's defaults.
#pragma once
#include <vector>

#include "sim/scenario.h"

namespace orrery {

// In a fixed order, each once. Values that a search names are taken as they are, so that plans which can't be are
// among them: violation() says why.
std::vector<Plan> uniform_plans(const Scenario&);

}  // namespace orrery
