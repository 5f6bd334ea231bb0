// What --json writes is what the published schemas say.
#include <gtest/gtest.h>

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
      scratch.run("orrery plan scenarios/llama3-8b-8xh100.json --top 2 --json -").out;
  expect_accepted("search", text);
  const Json search = parse_json(text, "search");
  ASSERT_EQ(search.find("best")->items().size(), 2u);
  for (const Json& best : search.find("best")->items()) {
    expect_accepted("plan", best.find("plan")->dump());
    expect_accepted("result", best.find("result")->dump());
  }
  expect_accepted("result", scratch.run("orrery simulate scenarios/llama3-8b-8xh100.json --json -").out);
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
