// Every scenario and preset that ships reads, from the disk, and each plan is legal for its model and
// cluster.
#include <gtest/gtest.h>

#include "sim/cluster/read.h"
#include "sim/model/read.h"
#include "sim/plan/plan.h"
#include "sim/scenario.h"
#include "tools/disk.h"

namespace orrery {
namespace {

using Kind = Library::Kind;
const std::string shipped = std::string(ORRERY_SOURCE_DIR) + "/scenarios";

std::vector<std::string> scenario_files() {
  std::vector<std::string> out;
  DiskFiles files;
  for (const std::string& file : files.list(shipped)) {
    const std::string path = shipped + "/" + file;
    if (!file.ends_with(".json")) continue;
    const Json document = parse_json(files.text(path), path);
    if (document.find("schema")->string() == "orrery.scenario/1") out.push_back(path);
  }
  return out;
}

TEST(Shipped, ScenariosHoldLegalPlans) {
  DiskFiles files;
  const Library library(files, {shipped});
  const std::vector<std::string> all = scenario_files();
  ASSERT_GE(all.size(), 6U);
  for (const std::string& path : all) {
    const Scenario s = read_scenario(path, library);
    ASSERT_TRUE(s.plan) << path;
    const auto broken = violation(s.model, s.cluster, s.training, *s.plan);
    EXPECT_FALSE(broken) << path << ": " << broken->pointer << ": " << broken->message;
    EXPECT_TRUE(files.exists(s.calibration)) << s.calibration;
  }
}

TEST(Shipped, PresetsReadUnderTheirOwnNames) {
  DiskFiles files;
  Library library(files, {shipped});
  for (const std::string& name : library.presets(Kind::model))
    EXPECT_EQ(find_model(library, name).name, name);
  for (const std::string& name : library.presets(Kind::cluster))
    EXPECT_EQ(find_cluster(library, name, 2).name, name);
  for (const std::string& name : library.presets(Kind::device)) {
    const std::string path = library.preset(Kind::device, name, {});
    EXPECT_EQ(library.open(path, Kind::device, {}, [](const Reader& r) { return read_device(r); }).name,
              name);
  }
  EXPECT_GE(library.presets(Kind::model).size(), 25U);
}

TEST(Shipped, DefaultCalibrationsExist) {
  DiskFiles files;
  Library library(files, {shipped});
  const std::string path = shipped + "/defaults.json";
  const Json defaults = parse_json(files.text(path), path);
  for (const Json::Member& m : defaults.find("calibrations")->members()) {
    EXPECT_TRUE(files.exists(library.preset(Kind::device, m.first, {})));
    EXPECT_TRUE(files.exists(find_calibration(library, m.second.string())));
  }
}

}  // namespace
}  // namespace orrery
