#include "sim/program/print.h"

#include <gtest/gtest.h>

#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery {
namespace {

Program small() {
  Plan p = testing::plan({.tp = 2, .pp = 2});
  return compile(testing::llama(2, 64, 4, 4, 128, 512), testing::cluster(4), testing::training(32, 2), p);
}

TEST(Print, FirstLinesOfARank) {
  const std::string text = listing(small(), RankId{2});
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "id       rank   stream           micro-batch stage layer pass            instruction            "
            "                                 waits");
  EXPECT_NE(text.find("receive_previous 0           1     1     forward"), std::string::npos)
      << text.substr(0, 2000);
  EXPECT_NE(text.find("qkv 32x96x64 bf16"), std::string::npos);
}

TEST(Print, FoldedRanksAreShownByTheirRepresentative) {
  EXPECT_EQ(listing(small(), RankId{3}), listing(small(), RankId{2}));
  EXPECT_NE(listing(small(), RankId{0}), listing(small(), RankId{2}));
}

TEST(Print, NoSuchRank) { EXPECT_EQ(listing(small(), RankId{4}), ""); }

TEST(Print, InspectionCountsWhatTheProgramHolds) {
  const Program p = small();
  const Json j = inspect(p);
  EXPECT_EQ(j.find("schema")->string(), "orrery.program/1");
  EXPECT_EQ(j.find("calls")->items().size(), p.call_count());
  EXPECT_EQ(j.find("blocks")->items().size(), p.blocks.size());
  EXPECT_EQ(j.find("instructions")->integer(), static_cast<std::int64_t>(p.size()));
  EXPECT_EQ(parse_json(j.dump(), "program").dump(), j.dump());
}

}  // namespace
}  // namespace orrery
