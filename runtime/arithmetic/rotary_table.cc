#include "runtime/arithmetic/rotary_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace orrery {
namespace {

// Radians a position of pair i, as Llama 3.1 stretches them (see Rotary).
double angular_speed(const Rotary& r, std::int64_t i, std::int64_t head_dim) {
  const double speed = std::pow(r.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
  if (r.original == 0) return speed;
  const double turns = r.original * speed / (2 * std::numbers::pi);
  const double kept = std::clamp((turns - r.low) / (r.high - r.low), 0.0, 1.0);
  return speed * (kept + (1 - kept) / r.factor);
}

}  // namespace

std::vector<float> rotary_table(const Rotary& rotary, std::int64_t positions, std::int64_t head_dim) {
  std::vector<float> out(static_cast<std::size_t>(positions * head_dim));
  const std::int64_t pairs = head_dim / 2;
  for (std::int64_t p = 0; p < positions; ++p)
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(p) * angular_speed(rotary, i, head_dim);
      float* row = out.data() + p * head_dim;
      row[i] = static_cast<float>(std::cos(angle));
      row[pairs + i] = static_cast<float>(std::sin(angle));
    }
  return out;
}

}  // namespace orrery
