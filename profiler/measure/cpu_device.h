// The CPU backend as a device to measure on. Ranks are threads of this process.
#pragma once
#include "profiler/measure/device.h"
#include "runtime/comm/engine.h"
#include "runtime/comm/region.h"

namespace orrery {

WithDevice cpu_device();
WithRanks cpu_ranks();

// Ranks that are threads, connected over shared memory of `arena` bytes each. Throws what any threw; the
// others end for that reason.
using EngineBody = std::function<void(comm::Engine&, comm::Region&, std::uint32_t rank)>;
void with_engines(std::uint32_t ranks, Bytes arena, const EngineBody&);

}  // namespace orrery
