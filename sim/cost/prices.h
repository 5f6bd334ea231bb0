// What the price of a cost class is. Apart from price.h, so that the engine needs no calibration.
#pragma once
#include <cstdint>

#include "sim/base/quantity.h"

namespace orrery {

// From the strongest to the weakest.
enum class Evidence : std::uint8_t { measured, calibrated, datasheet, assumed };

// fixed: latency and gaps before kernels; flow: bound by bandwidth or arithmetic; launch: time of the host thread.
struct Price {
  Tick fixed{}, flow{}, launch{};     // launch: time of the host thread
  Tick total() const { return fixed + flow; }
  bool operator==(const Price&) const = default;
};

}  // namespace orrery
