// One step under many prices: as simulate() of each, but the static replays ride in lanes. Of a static replay
// no more is looked at than the ends of the transfers that use a link which can be full; where two of them
// overlap, or communication slows compute, that what-if is replayed alone with events.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/lanes.h"
#include "sim/engine/simulate.h"

namespace orrery {

// Memory that replays reuse; nothing in it is an input or a result.
struct LaneSimulationWorkspace {
  LaneWorkspace lanes;
  SimulationWorkspace alone;
  Timeline timeline;
  std::vector<std::uint32_t> observed;        // rows of blocks of one slot that use such a link, in order
  std::vector<std::uint32_t> first_observed;  // by block, into the above; and one more
  std::vector<Tick> makespans;
};

// By question: its prices, one a class, and what it can share; 1 to `lane_count` of them. The same results as
// simulate(), but for SharedCount, which is 0 where nothing was replayed with events.
void simulate_lanes(const Program&, std::span<const std::vector<Price>> prices, std::span<const SharedInput>,
                    Replay, LaneSimulationWorkspace&, std::span<Simulation> out);

}  // namespace orrery
