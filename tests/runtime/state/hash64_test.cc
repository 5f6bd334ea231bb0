#include "runtime/state/hash64.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

std::uint64_t of(std::string_view text, std::uint64_t seed = 0) {
  return hash64(std::as_bytes(std::span(text.data(), text.size())), seed);
}

// Published: the empty string and "abc" by the authors' test suites; the last, of 63 bytes, passes every
// branch.
TEST(Hash64, IsXxh64) {
  EXPECT_EQ(of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(of("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(of("Call me Ishmael. Some years ago--never mind how long precisely-"), 0x02a2e85470d6fd96u);
}

TEST(Hash64, EveryBitCounts) {
  std::string text(77, 'x');
  const std::uint64_t whole = of(text);
  for (std::size_t i = 0; i < text.size() * 8; ++i) {
    std::string changed = text;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << i % 8));
    EXPECT_NE(of(changed), whole);
  }
  EXPECT_NE(of(text, 1), whole);
}

TEST(Hash64, Hex) { EXPECT_EQ(hex(0x02a2e85470d6fd96u), "02a2e85470d6fd96"); }

}  // namespace
}  // namespace orrery
