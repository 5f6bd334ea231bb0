// The 16-bit floating-point types, as bits, to and from fp32: to fp32 exact, from it rounded to nearest, ties
// to even; NaN stays NaN. Without branches on data, for loops that are to be vectorised.
#pragma once
#include <bit>
#include <cstdint>

#include "sim/base/host_device.h"

namespace orrery {

struct Bf16 {
  std::uint16_t bits = 0;
  bool operator==(const Bf16&) const = default;
};
struct Fp16 {
  std::uint16_t bits = 0;
};

ORRERY_HOST_DEVICE float to_float(Bf16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

ORRERY_HOST_DEVICE Bf16 to_bf16(float x) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t nearest = (u + 0x7fffU + ((u >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>(x == x ? nearest : (u >> 16) | 0x40U)};
}

// The exponent is rebiased by a product with 2^112, which also makes subnormals normal.
ORRERY_HOST_DEVICE float to_float(Fp16 x) {
  const std::uint32_t sign = (x.bits & 0x8000U) << 16, magnitude = (x.bits & 0x7fffU) << 13;
  const float finite = std::bit_cast<float>(magnitude) * 0x1p112F;
  return std::bit_cast<float>(sign | ((x.bits & 0x7c00U) == 0x7c00U ? 0x7f800000U | magnitude
                                                                    : std::bit_cast<std::uint32_t>(finite)));
}

}  // namespace orrery
