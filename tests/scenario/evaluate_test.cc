// From a shipped scenario to its step: the chain of all rooms of sim.
#include "sim/evaluate.h"

#include <gtest/gtest.h>

#include "sim/cost/read.h"
#include "sim/scenario.h"
#include "tests/base/error_of.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

class Evaluate : public ::testing::Test {
 protected:
  explicit Evaluate(const char* name = "llama3-8b-8xh100.json")
      : library_(disk_, {std::string(ORRERY_SOURCE_DIR) + "/scenarios"}),
        scenario(read_scenario(shipped(name), library_)),
        calibration(read_calibration(disk_, scenario.calibration)),
        topology(scenario.cluster) {}
  Problem problem() const {
    return {scenario.model, scenario.cluster, scenario.training, calibration, topology};
  }

  Disk disk_;
  Library library_;
  Scenario scenario;
  Calibration calibration;
  Topology topology;
};

TEST_F(Evaluate, FoldedAndUnfoldedStepsAreEqual) {
  Evaluator folded, all;
  ASSERT_FALSE(folded.compile(problem(), *scenario.plan));
  ASSERT_FALSE(all.compile(problem(), *scenario.plan, Ranks::all));
  for (const Replay replay : {Replay::static_only, Replay::automatic})
    EXPECT_EQ(folded.simulate(replay).makespan, all.simulate(replay).makespan);
  EXPECT_EQ(folded.bound(), all.bound());
}

// An evaluator keeps memory, and nothing else, from one plan to the next.
TEST_F(Evaluate, ReuseChangesNothing) {
  Evaluator used, fresh;
  Plan other = *scenario.plan;
  other.tp = 8;
  other.dp = 1;
  ASSERT_FALSE(used.compile(problem(), other));
  used.simulate();
  ASSERT_FALSE(used.compile(problem(), *scenario.plan));
  ASSERT_FALSE(fresh.compile(problem(), *scenario.plan));
  EXPECT_EQ(used.memory(), fresh.memory());
  EXPECT_EQ(used.simulate().makespan, fresh.simulate().makespan);
}

// The bound of the search: no replay is faster than static replay.
TEST_F(Evaluate, BoundIsBelowTheStep) {
  Evaluator evaluator;
  for (const int micro_batch : {1, 2, 4}) {
    Plan plan = *scenario.plan;
    plan.micro_batch = micro_batch;
    ASSERT_FALSE(evaluator.compile(problem(), plan));
    EXPECT_LE(evaluator.bound(), evaluator.simulate().makespan);
  }
}

TEST_F(Evaluate, AStepBeyondSimulatedTimeIsRefused) {
  scenario.training.sequence = 1 << 18;
  scenario.training.global_batch = 400'000;
  Evaluator evaluator;
  ASSERT_FALSE(evaluator.compile(problem(), *scenario.plan));
  EXPECT_NE(error_of([&] { evaluator.simulate(); }).find("not supported: a step of up to "), std::string::npos);
}

}  // namespace
}  // namespace orrery
