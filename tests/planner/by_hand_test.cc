#include "planner/by_hand.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "planner/space.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

std::vector<ByHand> by_hand(const Scenario& s) {
  ForwardExecutor executor;
  CountingWatch watch;
  return plans_by_hand(s, small_calibration(), {}, executor, watch);
}

// The least step of the plans of the whole space that are of a kind and fit; nothing if none does.
template <class Is>
std::optional<Tick> least(const Scenario& s, Is is_of_the_kind) {
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, calibration, topology};
  Evaluator evaluator;
  std::optional<Tick> out;
  for (const Plan& plan : uniform_plans(s)) {
    if (plan.cp > 1 || plan.layers.front().recompute == Recompute::selective || !is_of_the_kind(plan)) continue;
    if (evaluator.compile(problem, plan) || !fits(evaluator.memory())) continue;
    const Tick step = evaluator.simulate().makespan;
    if (!out || step < *out) out = step;
  }
  return out;
}

void expect(const std::vector<ByHand>& all, std::string_view name, std::optional<Tick> step) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const ByHand& x) { return x.name == name; });
  ASSERT_NE(found, all.end()) << name;
  ASSERT_EQ(found->best.has_value(), step.has_value()) << name;
  if (step) {
    EXPECT_EQ(found->best->report.makespan, *step) << name << " " << summary(found->best->plan);
  }
}

TEST(ByHand, EveryKindIsTheBestOfItsPartOfTheSpace) {
  for (const std::int64_t gib : {16, 24, 80}) {
    Scenario s = small_scenario(1, gib);
    s.model.layers.assign(8, 0);
    const std::vector<ByHand> all = by_hand(s);
    EXPECT_EQ(all.size(), 6u);
    const auto zero = [](const Plan& p) { return p.layers.front().zero; };
    expect(all, "data parallel", least(s, [&](const Plan& p) { return p.dp == 8 && zero(p) == Zero::none; }));
    expect(all, "fully sharded", least(s, [&](const Plan& p) { return p.dp == 8 && zero(p) == Zero::full; }));
    expect(all, "tensor parallel", least(s, [](const Plan& p) { return p.tp == 8; }));
    expect(all, "pipeline", least(s, [](const Plan& p) { return p.pp == 8 && p.virtual_stages == 1; }));
    expect(all, "DeepSpeed 3D", least(s, [&](const Plan& p) {
             return p.tp == 2 && p.pp == 2 && p.virtual_stages == 1 && zero(p) == Zero::optimizer;
           }));
  }
}

TEST(ByHand, MegatronTakesTheLeastModelParallelismThatFitsTensorsFirst) {
  std::set<int> parts_taken;
  for (const std::int64_t gib : {12, 16, 24, 80}) {
    Scenario s = small_scenario(2, gib);
    s.model.layers.assign(8, 0);
    std::optional<Tick> step;
    int parts = 1;
    for (; parts <= 16 && !step; parts *= 2)
      step = least(s, [&](const Plan& p) {
        const int tp = std::min(parts, 8);
        return p.tp == tp && p.pp == parts / tp && p.layers.front().zero == Zero::none;
      });
    parts_taken.insert(parts);
    expect(by_hand(s), "Megatron-LM", step);
  }
  EXPECT_GT(parts_taken.size(), 2u);
}

TEST(ByHand, LimitsOfTheObjectiveHold) {
  Scenario s = small_scenario(1);
  s.objective.memory_at_most = 0.01;
  for (const ByHand& x : by_hand(s)) EXPECT_FALSE(x.best) << x.name;
}

}  // namespace
}  // namespace orrery
