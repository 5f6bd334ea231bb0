#include "planner/whatif/hardware.h"

#include <gtest/gtest.h>

#include "planner/space.h"
#include "planner/whatif/pinned.h"
#include "sim/evaluate.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

double step(const Scenario& s, const Calibration& c, const Plan& plan, Replay replay) {
  const Topology topology(s.cluster);
  Evaluator e;
  EXPECT_FALSE(e.compile({s.model, s.cluster, s.training, c, topology}, plan));
  return to_seconds(step_at_scale(e.simulate(replay).makespan, c, s.cluster.ranks())).v;
}

// (f(1+h) - f(1-h)) / 2h / figure, of whole simulations.
double difference(const Scenario& s, const Calibration& c, const Plan& plan, Knob knob, Replay replay) {
  constexpr double h = 1.0 / 128;
  double t[2];
  for (const int side : {0, 1}) {
    Scenario turned = s;
    Calibration constants = c;
    turn(knob, side == 0 ? 1 - h : 1 + h, turned, constants);
    t[side] = step(turned, constants, plan, replay);
  }
  return (t[1] - t[0]) / (2 * h) / figure(knob, s);
}

std::vector<Plan> legal_plans(const Scenario& s) {
  std::vector<Plan> out;
  for (const Plan& plan : uniform_plans(s))
    if (!violation(s.model, s.cluster, s.training, plan)) out.push_back(plan);
  return out;
}

// The path found is one of those at other prices too, so its length bounds the step from below on both sides:
// the derivative lies between the one-sided differences, and equals them where the path stays the longest.
TEST(ShadowPrices, ByTheCriticalPathAreWhatDifferencesGive) {
  const Scenario s = small_scenario();
  Calibration c = small_calibration();
  c.jitter = 0.01;
  std::size_t checked = 0, equal = 0;
  const std::vector<Plan> plans = legal_plans(s);
  for (std::size_t i = 0; i < plans.size(); i += 17) {
    const double whole = step(s, c, plans[i], Replay::automatic);
    for (const ShadowPrice& p : shadow_prices(s, c, plans[i])) {
      const double expected =
          difference(s, c, plans[i], p.knob, p.by_path ? Replay::static_only : Replay::automatic);
      const double scale = whole / figure(p.knob, s);  // of a step that the knob alone decides
      if (!p.by_path) {
        EXPECT_NEAR(p.step, expected, 1e-9 * scale) << summary(plans[i]) << " " << name(p.knob);
        continue;
      }
      ++checked;
      EXPECT_NEAR(p.step, expected, 0.02 * scale) << summary(plans[i]) << " " << name(p.knob);
      equal += std::abs(p.step - expected) <= 1e-9 * scale;
    }
  }
  EXPECT_GT(checked, 20u);
  EXPECT_GE(equal * 10, checked * 8);
}

TEST(ShadowPrices, OfALinkThatNothingUsesAreZero) {
  const Scenario s = small_scenario(1);
  Plan plan;
  plan.dp = 8;
  for (const ShadowPrice& p : shadow_prices(s, small_calibration(), plan)) {
    if (p.knob == Knob::nic) {
      EXPECT_EQ(p.step, 0);
    } else if (p.knob == Knob::flops) {
      EXPECT_LT(p.step, 0);
    }
  }
}

TEST(ShadowPrices, OfTheRunAreThoseOfTheStepInMoney) {
  Scenario s = small_scenario(1);
  s.cluster.prices.gpu_hour = 2;
  Plan plan;
  plan.dp = 8;
  const Answer base = Pinned().ask(s, small_calibration(), plan);
  for (const ShadowPrice& p : shadow_prices(s, small_calibration(), plan))
    EXPECT_NEAR(p.run, p.step * base.cost.v / base.step.v, 1e-9 * base.cost.v);
}

TEST(Turn, MovesTheFigureAndWhatTheCalibrationHoldsOfIt) {
  for (std::size_t k = 0; k < 5; ++k) {
    const Knob knob = static_cast<Knob>(k);
    Scenario s = small_scenario();
    Calibration c = small_calibration();
    const double before = figure(knob, s);
    turn(knob, 1.25, s, c);
    EXPECT_NEAR(figure(knob, s), 1.25 * before, 1e-9 * before) << name(knob);
    EXPECT_DOUBLE_EQ(c.attention_multiplier, knob == Knob::flops ? 1.25 : 1);
    EXPECT_DOUBLE_EQ(c.curve_multiplier, knob == Knob::nvlink ? 1.25 : 1);
  }
  Scenario s = small_scenario();
  Calibration c = small_calibration();
  turn(Knob::latency, 2, s, c);
  EXPECT_DOUBLE_EQ(c.message_far.v, 2 * small_calibration().message_far.v);
  turn(Knob::launch, 2, s, c);
  EXPECT_DOUBLE_EQ(c.kernel_gap.v, 2 * small_calibration().kernel_gap.v);
}

TEST(AtHardware, LeavesAnotherDeviceAlone) {
  const Scenario s = small_scenario();
  Cluster other = s.cluster;
  other.groups[0].node.device.bf16.v *= 2;
  EXPECT_EQ(at_hardware(small_calibration(), s.cluster, other).attention_multiplier, 2);
  EXPECT_FALSE(same_figures(s.cluster, other));
  other.groups[0].node.device.name = "another";
  EXPECT_EQ(at_hardware(small_calibration(), s.cluster, other), small_calibration());
}

TEST(Tornado, PutsTheGreatestSwingFirst) {
  const Scenario s = small_scenario();
  const Calibration c = small_calibration();
  Plan plan;
  plan.tp = 8;
  plan.dp = 2;
  Pinned pinned;
  const Ask ask = [&](const Scenario& turned, const Calibration& constants) {
    return pinned.ask(turned, constants, plan, Replay::static_only);
  };
  const Answer base = ask(s, c);
  std::vector<Knob> knobs;
  for (std::size_t k = 0; k < knob_count; ++k) knobs.push_back(static_cast<Knob>(k));
  const std::vector<Effect> effects = tornado(s, c, base, 0.1, knobs, ask);
  ASSERT_EQ(effects.size(), knob_count);
  double last = 1e9;
  for (const Effect& e : effects) {
    const double swing =
        std::max(std::abs(e.less.step.v - base.step.v), std::abs(e.more.step.v - base.step.v));
    EXPECT_LE(swing, last);
    last = swing;
    const bool rate = e.knob != Knob::latency && e.knob != Knob::launch;
    EXPECT_LE(rate ? e.more.step : e.less.step, base.step) << name(e.knob);  // static replay is monotone
    EXPECT_GE(rate ? e.less.step : e.more.step, base.step) << name(e.knob);
  }
  EXPECT_EQ(pinned.compiled(), 1u);
}

TEST(PriceOfMemory, IsWhatOneMoreGibChanges) {
  const Scenario s = small_scenario();
  const Answer base = [] {
    Answer a;
    a.step = {10};
    a.cost = {100};
    return a;
  }();
  const ShadowPrice p =
      price_of_memory(s, small_calibration(), base, [&](const Scenario& more, const Calibration&) {
        EXPECT_EQ(more.cluster.groups[0].node.device.memory.v,
                  s.cluster.groups[0].node.device.memory.v + (1 << 30));
        Answer a = base;
        a.step = {9};
        return a;
      });
  EXPECT_DOUBLE_EQ(p.step, -1);
  EXPECT_DOUBLE_EQ(p.run, -10);
}

}  // namespace
}  // namespace orrery
