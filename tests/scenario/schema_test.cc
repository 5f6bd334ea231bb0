// The schemas and our readers, held against each other on every good and every broken file.
#include <gtest/gtest.h>

#include "sim/report/json.h"
#include "tests/scenario/input_files.h"
#include "tests/scenario/json_schema.h"

namespace orrery {
namespace {

const std::string kinds[] = {"scenario", "plan", "model", "cluster", "device", "calibration"};

class Schema : public InputFiles {};

TEST_F(Schema, AcceptsWhatTheReaderAccepts) {
  for (const std::string& kind : kinds) {
    const JsonSchema schema(kind);
    std::vector<std::string> files = json_files("tests/scenario/good/" + kind);
    const std::string presets = kind == "scenario" ? "scenarios" : "scenarios/" + kind + "s";
    for (const std::string& path : json_files(presets)) files.push_back(path);
    for (const std::string& path : json_files(presets + "/parts")) files.push_back(path);
    std::size_t read = 0;
    for (const std::string& path : files) {
      const std::string text = DiskFiles().text(path);
      if (text.find("\"orrery." + kind + "/1\"") == std::string::npos) continue;
      ++read;
      EXPECT_NO_THROW(read_as(kind, path)) << path;
      std::string why;
      EXPECT_TRUE(schema.accepts(path, &why)) << path << ": " << why;
    }
    EXPECT_GE(read, kind == "device" ? 20U : 3U) << kind;
  }
}

TEST_F(Schema, RefusesWhatTheReaderRefuses) {
  for (const std::string& kind : kinds) {
    const JsonSchema schema(kind);
    for (const std::string& path : json_files("tests/scenario/broken/" + kind))
      EXPECT_FALSE(schema.accepts(path)) << path;
  }
}

// What lies beyond a schema is accepted by it: else the file belongs into the other folder.
TEST_F(Schema, CannotKnowWhatIsBeyondIt) {
  for (const std::string& kind : kinds) {
    const JsonSchema schema(kind);
    for (const std::string& path : json_files("tests/scenario/broken/beyond/" + kind)) {
      std::string why;
      EXPECT_TRUE(schema.accepts(path, &why)) << path << ": " << why;
    }
  }
}

TEST_F(Schema, AcceptsMeasuredRunsAndDefaults) {
  const JsonSchema runs("runs");
  const std::vector<std::string> files = json_files("scenarios/measured");
  EXPECT_GE(files.size(), 10U);
  for (const std::string& path : files) {
    std::string why;
    EXPECT_TRUE(runs.accepts(path, &why)) << path << ": " << why;
  }
  EXPECT_FALSE(runs.accepts_text(
      R"({"schema": "orrery.runs/1", "family": "x", "source": {}, "runs": [{"model": {"depth": 1}}]})"));
  EXPECT_TRUE(JsonSchema("defaults").accepts("scenarios/defaults.json"));
  EXPECT_FALSE(
      JsonSchema("defaults").accepts_text(R"({"schema": "orrery.defaults/1", "calibrations": {"a": 1}})"));
}

TEST_F(Schema, AcceptsTheStacks) {
  const JsonSchema schema("stacks");
  std::string why;
  EXPECT_TRUE(schema.accepts("scenarios/stacks.json", &why)) << why;
  const std::string head = R"({"schema": "orrery.stacks/1", "clusters": {}, "stacks": [{"name": "a", "source": "b", )";
  EXPECT_TRUE(schema.accepts_text(head + R"("when": {}, "unsupported": "none"}]})"));
  EXPECT_FALSE(schema.accepts_text(head + R"("when": {}}]})"));
  EXPECT_FALSE(schema.accepts_text(head + R"("when": {"year": ["2020"]}, "unsupported": "none"}]})"));
  EXPECT_FALSE(schema.accepts_text(head + R"("when": {}, "calibration": "c", "plan": {"zero": 1}}]})"));
}

// With everything that a report can know, and with as little as it can.
TEST_F(Schema, AcceptsWhatWeWriteAsAResult) {
  const JsonSchema schema("result");
  Report report;
  report.ranks = 1;
  std::string why;
  EXPECT_TRUE(schema.accepts_text(to_json(report).dump(), &why)) << why;
  report.origin.inputs = {{"a.json", "0123456789abcdef"}};
  report.error_runs = 9;
  report.error = 0.05;
  report.stages.resize(2);
  report.tokens_per_second = 1000;
  report.power = Watts{700};
  report.hardware.of_peak = 0.5;
  for (Efficiency& e : report.efficiency) e.of_peak = 0.5;
  report.goodput.modelled = true;
  report.goodput.interval = report.goodput.best_interval = Seconds{60};
  report.cost.tokens = report.cost.energy_kwh = 1;
  report.cost.total = report.cost.energy = Dollars{1};
  EXPECT_TRUE(schema.accepts_text(to_json(report).dump(), &why)) << why;
  EXPECT_FALSE(schema.accepts_text(to_json(report).set("speed", 1).dump()));
}

// What the writers write, the schema of its kind accepts.
TEST_F(Schema, AcceptsWhatWeWrite) {
  DiskFiles files;
  const Library library(files, {"scenarios"});
  const JsonSchema scenario("scenario");
  for (const std::string& path : json_files("tests/scenario/good/scenario")) {
    std::string why;
    EXPECT_TRUE(scenario.accepts_text(write_scenario(read_scenario(path, library)).dump(), &why))
        << path << ": " << why;
  }
  const std::string calibration = "tests/scenario/good/calibration/whole.json";
  EXPECT_TRUE(
      JsonSchema("calibration").accepts_text(write_calibration(read_calibration(files, calibration)).dump()));
}

}  // namespace
}  // namespace orrery
