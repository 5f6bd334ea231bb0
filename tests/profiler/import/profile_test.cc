#include "profiler/import/profile.h"

#include <gtest/gtest.h>

#include "profiler/import/json_scan.h"
#include "profiler/import/text.h"
#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

TEST(Spread, QuartilesLieBetweenSamples) {
  const Spread s = spread_of({4, 1, 3, 2, 5});
  EXPECT_EQ(s, (Spread{5, 1, 2, 3, 4, 5}));
  EXPECT_EQ(spread_of({7}), (Spread{1, 7, 7, 7, 7, 7}));
  EXPECT_DOUBLE_EQ(spread_of({1, 2}).median, 1.5);
}

TEST(Collector, KeepsConditionsApartInTheOrderOfTheFirst) {
  Collector c;
  c.add({.what = What::matmul, .m = 2}, 3);
  c.add({.what = What::matmul, .n = 2}, 5);  // not the same as m = 2
  c.add({.what = What::matmul, .m = 2}, 4);
  const std::vector<Measurement> all = c.finish();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].value.count, 2);
  EXPECT_DOUBLE_EQ(all[0].value.median, 3.5);
  EXPECT_EQ(all[1].n, 2);
}

// What is written reads back equal, from every sample, and importing the document gives the same sources.
TEST(Profile, RoundTrips) {
  for (const char* name :
       {"all_reduce.txt", "all_gather.json", "bandwidth.json", "overlap.json", "p2p.json", "computation.json",
        "memory.json", "trace.json.gz", "megatron.log", "torchtitan.log", "mlperf.log"}) {
    const std::vector<Source> sources = import_sources(sample(name), name, 0xfedcba9876543210);
    const std::string text = write_profile(sources).dump();
    const std::vector<Source> back = import_sources(text, "profile.json", 2);
    ASSERT_EQ(back.size(), 1u) << name;
    EXPECT_EQ(back[0].digest, 0xfedcba9876543210);
    EXPECT_EQ(back[0].measurements, sources[0].measurements) << name;
    EXPECT_EQ(write_profile(back).dump(), text) << name;
  }
}

TEST(Import, RefusesWhatItDoesNotKnow) {
  const auto error = [](const std::string& text) { return error_of([&] { import_one(text); }); };
  EXPECT_NE(error("hello\n").find("expected output of nccl-tests (text or JSON)"), std::string::npos);
  EXPECT_NE(error("").find("found a text of another kind"), std::string::npos);
  EXPECT_NE(error(R"({"a": 1})").find("found a JSON object of another kind"), std::string::npos);
  EXPECT_NE(error(R"({"schema": "orrery.plan/1"})").find("/schema: expected \"orrery.profile/1\""),
            std::string::npos);
  // Galvatron's plans are not its profiles.
  EXPECT_NE(error(R"({"pp_deg": 1, "tp_sizes_enc": "1,1", "chunks": 1})").find("another kind"),
            std::string::npos);
}

TEST(Text, NumbersBehindLabels) {
  EXPECT_EQ(number_after("tps: 30,768  mfu", "tps:"), 30768);
  EXPECT_EQ(number_after("batch size 8, sequence", "batch size"), 8);
  EXPECT_EQ(number_after("loss: nan |", "loss:"), std::nullopt);
  EXPECT_EQ(number_after("loss: 1e999", "loss:"), std::nullopt);
  EXPECT_EQ(plain("\x1b[38;2;1;2;3mstep: 1\x1b[0m\r"), "step: 1");
  EXPECT_EQ(plain("\x1b["), "");
  EXPECT_EQ(integer_of("-1"), std::nullopt);
  EXPECT_EQ(integer_of("1.5"), std::nullopt);
}

TEST(JsonScan, CutsValuesOutByBracketsAndQuotes) {
  std::vector<std::string> seen;
  const auto keep = [&](std::string_view key, std::string_view value) {
    seen.push_back(std::string(key) + "=" + std::string(value));
    return true;
  };
  EXPECT_TRUE(scan_members(R"( {"a": [1, "]}"], "b\"": {"c": "\\"}, "d": 1.5e3 , "e":null})", keep));
  EXPECT_EQ(seen, (std::vector<std::string>{R"(a=[1, "]}"])", R"(b\"={"c": "\\"})", "d=1.5e3", "e=null"}));
  for (const char* cut : {"", "{", "{\"a", "{\"a\":", "{\"a\": [1, 2", "[{\"x\": \"\\", "[1,", "x"})
    EXPECT_FALSE(scan_members(cut, keep)) << cut;
}

}  // namespace
}  // namespace orrery
