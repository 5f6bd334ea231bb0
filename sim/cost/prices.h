// What the price of a cost class is. Apart from price.h, so that the engine needs no calibration.
#pragma once
#include <cstdint>

#include "sim/base/quantity.h"

namespace orrery {

enum class Evidence : std::uint8_t { measured, calibrated, datasheet, assumed };

struct Price {
  Tick fixed{}, flow{}, launch{};     // launch: time of the host thread
  Tick total() const { return fixed + flow; }
  bool operator==(const Price&) const = default;
};

}  // namespace orrery
