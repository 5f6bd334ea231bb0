// The CPU backend as a device to measure on. Ranks are threads of this process.
#pragma once
#include "profiler/measure/device.h"

namespace orrery {

WithDevice cpu_device();
WithRanks cpu_ranks();

}  // namespace orrery
