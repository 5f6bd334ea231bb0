// The search over a strategy for each layer, from a scenario to its certificate, against brute force over the
// simulator where the space is small enough.
#include "planner/layered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "planner/space.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

Scenario narrow_scenario(std::int64_t gib) {
  Scenario s = small_scenario(1, gib);
  s.model.layers.assign(4, 0);
  s.training.global_batch = 16;
  s.search.tp = {2};
  s.search.pp = {1, 2};
  s.search.virtual_stages = {1};
  s.search.schedules = {Schedule::one_f_one_b};
  s.search.micro_batch = {1};
  s.search.zero = {Zero::none, Zero::optimizer};
  s.search.recompute = {Recompute::none, Recompute::full};
  return s;
}

Layered found(const Scenario& s, std::optional<Tick> known = {}) {
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  ForwardExecutor executor;
  CountingWatch watch;
  return search_layers(s, calibration, topology, {known, {}}, executor, watch);
}

// Every cut and every word of four layers, under every frame of the uniform plans.
Tick brute_force(const Scenario& s) {
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, calibration, topology};
  Evaluator evaluator;
  Tick best{INT64_MAX};
  for (Plan plan : uniform_plans(s)) {
    if (plan.layers.front() != LayerStrategy{}) continue;  // one plan a frame
    for (int first = plan.pp == 1 ? 4 : 1; first <= (plan.pp == 1 ? 4 : 3); ++first)
      for (int word = 0; word < 256; ++word) {
        plan.stage_layers = plan.pp == 1 ? std::vector<int>{4} : std::vector<int>{first, 4 - first};
        plan.layers.clear();
        for (int i = 0; i < 4; ++i)
          plan.layers.push_back({(word >> 2 * i & 1) != 0 ? Zero::optimizer : Zero::none,
                                 (word >> (2 * i + 1) & 1) != 0 ? Recompute::full : Recompute::none, true});
        if (evaluator.compile(problem, plan) || !fits(evaluator.memory())) continue;
        best = std::min(best, evaluator.bound());
      }
  }
  return best;
}

TEST(Layered, FindsWhatBruteForceFinds) {
  for (const std::int64_t gib : {6, 7, 8, 80}) {
    const Scenario s = narrow_scenario(gib);
    const Layered l = found(s);
    const Tick best = brute_force(s);
    ASSERT_EQ(l.best.has_value(), best.v < INT64_MAX) << gib;
    if (!l.best) continue;
    EXPECT_LT(l.step.v - best.v, 1000) << gib;  // a nanosecond
    EXPECT_LT(best.v - l.lower.v, 1000) << gib;
    EXPECT_LE(l.lower, best);
    EXPECT_EQ(l.counts.open, 0u);
    EXPECT_EQ(l.counts.below_bound, 0u);
    EXPECT_EQ(l.counts.frames, l.counts.bounded_away + l.counts.solved);
    EXPECT_NEAR(l.counts.log10_plans, std::log10(256.0 + 3 * 256.0), 1e-9);
  }
}

TEST(Layered, MoreMemoryNeverHurts) {
  Tick last{INT64_MAX / 2};
  for (const std::int64_t gib : {6, 7, 8, 10, 14, 80}) {
    const Layered l = found(narrow_scenario(gib));
    if (!l.best) continue;
    EXPECT_LE(l.step.v, last.v + 1000);
    last = l.step;
  }
}

TEST(Layered, SaysThatNothingIsBetterThanTheBest) {
  const Scenario s = narrow_scenario(8);
  const Layered first = found(s);
  const Layered again = found(s, first.step);
  EXPECT_FALSE(again.best);
  EXPECT_EQ(again.step, first.step);
  EXPECT_LT(again.step.v - again.lower.v, 1000);
}

// Wherever it is stopped, what it says of the best plan is true.
TEST(Layered, AStoppedSearchKeepsItsBound) {
  const Scenario s = narrow_scenario(8);
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const Layered whole = found(s);
  std::size_t with_bound = 0, with_plan = 0, stopped = 0;
  for (std::size_t looks = 1; looks < 16; ++looks) {
    ForwardExecutor executor;
    CountingWatch watch(looks);
    const Layered part = search_layers(s, calibration, topology, {}, executor, watch);
    stopped += !part.complete;
    EXPECT_LE(part.lower.v, whole.step.v) << looks;
    EXPECT_GE(part.step, whole.step) << looks;
    EXPECT_LE(part.lower.v, part.step.v) << looks;
    with_bound += !part.complete && part.lower.v > 0;
    with_plan += !part.complete && part.best;
  }
  EXPECT_GT(stopped, 4u);
  EXPECT_GT(with_bound, 2u);
  EXPECT_GT(with_plan, 0u);
}

TEST(Layered, IsTheSameForAnyNumberOfWorkers) {
  const Scenario s = narrow_scenario(8);
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const Layered one = found(s);
  for (const std::size_t workers : {2, 5}) {
    BackwardExecutor executor(workers);
    CountingWatch watch;
    const Layered other = search_layers(s, calibration, topology, {}, executor, watch);
    EXPECT_EQ(other.best, one.best);
    EXPECT_EQ(other.lower, one.lower);
    EXPECT_EQ(other.counts, one.counts);
  }
}

TEST(Layered, AnswersASearchThatAsksForIt) {
  Scenario s = narrow_scenario(7);
  const Calibration calibration = small_calibration();
  ForwardExecutor executor;
  CountingWatch watch;
  const SearchResult alike = search(s, calibration, {}, executor, watch);
  EXPECT_FALSE(alike.certificate.layered);
  s.search.each_layer = true;
  const SearchResult each = search(s, calibration, {}, executor, watch);
  ASSERT_TRUE(each.certificate.layered);
  const LayeredCertificate& c = *each.certificate.layered;
  EXPECT_LT(c.static_gap, 1e-6);
  EXPECT_GE(c.gap, 0);
  EXPECT_LE(each.lower_bound, to_seconds(each.best.front().report.step));
  EXPECT_LE(each.best.front().report.step, alike.best.front().report.step);
}

}  // namespace
}  // namespace orrery
