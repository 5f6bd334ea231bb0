// The published schema of orrery.profile/1 and its reader, held against each other.
#include <gtest/gtest.h>

#include "tests/profiler/import/samples.h"
#include "tests/scenario/json_schema.h"

namespace orrery {
namespace {

std::string document(const std::string& measurement) {
  return R"({"schema": "orrery.profile/1", "sources": [{"file": "a", "digest": "0123456789abcdef", "format": "f", "measurements": [)" +
         measurement + "]}]}";
}

TEST(ProfileSchema, AcceptsWhatWeWrite) {
  const JsonSchema schema("profile");
  for (const char* name :
       {"all_reduce.txt", "all_gather.json", "bandwidth.json", "overlap.json", "p2p.json", "computation.json",
        "memory.json", "trace.json.gz", "megatron.log", "torchtitan.log", "mlperf.log"}) {
    const std::vector<Source> sources = import_sources(sample(name), name, 1);
    std::string why;
    EXPECT_TRUE(schema.accepts_text(write_profile(sources).dump(), &why)) << name << ": " << why;
  }
}

TEST(ProfileSchema, AgreesWithTheReader) {
  const JsonSchema schema("profile");
  const auto both = [&](const std::string& text) {
    const bool read = error_of([&] { read_profile(parse_json(text, "p"), "p"); }) == "no error";
    EXPECT_EQ(read, schema.accepts_text(text)) << text;
    return read;
  };
  EXPECT_TRUE(both(document("")));
  EXPECT_TRUE(both(document(R"({"what": "step", "unit": "s", "count": 1, "median": 2.5})")));
  EXPECT_TRUE(both(document(
      R"({"what": "loss", "unit": "1", "count": 2, "least": 1, "lower_quartile": 1, "median": 2, "upper_quartile": 3, "most": 3})")));
  for (const char* broken :
       {R"({"what": "steps", "unit": "s", "count": 1, "median": 2.5})",
        R"({"what": "step", "unit": "ms", "count": 1, "median": 2.5})",
        R"({"what": "step", "unit": "s", "count": 0, "median": 2.5})",
        R"({"what": "step", "unit": "s", "count": 2, "median": 2.5})",
        R"({"what": "step", "unit": "s", "count": 1, "median": 2.5, "most": 3})",
        R"({"what": "step", "unit": "s", "count": 1, "median": "2"})",
        R"({"what": "step", "unit": "s", "count": 1, "median": 1, "ranks": -1})",
        R"({"what": "step", "unit": "s", "count": 1, "median": 1, "rnks": 1})",
        R"({"what": "step", "unit": "s", "count": 1, "median": 1, "name": 1})", R"(1)", R"({})"})
    EXPECT_FALSE(both(document(broken)));
  for (
      const char* broken :
      {"{}", R"({"schema": "orrery.profile/2", "sources": []})", R"({"schema": "orrery.profile/1"})",
       R"({"schema": "orrery.profile/1", "sources": [{"file": "a", "digest": "xyz", "format": "f", "measurements": []}]})"})
    EXPECT_FALSE(both(broken));
}

}  // namespace
}  // namespace orrery
