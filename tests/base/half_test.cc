#include "sim/base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace orrery {
namespace {

// fp16 by its definition: sign, exponent with bias 15, fraction of 10 bits.
TEST(Half, Fp16IsExact) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const std::uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float sign = bits >> 15 ? -1.0F : 1.0F, got = to_float(Fp16{static_cast<std::uint16_t>(bits)});
    if (exponent == 31) {
      EXPECT_TRUE(fraction ? std::isnan(got) : got == sign * std::numeric_limits<float>::infinity());
    } else {
      const float magnitude =
          exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                        : std::ldexp(static_cast<float>(1024 + fraction), static_cast<int>(exponent) - 25);
      EXPECT_EQ(got, sign * magnitude);
      EXPECT_EQ(std::signbit(got), bits >> 15 == 1);
    }
  }
}

// All bf16 come back; what lies between two goes to the nearer one, the middle to the even one.
TEST(Half, Bf16RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const Bf16 exact{static_cast<std::uint16_t>(bits)};
    const float x = to_float(exact);
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(to_float(to_bf16(x))));
      continue;
    }
    ASSERT_EQ(to_bf16(x).bits, bits);
    if (std::isinf(x)) continue;
    const auto with = [&](std::uint32_t low) { return std::bit_cast<float>(bits << 16 | low); };
    ASSERT_EQ(to_bf16(with(0x7fffU)).bits, bits);
    ASSERT_EQ(to_bf16(with(0x8001U)).bits, bits + 1);
    ASSERT_EQ(to_bf16(with(0x8000U)).bits, bits + (bits & 1U));
  }
}

}  // namespace
}  // namespace orrery
