// Finds ranks that died, stopped or never came, and ends the communication of all others with the reason. A
// thread a rank: it beats its own heart on the board, looks at the other hearts and at their processes, and
// at how long communications wait. Clocks of ranks are never compared: a heart is a counter.
#pragma once
#include <cstdint>
#include <memory>

#include "runtime/comm/board.h"

namespace orrery::comm {

struct WatchdogOptions {
  std::int64_t beat_ms = 100;
  std::int64_t silence_ms = 10'000;  // without a heartbeat a rank counts as stopped
  std::int64_t wait_ms = 600'000;    // a communication that waits longer fails
};

class Watchdog {
 public:
  Watchdog(std::uint32_t rank, Board&, WatchdogOptions = {});
  ~Watchdog();  // the rank has finished

 private:
  class Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace orrery::comm
