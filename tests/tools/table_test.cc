#include "tools/table.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

Table example() {
  Table t({"name", ">n"});
  t.row({"µ, \"quoted\"", "7"});
  t.row({"b", "1024"});
  return t;
}

TEST(Table, AlignsByCharactersOnTheScreen) {
  EXPECT_EQ(example().text(),
            "name            n\n"
            "µ, \"quoted\"     7\n"
            "b            1024\n");
}

TEST(Table, QuotesCsvAsRfc4180) { EXPECT_EQ(example().csv(), "name,n\r\n\"µ, \"\"quoted\"\"\",7\r\nb,1024\r\n"); }

TEST(Table, WritesMarkdown) {
  EXPECT_EQ(example().markdown(), "| name | n |\n|---|---:|\n| µ, \"quoted\" | 7 |\n| b | 1024 |\n");
}

}  // namespace
}  // namespace orrery
