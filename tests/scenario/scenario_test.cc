#include "sim/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/base/error_of.h"
#include "tests/scenario/world.h"

namespace orrery {
namespace {

using world::cluster;
using world::model;

Scenario read(std::string_view scenario) {
  MemoryFiles files = world::with(scenario);
  const Library library(files, {"p"});
  return read_scenario("w/s.json", library);
}

// A scenario whose members replace or join the smallest one's.
std::string scenario(std::string_view change) {
  Json json = parse_json(
      R"({"schema": "orrery.scenario/1", "model": {"preset": "tiny"}, "cluster": {"preset": "toys"},
    "train": {"seq_len": 64, "global_batch": 8, "tokens": "1 M"}})",
      "base");
  const Json changes = parse_json(change, "change");
  for (const Json::Member& member : changes.members()) json.set(member.first, member.second);
  return json.dump();
}

TEST(Scenario, NeedsLittle) {
  const Scenario s = read(scenario("{}"));
  EXPECT_EQ(s.name, "s");
  EXPECT_EQ(s.model.name, "tiny");
  EXPECT_EQ(s.cluster.ranks(), 2);
  EXPECT_EQ(s.training.tokens, 1e6);
  EXPECT_FALSE(s.plan);
  EXPECT_EQ(s.search, Search());
  EXPECT_EQ(s.objective, Objective());
  EXPECT_EQ(s.calibration, "p/calibrations/soft.json");
  EXPECT_EQ(s.seed, 1U);
}

TEST(Scenario, NamesEveryFileThatItRead) {
  std::vector<std::string> paths;
  for (const Library::Input& input : read(scenario(R"({"plan": {"file": "plan.json"}})")).inputs)
    paths.push_back(input.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"w/s.json", "p/models/tiny.json", "p/clusters/toys.json",
                                             "p/devices/gpu.json", "w/plan.json", "p/defaults.json"}));
}

TEST(Scenario, ModelsComeFromPresetsConfigsAndInPlace) {
  EXPECT_EQ(read(scenario(R"({"model": {"hf": "hf/config.json"}})")).model.depth(), 2);
  EXPECT_EQ(read(scenario(R"({"model": )" + std::string(model) + "}")).model, read(scenario("{}")).model);
  EXPECT_EQ(read(scenario(R"({"model": {"preset": "tiny", "override": {"layers": 7}}})")).model.depth(), 7);
  EXPECT_EQ(read(scenario(R"({"model": {"hf": "hf/config.json", "override": {"layers": 5}}})")).model.depth(),
            5);
}

TEST(Scenario, ClustersTakeTheirNumberOfNodes) {
  EXPECT_EQ(read(scenario(R"({"cluster": {"preset": "toys", "nodes": 8}})")).cluster.ranks(), 16);
  const Scenario s = read(scenario(
      R"({"cluster": {"preset": "toys", "nodes": 3, "override": {"price": {"gpu_hour": "2 USD/h"}}}})"));
  EXPECT_EQ(s.cluster.ranks(), 6);
  EXPECT_EQ(s.cluster.prices.gpu_hour, 2);
  EXPECT_EQ(read(scenario(R"({"cluster": )" + std::string(cluster) + "}")).cluster,
            read(scenario("{}")).cluster);
}

TEST(Scenario, MixedGroupsOfNodesAreExpressible) {
  const Scenario s = read(scenario(R"({"cluster": {"groups": [
    {"name": "old", "nodes": 2, "node": {"gpu": "gpu", "gpus": 1, "nics": {"count": 1, "bandwidth": "100 Gb/s"}}},
    {"name": "new", "nodes": 1, "node": {"gpu": {"name": "own", "architecture": "toy", "peak": {"fp16": "1 TFLOP/s"},
      "memory": "8 GiB", "memory_bandwidth": "100 GB/s"}, "gpus": 1, "nics": {"count": 1, "bandwidth": "10 Gb/s"}}}]}})"));
  EXPECT_EQ(s.cluster.ranks(), 3);
  EXPECT_EQ(s.cluster.groups[1].node.device.name, "own");
}

TEST(Scenario, PlansComeFromFilesAndInPlace) {
  EXPECT_EQ(read(scenario(R"({"plan": {"file": "plan.json"}})")).plan->dp, 2);
  EXPECT_EQ(read(scenario(R"({"plan": {"file": "plan.json", "override": {"dp": 1, "tp": 2}}})")).plan->tp, 2);
  EXPECT_EQ(read(scenario(R"({"plan": {"tp": 2, "sequence_parallel": true}})")).plan->tp, 2);
}

TEST(Scenario, SearchRangesAreAutoOneOrMany) {
  const Search s =
      read(
          scenario(
              R"({"search": {"tp": [1, 2], "pp": "auto", "micro_batch": 4, "zero": [0, 3], "recompute": "full",
    "schedules": ["1f1b", "gpipe"], "sequence_parallel": true, "top": 3, "budget": "30 s"}})"))
          .search;
  EXPECT_EQ(s.tp, (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(s.pp.empty());
  EXPECT_EQ(s.micro_batch, (std::vector<std::int64_t>{4}));
  EXPECT_EQ(s.zero, (std::vector<Zero>{Zero::none, Zero::full}));
  EXPECT_EQ(s.recompute, (std::vector<Recompute>{Recompute::full}));
  EXPECT_EQ(s.schedules, (std::vector<Schedule>{Schedule::one_f_one_b, Schedule::gpipe}));
  EXPECT_EQ(s.sequence_parallel, (std::vector<bool>{true}));
  EXPECT_EQ(s.top, 3);
  EXPECT_EQ(s.budget.v, 30);
}

constexpr std::string_view objective = R"({"objective": {"minimize": "cost", "subject_to": [
  {"metric": "memory", "at_most": "92 %"}, {"metric": "days", "at_most": "60 d"},
  {"metric": "cost", "at_most": "1.5 MUSD"}, {"metric": "step_time", "at_most": "20 s"}]}})";

TEST(Scenario, ObjectivesLimitEachMetric) {
  const Objective o = read(scenario(objective)).objective;
  EXPECT_EQ(o.minimize, Metric::cost);
  EXPECT_EQ(o.memory_at_most, 0.92);
  EXPECT_EQ(o.run_at_most.v, 60 * 86400.0);
  EXPECT_EQ(o.cost_at_most.v, 1.5e6);
  EXPECT_EQ(o.step_time_at_most.v, 20);
}

TEST(Scenario, ReadsBackWhatItWrites) {
  for (
      const std::string_view change :
      {std::string_view("{}"), objective,
       std::string_view(R"({"plan": {"dp": 2, "layers": [{"count": 4, "zero": 3}]}, "seed": 9})"),
       std::string_view(
           R"({"search": {"tp": [1, 2], "zero": 1, "sequence_parallel": [false], "schedules": "gpipe"}})")}) {
    Scenario s = read(scenario(change));
    Json written = write_scenario(s);
    written.set("calibration", "../" + s.calibration);
    Scenario back = read(written.dump());
    s.inputs.clear();
    back.inputs.clear();
    EXPECT_EQ(back, s) << written.dump();
  }
}

TEST(Scenario, TheOrderOfMembersChangesNothing) {
  const Scenario s = read(scenario(objective));
  Json shuffled = parse_json(scenario(objective), "s");
  std::reverse(shuffled.members().begin(), shuffled.members().end());
  Scenario t = read(shuffled.dump());
  t.inputs = s.inputs;
  EXPECT_EQ(t, s);
}

TEST(Scenario, PartsAreFoundByNameOrPath) {
  MemoryFiles files = world::with("");
  Library library(files, {"p"});
  EXPECT_EQ(find_model(library, "tiny").name, "tiny");
  EXPECT_EQ(find_model(library, "w/hf/config.json").depth(), 2);
  EXPECT_EQ(find_cluster(library, "toys", 4).ranks(), 8);
  EXPECT_EQ(find_plan(library, "w/plan.json").dp, 2);
  EXPECT_EQ(error_of([&] { find_model(library, "tinny"); }),
            "expected a preset of a model such as \"tiny\", found \"tinny\"");
}

}  // namespace
}  // namespace orrery
