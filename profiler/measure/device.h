// A device to measure on, whatever backend plays it.
#pragma once
#include <functional>
#include <vector>

#include "runtime/backend.h"

namespace orrery {

// Makes a backend of one rank without peers that can allocate so much, and calls with it. What was allocated
// is freed when the call returns.
using WithDevice = std::function<void(Bytes memory, const std::function<void(Backend&)>&)>;

// What one rank does, and what it has measured.
using RankMeasures = std::function<std::vector<double>(Backend&, std::uint32_t rank)>;

// Makes ranks 0 to `ranks` - 1, which can talk to each other, and calls on each at once. Returns what each
// returned. Throws what any threw.
using WithRanks =
    std::function<std::vector<std::vector<double>>(std::uint32_t ranks, Bytes memory, const RankMeasures&)>;

}  // namespace orrery
