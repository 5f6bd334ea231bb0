// The warm search against the cold one.
#include "planner/whatif/replanner.h"

#include <gtest/gtest.h>

#include <random>

#include "planner/whatif/hardware.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

class Never : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

class Stopped : public Never {
 public:
  bool stop() override { return true; }
};

struct Replanners : testing::Test {
  Replanner warm;
  BackwardExecutor executor{2};
  Never watch;
  Calibration calibration = small_calibration();

  static Scenario scenario(int nodes = 2, std::int64_t gib = 60) {
    Scenario s = small_scenario(nodes, gib);
    s.search.pp = {1, 2};
    s.search.micro_batch = {1, 2};
    s.search.schedules = {Schedule::one_f_one_b};
    return s;
  }
  // Of both; the answers and the plans are the same.
  Outcome expect_same(const Scenario& s, const Calibration& c) {
    const Replanned found = warm.ask(s, c, executor, watch), expected = replan(s, c, executor, watch);
    EXPECT_EQ(found.answer, expected.answer) << found.answer.plan << " " << found.answer.step.v << ", "
                                             << expected.answer.plan << " " << expected.answer.step.v;
    EXPECT_EQ(found.plan, expected.plan);
    EXPECT_TRUE(found.complete);
    return expected.answer.outcome;
  }
};

TEST_F(Replanners, FindWhatTheSearchFinds) {
  std::mt19937 random(2);
  for (int i = 0; i < 40; ++i) {
    Scenario s = scenario(1 + static_cast<int>(random() % 8 == 0), 40);
    Calibration c = calibration;
    for (int k = 0; k < 2; ++k)
      turn(static_cast<Knob>(random() % knob_count), std::uniform_real_distribution(0.4, 2.5)(random), s, c);
    if (i % 10 == 9) s.training.global_batch *= 2;
    expect_same(s, c);
  }
  EXPECT_LT(warm.searched(), 10U);
}

// Where nothing changes but rates, plans are compiled once and few are simulated again.
TEST_F(Replanners, AreWarm) {
  Scenario s = scenario();
  expect_same(s, calibration);
  const std::size_t compiled = warm.compiled(), simulated = warm.simulated();
  for (int i = 0; i < 10; ++i) {
    s.cluster.groups[0].node.nics.bandwidth.v *= 1.01;
    expect_same(s, calibration);
  }
  EXPECT_LT(warm.compiled() - compiled, 40U);
  EXPECT_LT(warm.simulated() - simulated, 60U);
  EXPECT_EQ(warm.searched(), 0U);
}

TEST_F(Replanners, LeaveToTheSearchWhatTheyCannotDo) {
  Scenario nothing = scenario(1, 1);
  EXPECT_EQ(expect_same(nothing, calibration), Outcome::nothing_fits);
  EXPECT_EQ(warm.searched(), 1U);
  Scenario limited = scenario();
  limited.objective.step_time_at_most = {1e-6};
  EXPECT_EQ(expect_same(limited, calibration), Outcome::nothing_fits);
  Scenario least_memory = scenario();
  least_memory.objective.minimize = Metric::memory;
  EXPECT_EQ(expect_same(least_memory, calibration), Outcome::ok);
  EXPECT_EQ(warm.searched(), 3U);
}

TEST_F(Replanners, SayThatTheyWereStopped) {
  Stopped stopped;
  EXPECT_FALSE(warm.ask(scenario(), calibration, executor, stopped).complete);
  EXPECT_EQ(expect_same(scenario(), calibration), Outcome::ok);
}

}  // namespace
}  // namespace orrery
