#include "sim/base/utf8.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

// By decoding: a character is well formed if its code point is in range, written as short as it goes.
std::size_t decoded_length(unsigned a, unsigned b, unsigned c) {
  const auto tail = [](unsigned x) { return (x & 0xC0U) == 0x80U; };
  if (a < 0x80) return 1;
  if ((a & 0xE0U) == 0xC0U && tail(b)) return (((a & 0x1FU) << 6U) | (b & 0x3FU)) >= 0x80 ? 2 : 0;
  if ((a & 0xF0U) == 0xE0U && tail(b) && tail(c)) {
    const unsigned point = ((a & 0x0FU) << 12U) | ((b & 0x3FU) << 6U) | (c & 0x3FU);
    return point >= 0x800 && (point < 0xD800 || point > 0xDFFF) ? 3 : 0;
  }
  return 0;
}

TEST(Utf8, AgreesWithDecodingOnAllTriplesOfInterest) {
  const unsigned edges[] = {0x00, 0x28, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                            0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xFF};
  for (unsigned a = 0; a < 0xF0; ++a)
    for (const unsigned b : edges)
      for (const unsigned c : edges) {
        const char text[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)};
        EXPECT_EQ(utf8_length({text, 3}, 0), decoded_length(a, b, c)) << a << ' ' << b << ' ' << c;
      }
}

TEST(Utf8, FourBytesEndAtTheLastCodePoint) {
  EXPECT_EQ(utf8_length("\xF0\x9F\x94\xAD", 0), 4U);  // a telescope
  EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF", 0), 4U);
  EXPECT_EQ(utf8_length("\xF4\x90\x80\x80", 0), 0U);
  EXPECT_EQ(utf8_length("\xF0\x8F\xBF\xBF", 0), 0U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x94", 0), 0U);
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(not_utf8("plain \xC3\xA9"), std::string_view::npos);
  EXPECT_EQ(not_utf8("ab\xC3"), 2U);
  EXPECT_EQ(not_utf8(""), std::string_view::npos);
}

TEST(Utf8, QuotesForMessages) {
  EXPECT_EQ(quoted("a\nb\xFF"), "\"a\\x0Ab\\xFF\"");
  EXPECT_EQ(quoted("abcdef", 3), "\"abc...\"");
  EXPECT_EQ(quoted("ab\xC3\xA9", 3), "\"ab...\"");
}

}  // namespace
}  // namespace orrery
