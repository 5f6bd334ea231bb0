#include "profiler/validate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "profiler/runs.h"
#include "profiler/validate_write.h"
#include "sim/base/error.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

// `workers` that take turns: what a pool may do, in one thread.
class Turns : public Executor {
 public:
  explicit Turns(std::size_t workers) : workers_(workers) {}
  std::size_t workers() const override { return workers_; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = count; i-- > 0;) task(i, i % workers_);
  }

 private:
  std::size_t workers_;
};

class Quiet : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

class Validated : public testing::Test {
 protected:
  Disk disk;
  Library library{disk, {shipped("")}};
  Quiet watch;
  std::vector<ValidatedRun> validate_files(const std::vector<std::string>& names, std::size_t workers = 1) {
    const ValidationInputs in{disk, library, read_stacks(disk.text(shipped("stacks.json")), "stacks.json"),
                              ""};
    Turns turns(workers);
    return validate(read_runs(disk, names), in, turns, watch);
  }
};

ValidatedRun made_up(std::string source, std::string split, double predicted, double measured,
                     std::string quality = "A") {
  ValidatedRun v;
  v.run.source = std::move(source);
  v.run.family = "papers";
  v.run.split = std::move(split);
  v.run.quality = std::move(quality);
  v.run.measured_s = measured;
  v.predicted_s = predicted;
  v.supported = true;
  return v;
}

TEST(Accuracy, SumsByHandOverHeldOutAndFittedRuns) {
  std::vector<ValidatedRun> runs = {made_up("a", "validate", 110, 100), made_up("a", "validate", 96, 100),
                                    made_up("a", "calibrate", 101, 100),
                                    made_up("a", "validate", 300, 100, "C")};
  runs.push_back({});
  runs.back().run.source = "a";
  runs.back().reason = "no";
  const Accuracy sums = accuracy(runs);
  ASSERT_EQ(sums.sources.size(), 1u);
  const SourceAccuracy& a = sums.sources[0];
  EXPECT_EQ(a.all.points, 3u);
  EXPECT_NEAR(a.all.mape, (0.10 + 0.04 + 0.01) / 3, 1e-12);
  EXPECT_NEAR(a.all.median, 0.04, 1e-12);
  EXPECT_NEAR(a.all.worst, 0.10, 1e-12);
  EXPECT_NEAR(a.all.bias, (0.10 - 0.04 + 0.01) / 3, 1e-12);
  EXPECT_EQ(a.held_out.points, 2u);
  EXPECT_NEAR(a.held_out.mape, 0.07, 1e-12);
  EXPECT_EQ(a.fitted.points, 1u);
  EXPECT_EQ(a.unsupported_runs(), 1u);
  EXPECT_EQ(sums.doubtful, 1u);
  EXPECT_EQ(sums.total.all.points, 3u);
}

TEST(Accuracy, TheErrorWithinCountsOneMoreRunThanThereAre) {
  std::vector<double> predicted, measured;
  for (int i = 1; i <= 19; ++i) {
    predicted.push_back(100);
    measured.push_back(100 + (i % 2 == 0 ? i : -i));
    // ceil(0.9 (i + 1)) is above i up to 8
    const double within = error_within(0.9, predicted, measured);
    EXPECT_NEAR(within, i < 9 ? 0 : i < 19 ? 0.01 * i : 0.18, 1e-12) << i;
  }
  EXPECT_NEAR(error_within(0.5, predicted, measured), 0.10, 1e-12);
}

TEST(Accuracy, RunsOfASourceAreToldApartByWhatTheyDifferIn) {
  std::vector<ValidatedRun> runs = {made_up("a", "validate", 1, 1), made_up("a", "validate", 1, 1),
                                    made_up("b", "validate", 1, 1)};
  runs[1].run.precision = "fp8 (delayed scaling)";
  const Accuracy sums = accuracy(runs);
  ASSERT_EQ(sums.sources.size(), 3u);
  EXPECT_EQ(sums.sources[0].name, "a, 16-bit");
  EXPECT_EQ(sums.sources[1].name, "a, FP8");
  EXPECT_EQ(sums.sources[2].name, "b");
  ASSERT_EQ(sums.families.size(), 1u);
  EXPECT_EQ(sums.families[0].all.points, 3u);
}

TEST_F(Validated, KorthikantiIsPredictedWithinItsTarget) {
  const std::vector<ValidatedRun> runs = validate_files({shipped("measured/korthikanti-table-5.json")});
  const Accuracy sums = accuracy(runs);
  EXPECT_EQ(sums.total.all.points, 8u);
  EXPECT_LT(sums.total.held_out.mape, 0.0155);  // 1.5 % as printed
  EXPECT_LT(std::abs(sums.total.all.worst), 0.04);
}

// A run that was measured fitted its device.
TEST_F(Validated, WhatRanOnBlackwellFits) {
  const std::vector<ValidatedRun> runs = validate_files({shipped("measured/bridge-blackwell.json")});
  const Stacks stacks = read_stacks(disk.text(shipped("stacks.json")), "stacks.json");
  for (const ValidatedRun& r : runs) {
    const Cluster cluster = find_cluster(library, stacks.clusters.at(r.run.hardware.gpu));
    const double memory = static_cast<double>(cluster.groups[0].node.device.memory.v) / (1 << 30);
    EXPECT_GT(r.predicted_mem_gib, memory / 4) << r.run.id;
    EXPECT_LT(r.predicted_mem_gib, memory) << r.run.id;
  }
  EXPECT_EQ(runs.size(), 36U);
}

// What every calibration states of itself, recomputed: nine in ten of its held-out runs are within it, and it
// isn't a percent more than that takes.
TEST_F(Validated, CalibrationsStateTheErrorsOfTheirHeldOutRuns) {
  const std::vector<ValidatedRun> runs = validate_files(run_files(disk, shipped("measured")));
  std::size_t stated = 0;
  for (const CalibrationAccuracy& c : accuracy(runs).calibrations) {
    const HeldOut held_out = read_calibration(disk, shipped("calibrations/" + c.name + ".json")).held_out;
    if (c.within == 0) {
      EXPECT_EQ(held_out, HeldOut{}) << c.name;
      continue;
    }
    ++stated;
    EXPECT_EQ(held_out.runs, static_cast<int>(c.held_out.points)) << c.name;
    EXPECT_GE(held_out.error, c.within) << c.name << ": write " << std::ceil(100 * c.within) << " %";
    EXPECT_LE(held_out.error, c.within + 0.015) << c.name << ": write " << std::ceil(100 * c.within) << " %";
  }
  EXPECT_GE(stated, 7U);
}

TEST_F(Validated, TheSameForAnyNumberOfWorkers) {
  const std::vector<std::string> files = {shipped("measured/zero-bubble.json"),
                                          shipped("measured/mosaic-fsdp-a100-40.json")};
  const std::vector<ValidatedRun> one = validate_files(files, 1), three = validate_files(files, 3);
  EXPECT_EQ(validation_json(one, accuracy(one)).dump(), validation_json(three, accuracy(three)).dump());
}

TEST_F(Validated, TheJsonHasWhatWasPromised) {
  const std::vector<ValidatedRun> runs =
      validate_files({shipped("measured/zero-bubble.json"), shipped("measured/megatron-2020.json")});
  const Json json = parse_json(validation_json(runs, accuracy(runs)).dump(), "out.json");
  const Json& list = *json.find("runs");
  ASSERT_EQ(list.items().size(), runs.size());
  for (const Json& run : list.items()) {
    for (const char* key : {"id", "family", "split", "supported", "reason", "predicted_s", "measured_s",
                            "error_pct", "predicted_mem_gib", "measured_mem_gib"})
      EXPECT_NE(run.find(key), nullptr) << key;
    const bool supported = run.find("supported")->boolean();
    EXPECT_EQ(run.find("reason")->string().empty(), supported);
    EXPECT_EQ(run.find("predicted_s")->is(Json::Kind::null), !supported);
    if (!supported) continue;
    const double expected = 100 * (run.find("predicted_s")->real() / run.find("measured_s")->real() - 1);
    EXPECT_NEAR(run.find("error_pct")->real(), expected, 1e-9);
  }
  const Json& summary = *json.find("summary");
  for (const char* key :
       {"all", "held_out", "fitted", "memory", "unsupported_runs", "unsupported", "families", "sources"})
    EXPECT_NE(summary.find(key), nullptr) << key;
}

TEST_F(Validated, TextMarkdownAndPictureNameEverySource) {
  const std::vector<ValidatedRun> runs =
      validate_files({shipped("measured/zero-bubble.json"), shipped("measured/megatron-2020.json")});
  const Accuracy sums = accuracy(runs);
  const std::string text = validation_text(runs, sums, true), markdown = validation_markdown(runs, sums),
                    svg = validation_svg(runs);
  for (const std::string& out : {text, markdown}) {
    EXPECT_NE(out.find("zb-1F1B-6.2B-m64"), std::string::npos);
    EXPECT_NE(out.find("Megatron-LM README 2020"), std::string::npos);
    EXPECT_NE(out.find("no calibration of this software on this device"), std::string::npos);
  }
  EXPECT_EQ(validation_text(runs, sums, false).find("zb-1F1B-6.2B-m64"), std::string::npos);
  EXPECT_EQ(svg.rfind("<svg xmlns=", 0), 0u);
  EXPECT_NE(svg.find("Megatron-LM README 2020"), std::string::npos);
}

}  // namespace
}  // namespace orrery
