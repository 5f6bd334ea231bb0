// What must hold of any what-if where nothing is shared: more of a good thing never hurts, and names change
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "planner/space.h"
#include "planner/whatif/hardware.h"
#include "planner/whatif/pinned.h"
#include "planner/whatif/replan.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

class Never : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

Answer best(const Scenario& s, const Calibration& c) {
  BackwardExecutor executor{2};
  Never watch;
  return replan(s, c, executor, watch).answer;
}

// The least static step of the plans that fit.
std::optional<Tick> best_static(const Scenario& s, const Calibration& c) {
  const Topology topology(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, c, topology};
  Evaluator evaluator;
  std::optional<Tick> least;
  for (const Plan& plan : uniform_plans(s)) {
    if (evaluator.compile(problem, plan) || !fits(evaluator.memory())) continue;
    const Tick step = evaluator.bound();
    if (!least || step < *least) least = step;
  }
  return least;
}

Scenario small_space(std::mt19937& random) {
  Scenario s =
      small_scenario(1 + static_cast<int>(random() % 2), 30 + static_cast<std::int64_t>(random() % 50));
  s.search.pp = {1, 2};
  s.search.tp = {2, 4, 8};
  s.search.micro_batch = {1, 2};
  return s;
}

TEST(StaticLaws, AFasterMachineNeverLengthensAPinnedStep) {
  std::mt19937 random(5);
  const Calibration c = small_calibration();
  Pinned pinned;
  int compared = 0;
  for (int i = 0; i < 300; ++i) {
    Scenario s = small_scenario(1 + i % 2);
    const std::vector<Plan> plans = uniform_plans(s);
    const Plan plan = plans[random() % plans.size()];
    const Answer before = pinned.ask(s, c, plan, Replay::static_only);
    Calibration constants = c;
    const Knob knob =
        std::array{Knob::flops, Knob::memory_bandwidth, Knob::memory, Knob::nvlink, Knob::nic}[random() % 5];
    turn(knob, std::uniform_real_distribution(1.0, 4.0)(random), s, constants);
    const Answer after = pinned.ask(s, constants, plan, Replay::static_only);
    if (before.outcome != Outcome::ok) continue;
    ++compared;
    ASSERT_EQ(after.outcome, Outcome::ok);
    ASSERT_LE(after.step, before.step) << summary(plan) << ": " << name(knob);
  }
  EXPECT_GT(compared, 100);
}

TEST(StaticLaws, MoreMemoryOrMoreStrategiesNeverLengthenTheBestStep) {
  std::mt19937 random(7);
  const Calibration c = small_calibration();
  int compared = 0, better = 0;
  for (int i = 0; i < 12; ++i) {
    const Scenario few = small_space(random);
    Scenario more = few;
    if (i % 2 == 0) {
      more.cluster.groups[0].node.device.memory.v *= 2;
    } else {
      more.search.pp.push_back(4);
      more.search.micro_batch.push_back(4);
      more.search.tp.push_back(1);
    }
    const auto a = best_static(few, c), b = best_static(more, c);
    if (!a) continue;
    ++compared;
    ASSERT_TRUE(b.has_value());
    ASSERT_LE(*b, *a);
    better += *b < *a;
  }
  EXPECT_GT(compared, 6);
  EXPECT_GT(better, 2);
}

TEST(StaticLaws, PermutingEqualNodesChangesNothing) {
  const Calibration c = small_calibration();
  Scenario s = small_scenario(1);
  s.search.tp = {4, 8};
  s.search.pp = {1, 2};
  s.cluster.groups.push_back(s.cluster.groups[0]);
  s.cluster.groups[1].name = "other";
  const Answer before = best(s, c);
  std::swap(s.cluster.groups[0], s.cluster.groups[1]);
  EXPECT_EQ(before.outcome, Outcome::ok);
  EXPECT_EQ(best(s, c), before);
}

// Which figures help is told apart from which hurt by the knob's sense.
TEST(Hurts, IsALongerStepOfTheBetterFigure) {
  Answer base, longer;
  base.step = {1};
  longer.step = {1.5};
  EXPECT_TRUE(hurts({Knob::nic, base, longer}, base));
  EXPECT_FALSE(hurts({Knob::nic, longer, base}, base));
  EXPECT_TRUE(hurts({Knob::latency, longer, base}, base));
  EXPECT_FALSE(hurts({Knob::latency, base, longer}, base));
  longer.outcome = Outcome::memory;
  EXPECT_FALSE(hurts({Knob::nic, base, longer}, base));
}

}  // namespace
}  // namespace orrery
