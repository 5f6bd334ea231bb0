// The warm search against the cold one.
#include "planner/whatif/replanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

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

// A point of which nothing is taken but rates.
Scenario turned(std::mt19937& random, Calibration& c, Scenario s) {
  for (int k = 0; k < 2; ++k)
    turn(static_cast<Knob>(random() % knob_count), std::uniform_real_distribution(0.4, 2.5)(random), s, c);
  return s;
}

// With a gap the answer lies within it of the optimum, is proven to, and takes fewer simulations. Compute is
// slowed beside communication, so that static steps are bounds only.
TEST_F(Replanners, StopWithinAGap) {
  std::mt19937 random(3);
  int left = 0;
  Replanner exact;
  calibration.slowdown_nvlink = 1.3;
  for (int i = 0; i < 40; ++i) {
    const double allowed = 0.01 * static_cast<double>(1 + i % 30);
    Calibration c = calibration;
    const Scenario s = turned(random, c, scenario(1, 40));
    const Replanned near = warm.ask(s, c, executor, watch, allowed), best = exact.ask(s, c, executor, watch);
    ASSERT_EQ(near.answer.outcome, best.answer.outcome);
    if (best.answer.outcome != Outcome::ok) continue;
    EXPECT_EQ(best.answer.gap, 0);
    EXPECT_LE(near.answer.gap, allowed * (1 + 1e-9));
    EXPECT_GE(near.answer.step, best.answer.step);
    // What is proven holds: the optimum is no less than the bound.
    EXPECT_LE(near.answer.step.v * (1 - near.answer.gap), best.answer.step.v * (1 + 1e-12));
    if (near.answer.gap > 0) ++left;
  }
  EXPECT_GT(left, 5);
  EXPECT_LT(warm.simulated(), exact.simulated());
}

// Neither the answer nor its gap depends on what was asked before.
TEST_F(Replanners, ForgetWhatTheySaw) {
  std::mt19937 random(4);
  calibration.slowdown_nvlink = 1.3;
  std::vector<std::pair<Scenario, Calibration>> points;
  for (int i = 0; i < 24; ++i) {
    Calibration c = calibration;
    const Scenario s = turned(random, c, scenario(1, 40));
    points.emplace_back(s, c);
  }
  std::vector<Replanned> in_order;
  for (const auto& [s, c] : points) in_order.push_back(warm.ask(s, c, executor, watch, 0.05));
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
  std::optional<Replanner> other;
  for (const std::size_t i : order) {
    if (!other || i % 5 == 0) other.emplace();
    const Replanned again = other->ask(points[i].first, points[i].second, executor, watch, 0.05);
    EXPECT_EQ(again.answer, in_order[i].answer) << i;
    EXPECT_EQ(again.plan, in_order[i].plan) << i;
  }
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
