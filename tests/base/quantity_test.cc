#include "sim/base/quantity.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Quantity, TicksArePicosecondsRoundedToNearest) {
  EXPECT_EQ(to_ticks(Seconds{1}).v, 1'000'000'000'000);
  EXPECT_EQ(to_ticks(Seconds{1.4e-12}).v, 1);
  EXPECT_EQ(to_ticks(Seconds{1.6e-12}).v, 2);
  EXPECT_EQ(to_seconds(Tick{2'500'000}).v, 2.5e-6);
}

TEST(QuantityDeathTest, TimeOutsideTheRangeIsOurMistake) {
  EXPECT_DEATH(to_ticks(Seconds{-1}), "internal error");
  EXPECT_DEATH(to_ticks(Seconds{1e6}), "internal error");
}

TEST(Quantity, RatesTurnAmountsIntoTime) {
  EXPECT_EQ((Bytes{500} / BytesPerSecond{250}).v, 2.0);
  EXPECT_EQ((Flops{6e12} / FlopsPerSecond{3e12}).v, 2.0);
  EXPECT_LT(Seconds{1}, Seconds{2});
}

}  // namespace
}  // namespace orrery
