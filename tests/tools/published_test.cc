// The planner against the plans that others published and measured. ORRERY_TEST_ALL in the environment: every
// run of these sources, not a sample of small ones.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "sim/base/json.h"
#include "tests/tools/shell.h"

namespace orrery {
namespace {

constexpr int most_gpus = 64;       // of a run in the sample
constexpr std::size_t one_in = 7;  // of those

// A file of runs with some of another's.
void write_sample(const Scratch& scratch, const std::string& name) {
  const std::string file = "/scenarios/measured/" + name + ".json";
  Json document = parse_json(read_text(scratch.path() + file), file);
  Json some = Json::array();
  std::size_t small = 0;
  for (const Json& run : document.find("runs")->items())
    if (run.find("hw")->find("n_gpus")->integer() <= most_gpus && small++ % one_in == 0) some.push(run);
  ASSERT_GT(some.items().size(), 0u) << name;
  document.set("runs", std::move(some));
  std::ofstream(scratch.path() + "/" + name + ".json") << document.dump();
}

std::map<std::string, double> predictions(const Scratch& scratch, const std::string& file) {
  std::map<std::string, double> out;
  const std::string text = scratch.run("orrery validate " + file + " --json -").out;
  const Json validation = parse_json(text, "validation");
  for (const Json& run : validation.find("runs")->items())
    if (run.find("supported")->boolean()) out[run.find("id")->string()] = run.find("predicted_s")->real();
  return out;
}

class Published : public testing::TestWithParam<const char*> {};

TEST_P(Published, PlansAreNotFasterThanThePlanners) {
  const std::string name = GetParam();
  const Scratch scratch("published-" + name);
  const bool whole = std::getenv("ORRERY_TEST_ALL") != nullptr;
  if (!whole) write_sample(scratch, name);
  const std::string file = (whole ? "scenarios/measured/" : "") + name + ".json";
  const Outcome outcome = scratch.run("orrery plan --published " + file + " --json -");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const Json answer = parse_json(outcome.out, "answer");
  const std::map<std::string, double> validated = predictions(scratch, file);
  std::size_t compared = 0;
  for (const Json& run : answer.find("runs")->items()) {
    const std::string id = run.find("id")->string();
    ASSERT_EQ(run.find("published")->is(Json::Kind::object), validated.count(id) == 1) << id;
    if (validated.count(id) == 0) continue;
    const double step = run.find("published")->find("step_s")->real();
    EXPECT_DOUBLE_EQ(step, validated.at(id)) << id;
    ASSERT_TRUE(run.find("best")->is(Json::Kind::object)) << id;
    const double best = run.find("best")->find("step_s")->real();
    EXPECT_DOUBLE_EQ(run.find("times")->real(), step / best) << id;
    const bool fits = run.find("published")->find("excess_bytes")->integer() == 0;
    if (fits) {
      EXPECT_GE(step, best) << id;
    }
    ++compared;
  }
  EXPECT_GT(compared, 0u);
  EXPECT_EQ(answer.find("summary")->find("compared")->integer(), static_cast<std::int64_t>(compared));
}

std::string source(const testing::TestParamInfo<const char*>& file) {
  const std::string name = file.param;
  return name.substr(0, name.find('-'));
}

INSTANTIATE_TEST_SUITE_P(Runs, Published,
                         testing::Values("nemo-24.07-h100", "dgxc-25.04-h100", "bridge-blackwell", "zero-bubble"), source);

}  // namespace
}  // namespace orrery
