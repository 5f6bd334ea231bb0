#include "planner/whatif/variants.h"

#include <gtest/gtest.h>

#include "tests/base/error_of.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

class VariantsOfAFile : public testing::Test {
 protected:
  Variants of(const std::vector<std::string>& sets, const std::string& calibration = "") {
    Json document = parse_json(R"({
      "schema": "orrery.scenario/1", "model": {"preset": "llama3-8b"}, "cluster": {"preset": "h100-sxm", "nodes": 2},
      "train": {"seq_len": 8192, "global_batch": 128}, "plan": {"tp": 2, "dp": 8}})",
                               "x.json");
    if (!calibration.empty()) document.set("calibration", calibration);
    std::vector<Axis> axes;
    for (const std::string& set : sets) axes.push_back(parse_axis(set));
    return Variants(std::move(document), "folder/x.json", library_, Grid(std::move(axes)));
  }
  Scenario first(const std::string& set) { return of({set}).at(0, library_); }
  std::string error(const std::string& set) {
    return error_of([&] { first(set); });
  }

  Disk disk_;
  Library library_{disk_, {std::string(ORRERY_SOURCE_DIR) + "/scenarios"}};
};

TEST_F(VariantsOfAFile, TheLastAxisVariesFastest) {
  const Variants v = of({"cluster.nodes=2,4", "train.global_batch=64..256x2"});
  ASSERT_EQ(v.grid().size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    const Scenario s = v.at(i, library_);
    EXPECT_EQ(s.cluster.nodes(), i < 3 ? 2 : 4);
    EXPECT_EQ(s.training.global_batch, 64 << i % 3);
  }
}

TEST_F(VariantsOfAFile, APathLeadsToTheFileOrToWhatItRefersTo) {
  EXPECT_EQ(first("cluster.nodes=4").cluster.nodes(), 4);
  EXPECT_EQ(first("cluster.groups.main.nodes=4").cluster.nodes(), 4);
  EXPECT_EQ(first("cluster.groups[0].nodes=4").cluster.nodes(), 4);
  EXPECT_EQ(first("/cluster/groups/0/nodes=4").cluster.nodes(), 4);
  EXPECT_EQ(first("cluster.preset=dgx-a100-80").cluster.groups[0].node.device.name, "a100-sxm-80");
  EXPECT_EQ(first("cluster.groups.main.node.gpu=h200-sxm-141").cluster.groups[0].node.device.name,
            "h200-sxm-141");
  EXPECT_EQ(first("cluster.groups.main.node.gpu.memory_bandwidth=4 TB/s")
                .cluster.groups[0]
                .node.device.memory_bandwidth.v,
            4e12);
  EXPECT_EQ(first("plan.tp=4").plan->tp, 4);
}

TEST_F(VariantsOfAFile, MembersThatAreNotWrittenAreNewOnes) {
  EXPECT_EQ(first("train.tokens=1 T").training.tokens, 1e12);
  EXPECT_EQ(first("cluster.price.gpu_hour=2.5 USD/h").cluster.prices.gpu_hour, 2.5);
  EXPECT_EQ(first("cluster.reliability.mtbf_per_gpu=50000 h").cluster.reliability.mtbf_per_gpu.v, 1.8e8);
  EXPECT_EQ(first("search.tp=[1,2],[4]").search.tp, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(first("objective.minimize=memory").objective.minimize, Metric::memory);
}

TEST_F(VariantsOfAFile, AxesOfBothKindsMeet) {
  const Scenario s =
      of({"cluster.groups.main.node.nics.bandwidth=200 Gb/s", "cluster.preset=dgx-a100-80"}).at(0, library_);
  EXPECT_EQ(s.cluster.groups[0].node.nics.bandwidth.v, 25e9);
  EXPECT_EQ(s.cluster.groups[0].node.device.name, "a100-sxm-80");
  EXPECT_EQ(s.cluster.nodes(), 2);
}

TEST_F(VariantsOfAFile, ADefaultCalibrationFollowsTheDevice) {
  EXPECT_NE(first("cluster.groups.main.node.gpu=a100-sxm-80").calibration,
            first("train.seq_len=8192").calibration);
  const Variants fixed = of({"cluster.groups.main.node.gpu=a100-sxm-80"}, "h100-llm-foundry");
  EXPECT_EQ(fixed.at(0, library_).calibration, fixed.base().calibration);
}

TEST_F(VariantsOfAFile, APointThatChangesNothingIsTheBase) {
  for (const char* set : {"cluster.nodes=2", "cluster.groups.main.node.gpus=8", "plan.tp=2"}) {
    const Variants v = of({set});
    Scenario same = v.at(0, library_);
    same.name = v.base().name;
    same.inputs = v.base().inputs;
    EXPECT_EQ(same, v.base()) << set;
  }
}

TEST_F(VariantsOfAFile, SaysWhereAPathEnds) {
  EXPECT_NE(error("cluster.groups.mian.nodes=2")
                .find("/cluster/groups: expected an item from 0 to 0 or \"main\"; did you mean \"main\"?"),
            std::string::npos);
  EXPECT_NE(
      error("cluster.groups.main.nodes.x=2").find("expected an object or a list that holds \"x\", found 2"),
      std::string::npos);
  EXPECT_NE(error("cluster..nodes=2").find("a path such as"), std::string::npos);
  EXPECT_NE(error("nodes").find("expected PATH=VALUES"), std::string::npos);
  EXPECT_NE(error("cluster.groups.1.nodes=2").find("an item from 0 to 0"), std::string::npos);
}

TEST_F(VariantsOfAFile, KnowsTheNearestPath) {
  const auto near = [&](const std::string& set) { return of({set}).nearest_path(0).value_or("none"); };
  EXPECT_EQ(near("cluster.groups.main.node.nicks.count=2"), "cluster.groups.main.node.nics.count");
  EXPECT_NE(error("cluster.groups.main.node.nicks.count=2").find("/node/nicks: unknown member"),
            std::string::npos);
  EXPECT_EQ(near("trian.seq_len=2"), "train.seq_len");
  EXPECT_EQ(near("train.seq_len=2"), "none");
  EXPECT_EQ(near("train.something=2"), "none");
}

TEST_F(VariantsOfAFile, RefusesGridsBeyondAllMeasure) {
  EXPECT_NE(error_of([&] {
              of({"train.global_batch=1..2000", "train.seq_len=1..2000"});
            }).find("at most 1,000,000 points"),
            std::string::npos);
}

}  // namespace
}  // namespace orrery
