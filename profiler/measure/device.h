// A device to measure on, whatever backend plays it.
#pragma once
#include <functional>

#include "runtime/backend.h"

namespace orrery {

// Makes a backend of one rank without peers that can allocate so much, and calls with it. What was allocated
// is freed when the call returns.
using WithDevice = std::function<void(Bytes memory, const std::function<void(Backend&)>&)>;

// Makes ranks on this machine that can talk to each other, and calls on each at once. Throws what any threw.
using WithRanks = std::function<void(std::uint32_t ranks, Bytes memory,
                                     const std::function<void(Backend&, std::uint32_t rank)>&)>;

}  // namespace orrery
