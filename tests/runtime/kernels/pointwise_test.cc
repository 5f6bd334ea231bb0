#include "runtime/cpu/kernels/pointwise.h"

#include <gtest/gtest.h>

#include <limits>

namespace orrery {
namespace {

double relative(float got, double want) { return std::abs(static_cast<double>(got) - want) / std::abs(want); }

TEST(Pointwise, ExponentialIsAccurateToTwoUnits) {
  for (float x = -87.3F; x < 88.3F; x += 0.00137F)
    ASSERT_LT(relative(fast_exp(x), std::exp(static_cast<double>(x))), 2e-7) << x;
}

TEST(Pointwise, ExponentialAtTheEnds) {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fast_exp(0), 1);
  EXPECT_EQ(fast_exp(-infinite), 0);
  EXPECT_EQ(fast_exp(-1000), 0);
  EXPECT_EQ(fast_exp(1000), infinite);
  EXPECT_EQ(fast_exp(infinite), infinite);
  EXPECT_TRUE(std::isnan(fast_exp(std::numeric_limits<float>::quiet_NaN())));
}

// Deep in the left tail, too, where the usual (1 + erf) / 2 has no digits left. There, rounding z^2 costs z^2
// units.
TEST(Pointwise, NormalDistribution) {
  for (float x = -13; x < 13; x += 0.00091F) {
    const double exact = static_cast<double>(x), tail = 3e-7 * (2 + exact * exact);
    const Normal n = normal(x);
    ASSERT_LT(relative(n.distribution, std::erfc(-exact / std::sqrt(2)) / 2), x < 0 ? tail : 4e-7) << x;
    ASSERT_LT(relative(n.density, std::exp(-exact * exact / 2) / std::sqrt(2 * M_PI)), tail) << x;
  }
}

TEST(Pointwise, ActivationsKeepNoNumberOne) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(activate<Activation::gelu>(nan)));
  EXPECT_TRUE(std::isnan(activate<Activation::gelu_tanh>(nan)));
  EXPECT_TRUE(std::isnan(activate<Activation::relu>(nan)));
  EXPECT_TRUE(std::isnan(activate<Activation::silu>(nan)));
}

// All bf16 come back; what lies between two goes to the nearer one, the middle to the even one.
TEST(Pointwise, Bf16RoundsToNearestEven) {
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
