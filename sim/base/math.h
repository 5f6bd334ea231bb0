// log2 and exp2 from + - * / alone: the C library's differ between machines in the last bit, and predictions must
// be the same bytes everywhere. Accurate to about 1e-15 relative.
#pragma once
#include <bit>
#include <cstdint>

namespace orrery {

// x > 0 and normal. x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)).
inline double log2(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto e = static_cast<int>((bits >> 52) & 0x7ff) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  double sum = 0.0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * q + 1.0 / k;
  constexpr double two_over_ln2 = 2.8853900817779268;
  return e + two_over_ln2 * s * sum;
}

// |x| < 1000. 2^x = 2^n exp(r ln 2) with r in [-1/2, 1/2].
inline double exp2(double x) {
  const auto n = static_cast<int>(x < 0 ? x - 0.5 : x + 0.5);
  constexpr double ln2 = 0.69314718055994531;
  const double y = (x - n) * ln2;
  double sum = 1.0;
  for (int k = 14; k >= 1; --k) sum = 1.0 + y / k * sum;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

// base > 0.
inline double power(double base, double exponent) { return exp2(exponent * log2(base)); }

}  // namespace orrery
