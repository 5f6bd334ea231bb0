// The published schema of orrery.checkpoint/1 and its reader, held against each other.
#include <gtest/gtest.h>

#include "runtime/state/checkpoint_file.h"
#include "tests/base/error_of.h"
#include "tests/runtime/state/run_state.h"
#include "tests/scenario/json_schema.h"

namespace orrery {
namespace {

using testing::World;

std::string written() {
  const World world(testing::gpt(2, 8, 2, 20, 8), testing::plan({.tp = 2, .dp = 2}, Zero::full));
  return write_checkpoint_file({testing::info(world, 50), {{"rank-00000.safetensors", 1000, 12345}}});
}

std::string with(const std::string& what, const std::string& by) {
  std::string text = written();
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(CheckpointSchema, AgreesWithTheReader) {
  const JsonSchema schema("checkpoint");
  const auto both = [&](const std::string& text) {
    const std::string error = error_of([&] { read_checkpoint_file(text, "c"); });
    std::string why;
    EXPECT_EQ(error == "no error", schema.accepts_text(text, &why)) << text << error << why;
    return error == "no error";
  };
  EXPECT_TRUE(both(written()));
  EXPECT_TRUE(both(with("\"learning_rate\": 0.001", "")));
  for (const auto& [what, by] : {std::pair<std::string, std::string>{"checkpoint/1", "checkpoint/2"},
                                 {"\"step\": 50,", ""},
                                 {"\"step\": 50", "\"step\": -1"},
                                 {"\"step\": 50", "\"steps\": 50"},
                                 {"\"sequences\"", "\"sequence\""},
                                 {"\"bytes\": 1000", "\"bytes\": \"1000\""},
                                 {"\"seq_len\": 32", "\"seq_len\": 0"},
                                 {"\"tp\": 2", "\"tp\": 0"},
                                 {"rank-00000", "../rank"},
                                 {"0000000000003039", "3039"},
                                 {"0000000000003039", "00000000000030z9"},
                                 {"\"settings\": {", "\"settings\": 1, \"other\": {"}})
    EXPECT_FALSE(both(with(what, by))) << by;
}

}  // namespace
}  // namespace orrery
