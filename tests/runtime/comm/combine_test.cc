// Arithmetic of received elements against its definition, bit for bit.
#include "runtime/comm/combine.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace orrery::comm {
namespace {

float widen(std::uint16_t x) { return std::bit_cast<float>(std::uint32_t{x} << 16); }

std::uint16_t combined(Apply apply, std::uint16_t a, std::uint16_t b) {
  std::uint16_t out = 0;
  combine(apply, DType::bf16, reinterpret_cast<std::byte*>(&out), reinterpret_cast<std::byte*>(&a),
          reinterpret_cast<std::byte*>(&b), 2);
  return out;
}

// Of the two bf16 around x the nearer, at a tie the one whose last bit is 0: by comparing distances.
std::uint16_t nearest(float x) {
  const auto below = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16);
  const auto above = static_cast<std::uint16_t>(below + 1);
  const double down = std::abs(double{x} - widen(below)), up = std::abs(double{widen(above)} - x);
  return down < up || (down == up && below % 2 == 0) ? below : above;
}

TEST(Combine, Bf16SumsAreRoundedToNearestEven) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto a = static_cast<std::uint16_t>(random()), b = static_cast<std::uint16_t>(random());
    const float sum = widen(a) + widen(b);
    if (!std::isfinite(sum) || std::abs(sum) > 1e38F) continue;
    ASSERT_EQ(combined(Apply::sum, a, b), nearest(sum)) << widen(a) << " + " << widen(b);
  }
}

TEST(Combine, TooLargeBf16SumsAreInfiniteAndNaNsStay) {
  const std::uint16_t largest = 0x7f7f, infinity = 0x7f80, nan = 0x7fc0;
  EXPECT_EQ(combined(Apply::sum, largest, largest), infinity);
  EXPECT_TRUE(std::isnan(widen(combined(Apply::sum, nan, 0))));
  EXPECT_TRUE(std::isnan(widen(combined(Apply::sum, infinity, infinity | 0x8000))));
  EXPECT_TRUE(std::isnan(widen(combined(Apply::max, nan, 0))));
  EXPECT_TRUE(std::isnan(widen(combined(Apply::max, 0, nan))));
}

TEST(Combine, MaximumCommutesBitForBit) {
  EXPECT_EQ(combined(Apply::max, 0x8000, 0), 0);
  EXPECT_EQ(combined(Apply::max, 0, 0x8000), 0);
  EXPECT_EQ(combined(Apply::max, 0x8000, 0x8000), 0x8000);
  EXPECT_EQ(combined(Apply::max, 0xbf80, 0x3f80), 0x3f80);
}

// Vector bodies and remainders give what single elements give; the target may be an operand.
TEST(Combine, AnyLengthInPlaceOrNot) {
  std::mt19937 random(2);
  for (std::size_t n = 0; n < 200; ++n) {
    std::vector<float> a(n), b(n), out(n);
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<float>(random()) - 2e9F;
      b[i] = static_cast<float>(random()) - 2e9F;
    }
    for (const Apply apply : {Apply::copy, Apply::sum, Apply::max}) {
      auto in_place = a;
      const auto bytes = [](auto& v) { return reinterpret_cast<std::byte*>(v.data()); };
      combine(apply, DType::fp32, bytes(out), bytes(a), bytes(b), 4 * n);
      combine(apply, DType::fp32, bytes(in_place), bytes(in_place), bytes(b), 4 * n);
      for (std::size_t i = 0; i < n; ++i) {
        const float expected = apply == Apply::copy  ? b[i]
                               : apply == Apply::sum ? a[i] + b[i]
                                                     : std::max(a[i], b[i]);
        ASSERT_EQ(out[i], expected);
        ASSERT_EQ(in_place[i], expected);
      }
    }
  }
}

}  // namespace
}  // namespace orrery::comm
