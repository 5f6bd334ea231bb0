// What --json writes is what the published schemas say.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "sim/base/json.h"
#include "tests/scenario/json_schema.h"
#include "tests/tools/shell.h"

namespace orrery {
namespace {

void expect_accepted(const char* kind, const std::string& text) {
  std::string why;
  EXPECT_TRUE(JsonSchema(kind).accepts_text(text, &why)) << kind << ": " << why;
}

TEST(Outputs, FollowTheirSchemas) {
  const Scratch scratch("outputs");
  const std::string text =
      scratch.run("orrery plan scenarios/llama3-8b-8xh100.json --top 2 --by-hand --json -").out;
  expect_accepted("search", text);
  const Json search = parse_json(text, "search");
  ASSERT_EQ(search.find("best")->items().size(), 2u);
  ASSERT_EQ(search.find("by_hand")->items().size(), 6u);
  for (const Json& best : search.find("best")->items()) {
    expect_accepted("plan", best.find("plan")->dump());
    expect_accepted("result", best.find("result")->dump());
  }
  expect_accepted("result", scratch.run("orrery simulate scenarios/llama3-8b-8xh100.json --json -").out);
}

TEST(Outputs, OfPublishedPlansFollowTheirSchema) {
  const Scratch scratch("published");
  // The runs on one device: one that is compared, and one that is not supported.
  Json document = parse_json(read_text(scratch.path() + "/scenarios/measured/megatron-2020.json"), "runs");
  Json some = Json::array();
  for (const Json& run : document.find("runs")->items())
    if (run.find("hw")->find("n_gpus")->integer() == 1) some.push(run);
  ASSERT_EQ(some.items().size(), 2u);
  std::ofstream(scratch.path() + "/some.json") << document.set("runs", std::move(some)).dump();
  const std::string text = scratch.run("orrery plan --published some.json --json -").out;
  expect_accepted("published", text);
  EXPECT_FALSE(JsonSchema("published").accepts_text(parse_json(text, "answer").set("speed", 1).dump()));
}

TEST(Outputs, OfValidationProgramsAndComparisonsFollowTheirSchemas) {
  const Scratch scratch("schemas");
  // Of runs that are supported and of runs that are not.
  const std::string validate =
      "orrery validate scenarios/measured/megatron-2020.json scenarios/measured/mt-nlg.json --json -";
  expect_accepted("validation", scratch.run(validate).out);
  const std::string scenario = "scenarios/gpt3-175b-1024xa100.json";
  const std::string program = scratch.run("orrery program " + scenario + " --json -").out;
  expect_accepted("program", program);
  expect_accepted("program", scratch.run("orrery program scenarios/gpt-small-2xcpu.json --unfold --json -").out);
  const std::string comparison =
      scratch.run("orrery compare " + scenario + " scenarios/llama3-8b-8xh100.json --json -").out;
  expect_accepted("comparison", comparison);
  for (const auto& [kind, text] : {std::pair{"program", program}, {"comparison", comparison}}) {
    EXPECT_FALSE(JsonSchema(kind).accepts_text(parse_json(text, kind).set("speed", 1).dump())) << kind;
  }
}

TEST(Outputs, OfAWhatIfFollowTheirSchemaLineByLine) {
  const Scratch scratch("whatif-rows");
  const std::string ask =
      "orrery whatif scenarios/gpt3-175b-1024xa100.json --pin-plan --set cluster.nodes=64,128 --out -";
  std::size_t lines = 0;
  for (const char* const sets : {"", " --set train.seq_len=1024,2048 --replay static"}) {
    std::istringstream rows(scratch.run(ask + sets).out);
    for (std::string line; std::getline(rows, line); ++lines) {
      expect_accepted("whatif", line);
      EXPECT_FALSE(JsonSchema("whatif").accepts_text(parse_json(line, "a line").set("speed", 1).dump()));
    }
  }
  EXPECT_EQ(lines, 3u + 5u);
}

TEST(Outputs, OfTheSearchUnderGalvatronsCostModelFollowTheirSchema) {
  const Scratch scratch("galvatron");
  const std::string plan =
      "orrery plan --cost-model galvatron --profiles tests/planner/galvatron/samples --global-batch 32 --save s.json ";
  expect_accepted("galvatron", scratch.run(plan + "--memory '6 GiB' --json -").out);
  expect_accepted("galvatron", scratch.run(plan + "--memory '6 GiB' --cuts any --plan s.json --json -").out);
  expect_accepted("galvatron", scratch.run(plan + "--memory '1 GiB' --json -").out);
}

TEST(Outputs, OfWhatWasExecutedFollowTheirSchemas) {
  const Scratch scratch("executed");
  scratch.run("for i in $(seq 300); do echo \"the quick brown fox $i jumps over the lazy dog\"; done > fox.txt");
  const std::string run = "orrery run scenarios/gpt-small-2xcpu.json --data fox.txt --steps 4 --json - 2> progress.txt";
  expect_accepted("run", scratch.run(run).out);
  const std::string local = "orrery validate --local scenarios/gpt-small-2xcpu.json --plans 1 --steps 1 --json - 2> progress.txt";
  expect_accepted("local-validation", scratch.run(local).out);
}

TEST(Outputs, SavedPlansGiveThePromisedStep) {
  const Scratch scratch("saved");
  ASSERT_EQ(scratch.run("orrery plan scenarios/llama3-8b-8xh100.json --save best.json --json plan.json > out.txt").code, 0);
  ASSERT_EQ(scratch.run("orrery simulate scenarios/llama3-8b-8xh100.json --plan best.json --json step.json > out.txt").code, 0);
  const Json search = parse_json(read_text(scratch.path() + "/plan.json"), "plan.json");
  const Json step = parse_json(read_text(scratch.path() + "/step.json"), "step.json");
  EXPECT_EQ(search.find("best")->items().front().find("result")->find("step_time")->dump(), step.find("step_time")->dump());
}

}  // namespace
}  // namespace orrery
