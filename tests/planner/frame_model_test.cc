// The frame's problem against the simulator: its step is never above the static replay's nor its bytes above
// the ledger's, on every plan of small frames, and where nothing is sharded by ZeRO 2 or 3 the two are equal;
// the search finds the plan that brute force over the simulator finds.
#include "planner/exact/frame_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/exact/anneal.h"
#include "planner/exact/word_bound.h"
#include "tests/planner/fixtures.h"

namespace orrery::exact {
namespace {

Scenario scenario_of(int layers, std::int64_t gib) {
  Scenario s = small_scenario(1, gib);
  s.model.layers.assign(static_cast<std::size_t>(layers), 0);
  s.training.global_batch = 16;
  return s;
}

std::vector<LayerStrategy> all_strategies(int pp) {
  std::vector<LayerStrategy> out;
  for (const Zero z : {Zero::none, Zero::optimizer, Zero::gradients, Zero::full})
    for (const Recompute r : {Recompute::none, Recompute::full}) out.push_back({z, r, true});
  if (pp == 1) out.push_back({Zero::full, Recompute::none, false});
  return out;
}

template <class Visit>
void for_each_choice(const Problem& p, Choice& choice, Visit&& visit) {
  const int chunks = p.chunks - static_cast<int>(choice.lengths.size());
  int left = p.positions();
  for (const int n : choice.lengths) left -= n;
  if (chunks > 0) {
    for (int n = chunks == 1 ? left : 1; n >= 1 && n + chunks - 1 <= left; ++n) {
      choice.lengths.push_back(n);
      for_each_choice(p, choice, visit);
      choice.lengths.pop_back();
    }
    return;
  }
  if (choice.strategies.size() == p.table_of.size()) return visit(choice);
  const auto table = static_cast<std::size_t>(p.table_of[choice.strategies.size()]);
  for (std::size_t s = 0; s < p.tables[table].size(); ++s) {
    choice.strategies.push_back(static_cast<int>(s));
    for_each_choice(p, choice, visit);
    choice.strategies.pop_back();
  }
}

// The step that bounds by positions give: that of components as long as they say.
Time step_of_bounds(const Problem& p, const Additive& additive, const Choice& choice, Replay& replay) {
  Values values(choice.lengths.size() * p.components.size(), 0);
  std::size_t at = 0;
  for (std::size_t chunk = 0; chunk < choice.lengths.size(); ++chunk)
    for (int i = 0; i < choice.lengths[chunk]; ++i, ++at)
      for (std::size_t k = 0; k < p.components.size(); ++k) {
        Time& v = values[chunk * p.components.size() + k];
        v = plus(v, additive.entry(p.table_of[at], choice.strategies[at], static_cast<int>(k), i == 0,
                                   i + 1 == choice.lengths[chunk]));
      }
  return replay.run(p, values);
}

struct Compared {
  std::size_t plans = 0, exact = 0, fit = 0, refused = 0;
  double worst = 0;  // the largest share by which the problem's step is short of the replay's
  double alike = 0;  // the same of plans whose layers are all alike
};

// Every plan of a frame, through the problem and through the simulator.
Compared compare(const Scenario& s, const Plan& base, const std::vector<LayerStrategy>& strategies) {
  constexpr Time nanosecond = 1000;
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const orrery::Problem problem{s.model, s.cluster, s.training, calibration, topology};
  const FrameModel model = frame_model(problem, base, measure(problem, base, strategies), {}, 1);
  Compared out;
  Evaluator evaluator;
  Replay replay;
  Choice choice;
  const Additive additive(model.problem);
  Time best = infeasible, modelled_best = infeasible;
  for_each_choice(model.problem, choice, [&](const Choice& c) {
    const Plan plan = model.plan(c);
    ASSERT_FALSE(evaluator.compile(problem, plan)) << summary(plan);
    const Values values = values_of(model.problem, c);
    const Time modelled = replay.run(model.problem, values), step = evaluator.bound().v;
    const bool modelled_fits = exact::fits(model.problem, values),
               really_fits = orrery::fits(evaluator.memory(), 1);
    EXPECT_LE(modelled, step) << summary(plan);
    EXPECT_LE(step_of_bounds(model.problem, additive, c, replay), modelled) << summary(plan);
    ++out.plans;
    out.exact += step - modelled < nanosecond;
    out.fit += really_fits;
    out.refused += really_fits && !modelled_fits;
    const double missed = 1 - static_cast<double>(modelled) / static_cast<double>(step);
    out.worst = std::max(out.worst, missed);
    if (std::count(plan.layers.begin(), plan.layers.end(), plan.layers.front()) == s.model.depth())
      out.alike = std::max(out.alike, missed);
    if (really_fits) best = std::min(best, step);
    if (modelled_fits) modelled_best = std::min(modelled_best, modelled);
  });
  const Frame::Answer answer = Frame(model.problem).solve(infeasible);
  EXPECT_TRUE(answer.proven) << summary(base);
  EXPECT_EQ(answer.best ? answer.step : infeasible, modelled_best) << summary(base);
  EXPECT_EQ(out.refused, 0u) << summary(base);
  if (answer.best && model.problem.chunks == 1) {
    EXPECT_LE(bound_of_words(model.problem, *answer.best, 1, infeasible, {}, [] { return false; }),
              answer.step)
        << summary(base);
  }
  if (answer.best && out.exact == out.plans) {
    evaluator.compile(problem, model.plan(*answer.best));
    EXPECT_LT(evaluator.bound().v - best, nanosecond) << summary(base);
    EXPECT_TRUE(orrery::fits(evaluator.memory(), 1)) << summary(base);
  }
  return out;
}

Plan plan_of(int tp, int dp, int pp, std::int64_t micro_batch) {
  Plan p;
  p.tp = tp, p.dp = dp, p.pp = pp;
  p.micro_batch = micro_batch;
  p.sequence_parallel = tp > 1;
  return p;
}

const std::vector<LayerStrategy> replicated{{Zero::none, Recompute::none, true},
                                            {Zero::optimizer, Recompute::none, true},
                                            {Zero::none, Recompute::full, true},
                                            {Zero::optimizer, Recompute::full, true}};

// ZeRO 0 and 1: to a nanosecond (sums of prices are rounded to ticks elsewhere).
void expect_exact(const Scenario& s, const Plan& base) {
  std::vector<LayerStrategy> strategies = replicated;
  if (base.dp * base.cp == 1) strategies = {replicated[0], replicated[2]};
  if (s.model.tied) strategies = {replicated[1], replicated[3]};
  const Compared c = compare(s, base, strategies);
  EXPECT_EQ(c.exact, c.plans) << summary(base) << " " << c.worst;
}

TEST(FrameModel, IsTheReplayWhereNothingIsSharded) {
  for (const std::int64_t gib : {7, 9, 80})
    for (const Plan& base : {plan_of(1, 4, 2, 1), plan_of(2, 4, 1, 1), plan_of(2, 2, 2, 2)})
      expect_exact(scenario_of(4, gib), base);
}

TEST(FrameModel, IsTheReplayUnderEveryOption) {
  const Scenario s = scenario_of(4, 9), roomy = scenario_of(4, 80);
  Plan gpipe = plan_of(1, 4, 2, 1), scattered = plan_of(4, 1, 2, 1), ring = plan_of(1, 2, 2, 1),
       late = plan_of(2, 2, 2, 1), unfused = late, blocking = plan_of(1, 2, 4, 1);
  gpipe.schedule = Schedule::gpipe;
  scattered.sequence_parallel = false;
  Plan whole = scattered;
  whole.scatter_gather = false;
  ring.cp = 2;
  late.overlap_parameters = false;
  late.tensor_overlap = TensorOverlap::none;
  unfused.attention = AttentionKernel::unfused;
  unfused.tensor_overlap = TensorOverlap::pipelined;
  blocking.receive_ahead = 0;
  blocking.send_slots = 1;
  for (const Plan& base : {gpipe, scattered, whole}) expect_exact(s, base);
  for (const Plan& base : {ring, late, unfused, blocking}) expect_exact(roomy, base);
}

TEST(FrameModel, IsTheReplayOfFewMicroBatchesAndOfTiedEnds) {
  Scenario s = scenario_of(4, 80);
  s.training.global_batch = 4;
  expect_exact(s, plan_of(1, 4, 2, 1));
  s.training.global_batch = 8;
  expect_exact(s, plan_of(1, 4, 2, 1));
  s.model.tied = true;
  expect_exact(s, plan_of(2, 2, 2, 1));
}

// Elsewhere it is a lower bound, and how far off it can be is written down here.
TEST(FrameModel, IsALowerBoundWhereParametersOrGradientsAreSharded) {
  for (const std::int64_t gib : {5, 7, 80}) {
    EXPECT_LT(compare(scenario_of(3, gib), plan_of(2, 2, 2, 1), all_strategies(2)).worst, 0.004);
    EXPECT_LT(compare(scenario_of(3, gib), plan_of(2, 4, 1, 1), all_strategies(1)).worst, 0.02);
  }
  Plan late = plan_of(1, 4, 2, 1), buckets = late, interleaved = late;
  late.overlap_gradients = false;
  EXPECT_LT(compare(scenario_of(4, 80), late, replicated).worst, 0.001);
  buckets.bucket_parameters = 600'000'000;
  EXPECT_LT(compare(scenario_of(4, 80), buckets, replicated).worst, 0.08);
  interleaved.schedule = Schedule::interleaved;
  interleaved.virtual_stages = 2;
  EXPECT_LT(compare(scenario_of(5, 9), interleaved, {replicated[0], replicated[3]}).worst, 0.001);
  const std::vector<LayerStrategy> mixed{
      replicated[3], {Zero::gradients, Recompute::none, true}, {Zero::full, Recompute::none, true}};
  EXPECT_LT(compare(scenario_of(5, 80), interleaved, mixed).worst, 0.03);
}

// Small collectives grow ever more slowly with what is in them: what the ends add to one layer's is more than
// what they add to those of many.
TEST(FrameModel, IsALowerBoundOfLongModels) {
  const Scenario s = scenario_of(126, 8000);
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const orrery::Problem problem{s.model, s.cluster, s.training, calibration, topology};
  for (const Plan& base : {plan_of(8, 1, 1, 1), plan_of(4, 2, 1, 1), plan_of(4, 1, 2, 1)}) {
    const auto strategies =
        base.dp == 1 ? std::vector<LayerStrategy>{replicated[0]} : all_strategies(base.pp);
    const FrameModel model = frame_model(problem, base, measure(problem, base, strategies), {}, 1);
    Evaluator evaluator;
    for (const Choice& choice : even_plans(model.problem)) {
      ASSERT_FALSE(evaluator.compile(problem, model.plan(choice)));
      EXPECT_LE(Replay().run(model.problem, values_of(model.problem, choice)), evaluator.bound().v)
          << summary(model.plan(choice));
    }
  }
}

// Over networks from one where collectives take many times as long as compute to one where they are hidden.
TEST(FrameModel, IsTheReplayOfAlikeShardedLayersOverAnyNetwork) {
  for (const double gigabytes : {0.5, 5.0, 20.0})
    for (const int layers : {3, 5})
      for (const Plan& base :
           {plan_of(1, 16, 1, 1), plan_of(2, 8, 1, 1), plan_of(2, 4, 2, 1), plan_of(1, 8, 2, 1)}) {
        Scenario s = scenario_of(layers, 80);
        s.cluster.groups.front().nodes = 2;
        s.training.global_batch = 64;
        s.cluster.groups.front().node.nics.bandwidth = {gigabytes * 1e9};
        std::vector<LayerStrategy> some{{Zero::gradients, Recompute::none, true},
                                        {Zero::full, Recompute::none, true}};
        if (layers == 3) some.push_back({Zero::optimizer, Recompute::full, true});
        if (layers < 5) some.push_back({Zero::full, Recompute::full, true});
        const Compared c = compare(s, base, some);
        EXPECT_LT(c.alike, 0.007) << gigabytes << " " << layers << " " << summary(base);
        EXPECT_LT(c.worst, base.pp > 1 ? 0.007 : 0.08) << gigabytes << " " << layers << " " << summary(base);
      }
}

}  // namespace
}  // namespace orrery::exact
