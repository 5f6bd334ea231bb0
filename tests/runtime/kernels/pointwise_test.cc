#include "runtime/arithmetic/pointwise.h"

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

}  // namespace
}  // namespace orrery
