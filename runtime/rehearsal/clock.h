// The clock of a rehearsal. Virtual: a moment has come as soon as nothing before it is left to do, so a step
// takes no time at all. Real: durations are slept, `stretch` times as long as they are; the clock divides by
// it again, so that ticks are comparable to those predicted.
#pragma once
#include <chrono>
#include <cmath>

#include "sim/base/quantity.h"

namespace orrery::rehearsal {

class Clock {
 public:
  static Clock simulated() { return Clock(0); }
  static Clock real(double stretch) { return Clock(stretch); }

  bool is_real() const { return stretch_ > 0; }
  // Whether `t` has come.
  bool passed(Tick t) const { return !is_real() || std::chrono::steady_clock::now() >= when(t); }
  // The time at which something that could happen from `t` on does. Requires passed(t).
  Tick read(Tick t) const { return is_real() ? now() : t; }
  // Of a real clock.
  std::chrono::steady_clock::time_point when(Tick t) const {
    const double ns = static_cast<double>(t.v) * stretch_ / 1000;
    return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(ns)));
  }
  Tick now() const {
    const auto ns =
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_).count();
    return {static_cast<std::int64_t>(ns * 1000 / stretch_)};
  }

 private:
  explicit Clock(double stretch) : stretch_(stretch), start_(std::chrono::steady_clock::now()) {}
  double stretch_;  // 0: simulated
  std::chrono::steady_clock::time_point start_;
};

}  // namespace orrery::rehearsal
