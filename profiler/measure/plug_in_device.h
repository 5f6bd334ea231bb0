// A backend of a plug-in as a device to measure on. Ranks are threads of this process, each with a device of
// its own.
#pragma once
#include <string>

#include "profiler/measure/device.h"

namespace orrery {

// `plug_in`: the path of the library. Both throw a DeviceError where there is no such device.
WithDevice plug_in_device(const std::string& plug_in);
WithRanks plug_in_ranks(const std::string& plug_in);

}  // namespace orrery
