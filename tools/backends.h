// What executes: "cpu", which is part of this binary, or a plug-in beside it.
#pragma once
#include <string>

#include "profiler/measure/device.h"

namespace orrery {

// The library of a backend; empty: it is part of this binary. Throws a DeviceError where it is not shipped.
std::string backend_library(const std::string& backend);

// To measure on.
WithDevice device_of(const std::string& backend);
WithRanks ranks_of(const std::string& backend);

}  // namespace orrery
