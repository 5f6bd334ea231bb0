#include "sim/base/quantity.h"

#include "sim/base/error.h"

namespace orrery {

Tick to_ticks(Seconds t) {
  ORRERY_CHECK(t.v >= 0 && t.v < 1e6);
  return {static_cast<std::int64_t>(t.v * 1e12 + 0.5)};
}

}  // namespace orrery
