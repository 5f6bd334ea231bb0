// Numbers of PTX on the host: 16-bit formats, flushing of subnormals, directed rounding, minimum and maximum.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/fake_cuda/ptx/lanes.h"

namespace orrery::ptx {

enum class Rounding : std::uint8_t {
  nearest,
  zero,
  down,
  up,
  integer_nearest,
  integer_zero,
  integer_down,
  integer_up
};

inline float to_float(Bfloat x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }
float to_float(Half x);
inline double to_double(Half x) { return static_cast<double>(to_float(x)); }
inline double to_double(Bfloat x) { return static_cast<double>(to_float(x)); }

// To nearest even or toward zero; NaN becomes the canonical 0x7fff.
Half half_of(double, Rounding = Rounding::nearest);
Bfloat bfloat_of(double, Rounding = Rounding::nearest);
inline Bfloat bfloat_of_float(float x) {  // to nearest even
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? 0x7fffU : rounded)};
}

// p + c rounded to odd: rounding the result to 24 bits or fewer is rounding the exact sum (Boldo and
// Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).
double sum_to_odd(double p, double c);

// a * b + c, rounded toward zero, down or up.
float fused_directed(float a, float b, float c, Rounding);

// Subnormals become zeros of their sign.
inline float flush(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return (bits & 0x7f800000U) == 0 ? std::bit_cast<float>(bits & 0x80000000U) : x;
}

// The number if one operand is NaN; -0 < +0.
template <class T>
T minimum(T a, T b) {
  if (a == b) return std::signbit(a) ? a : b;
  return a < b || b != b ? a : b;
}
template <class T>
T maximum(T a, T b) {
  if (a == b) return std::signbit(a) ? b : a;
  return a > b || b != b ? a : b;
}

}  // namespace orrery::ptx
