// The comparison that the transcripts rest on can fail.
#include "tests/tools/shell.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Shell, SeesEveryDifference) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(difference(Lines{"a", "b"}, Lines{"a", "b"}), "");
  EXPECT_EQ(difference(Lines{"a", "..."}, Lines{"a", "b", "c"}), "");
  EXPECT_EQ(difference(Lines{"...", "c"}, Lines{"a", "b", "c"}), "");
  EXPECT_EQ(difference(Lines{"a", "...", "c"}, Lines{"a", "c"}), "");
  EXPECT_EQ(difference(Lines{"a"}, Lines{"a", "b"}), "goes on with: b");
  EXPECT_EQ(difference(Lines{"a", "b"}, Lines{"a"}), "ends before: b");
  EXPECT_EQ(difference(Lines{"...", "d"}, Lines{"a", "b"}), "no line: d");
  EXPECT_EQ(difference(Lines{"a", "x"}, Lines{"a", "b"}), "expected: x\n     got: b");
}

TEST(Shell, TellsStreamsAndCodesApart) {
  const Outcome outcome = Scratch("shell").run("echo one; echo 'plans 3 of 12, about 2 s left' >&2; echo two >&2; exit 3");
  EXPECT_EQ(lines_of(outcome), (std::vector<std::string>{"one", "! two", "[3]"}));
}

}  // namespace
}  // namespace orrery
