#include "planner/whatif/values.h"

#include <gtest/gtest.h>

#include "tests/base/error_of.h"

namespace orrery {
namespace {

std::string values(std::string_view text) {
  std::string out;
  for (const Json& v : parse_values(text, {"--set x", "", 0}))
    out += (out.empty() ? "" : " ") + v.dump(false);
  return out;
}

TEST(Values, ListsKeepTheirKinds) {
  EXPECT_EQ(values("1,2,4"), "1 2 4");
  EXPECT_EQ(values("1.5, 2e3,-3"), "1.5 2000.0 -3");
  EXPECT_EQ(values("200 Gb/s,400 Gb/s"), R"("200 Gb/s" "400 Gb/s")");
  EXPECT_EQ(values("h100-sxm,true,false,null,\"8\""), R"("h100-sxm" true false null "8")");
  EXPECT_EQ(values(R"([1,2],[4,8],{"a": "x,y"})"), R"([1,2] [4,8] {"a":"x,y"})");
}

TEST(Values, RangesAreGeometricOrArithmetic) {
  EXPECT_EQ(values("8..128x2"), "8 16 32 64 128");
  EXPECT_EQ(values("8..100x2"), "8 16 32 64");
  EXPECT_EQ(values("8..32+8"), "8 16 24 32");
  EXPECT_EQ(values("3..5"), "3 4 5");
  EXPECT_EQ(values("7..7"), "7");
  EXPECT_EQ(values("1..2x1.5"), "1.0 1.5");
  EXPECT_EQ(values("0.1..0.3+0.1"), "0.1 0.2 0.30000000000000004");
  EXPECT_EQ(values("1..4x2,100..300+100 Gb/s"), R"(1 2 4 "100 Gb/s" "200 Gb/s" "300 Gb/s")");
}

TEST(Values, SaysWhatIsNoRange) {
  for (const char* bad : {"8..4", "8..16x1", "8..16x0.5", "0..8x2", "8..16+0", "8..16+-1"})
    EXPECT_EQ(error_of([&] { values(bad); }),
              "--set x: expected a range that rises, such as 8..128x2 or 8..128+8, found \"" +
                  std::string(bad) + "\"");
  for (const char* bad : {"8..", "8..x2", "8..16x"})
    EXPECT_NE(error_of([&] { values(bad); }).find("a range such as"), std::string::npos) << bad;
  for (const char* bad : {"", "1,,2", "1,"})
    EXPECT_NE(error_of([&] { values(bad); }).find("a list such as"), std::string::npos) << bad;
  EXPECT_NE(error_of([] { values("1..10000000"); }).find("at most 1,000,000 values"), std::string::npos);
  EXPECT_NE(error_of([] { values("[1,2"); }).find("not JSON"), std::string::npos);
}

}  // namespace
}  // namespace orrery
