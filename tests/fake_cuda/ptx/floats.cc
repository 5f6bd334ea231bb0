#include "tests/fake_cuda/ptx/floats.h"

namespace orrery::ptx {
namespace {

// `x` to a format of `mantissa` stored bits and exponents of `exponent_bits`, with round to nearest even or
// to zero.
std::uint16_t narrow(double x, int mantissa, int exponent_bits, Rounding rounding) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const auto infinity = static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << mantissa);
  if (std::isnan(x)) return 0x7fff;
  if (std::isinf(x)) return static_cast<std::uint16_t>(sign | infinity);
  const double size = std::fabs(x);
  if (size == 0) return sign;
  const int exponent = std::max(std::ilogb(size), 1 - bias);
  const double scaled = std::ldexp(size, mantissa - exponent);  // exact; the unit is one of the last place
  double units = rounding == Rounding::nearest ? std::nearbyint(scaled) : std::trunc(scaled);
  // Units of a normal number are 2^mantissa and more; a carry into the next exponent is right as it stands.
  const double bits = units + static_cast<double>(exponent + bias - 1) * std::ldexp(1.0, mantissa);
  if (bits >= infinity)
    return static_cast<std::uint16_t>(sign | (rounding == Rounding::nearest ? infinity : infinity - 1));
  return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(bits));
}

}  // namespace

float to_float(Half x) {
  const std::uint32_t sign = (x.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 31U, mantissa = x.bits & 1023U;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                   : std::bit_cast<float>(((exponent + 112U) << 23) | (mantissa << 13));
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(size) | sign);
}

Half half_of(double x, Rounding rounding) { return {narrow(x, 10, 5, rounding)}; }
Bfloat bfloat_of(double x, Rounding rounding) { return {narrow(x, 7, 8, rounding)}; }

double sum_to_odd(double p, double c) {
  const double sum = p + c;
  const double back = sum - p;
  const double error = (p - (sum - back)) + (c - back);
  if (error == 0 || !std::isfinite(sum) || !std::isfinite(error)) return sum;
  const auto bits = std::bit_cast<std::uint64_t>(sum);
  if ((bits & 1U) != 0) return sum;
  const bool away = (error > 0) == (sum > 0);  // the exact sum is farther from zero
  return std::bit_cast<double>(away ? bits + 1 : bits - 1);
}

float fused_directed(float a, float b, float c, Rounding rounding) {
  const double exact = sum_to_odd(static_cast<double>(a) * static_cast<double>(b), static_cast<double>(c));
  const auto near = static_cast<float>(exact);
  if (!std::isfinite(exact) || static_cast<double>(near) == exact) return near;
  const bool above = static_cast<double>(near) > exact;
  const bool want_down = rounding == Rounding::down || (rounding == Rounding::zero && exact > 0);
  const float infinity = std::numeric_limits<float>::infinity();
  if (want_down) return above ? std::nextafterf(near, -infinity) : near;
  return above ? near : std::nextafterf(near, infinity);
}

}  // namespace orrery::ptx
