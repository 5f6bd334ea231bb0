// The search against brute force: every plan of the space, one at a time, with nothing left out.
#include "planner/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/space.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

SearchResult found(const Scenario& s) {
  ForwardExecutor executor;
  CountingWatch watch;
  return search(s, small_calibration(), {}, executor, watch);
}

struct Brute {
  Plan plan;
  Tick step, bound;
  Bytes peak;
};

// All plans that fit, simulated, best first.
std::vector<Brute> brute_force(const Scenario& s) {
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, calibration, topology};
  std::vector<Brute> out;
  for (const Plan& plan : uniform_plans(s)) {
    Evaluator fresh;
    if (fresh.compile(problem, plan) || !fits(fresh.memory(), s.objective.memory_at_most)) continue;
    const Tick bound = fresh.bound();
    const auto& m = fresh.memory();
    out.push_back({plan, fresh.simulate().makespan, bound, m[fullest(m)].peak});
  }
  std::stable_sort(out.begin(), out.end(), [&](const Brute& a, const Brute& b) {
    if (s.objective.minimize == Metric::memory && a.peak != b.peak) return a.peak < b.peak;
    return a.step < b.step;
  });
  return out;
}

void expect_best(const Scenario& s) {
  const std::vector<Brute> all = brute_force(s);
  const SearchResult result = found(s);
  ASSERT_GE(all.size(), result.best.size());
  ASSERT_EQ(result.best.size(), std::min<std::size_t>(all.size(), 5));
  for (std::size_t i = 0; i < result.best.size(); ++i) {
    EXPECT_EQ(result.best[i].report.makespan, all[i].step) << i;
    EXPECT_EQ(result.best[i].plan, all[i].plan) << i << " " << summary(result.best[i].plan) << " " << summary(all[i].plan);
  }
  const Certificate& c = result.certificate;
  EXPECT_EQ(c.plans, uniform_plans(s).size());
  EXPECT_EQ(c.evaluated, c.plans);
  EXPECT_EQ(c.plans - c.illegal - c.unsupported - c.memory, all.size());
  EXPECT_LE(c.simulated, all.size());
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(c.gap, 0);
}

TEST(Search, FindsTheFastestPlansOfItsSpace) { expect_best(small_scenario()); }

TEST(Search, FindsTheFastestPlansUnderScarceMemory) { expect_best(small_scenario(2, 14)); }

TEST(Search, FindsThePlansOfLeastMemory) {
  Scenario s = small_scenario();
  s.objective.minimize = Metric::memory;
  expect_best(s);
}

TEST(Search, BoundsAreNeverAboveTheSimulatedStep) {
  for (const Brute& b : brute_force(small_scenario())) ASSERT_LE(b.bound, b.step) << summary(b.plan);
}

TEST(Search, IsTheSameForAnyNumberOfWorkersInAnyOrder) {
  const Scenario s = small_scenario(2, 20);
  const SearchResult one = found(s);
  for (const std::size_t workers : {1, 3, 16}) {
    BackwardExecutor executor(workers);
    CountingWatch watch;
    EXPECT_EQ(search(s, small_calibration(), {}, executor, watch), one) << workers;
    EXPECT_TRUE(watch.ordered);
    EXPECT_GT(watch.reports, 0u);
  }
}

TEST(Search, SaysHowMuchMemoryIsShortAndWhatWouldFit) {
  const Scenario s = small_scenario(2, 14);
  const Calibration calibration = small_calibration();
  const Topology topology(s.cluster);
  const SearchResult result = found(s);
  std::size_t checked = 0;
  Bytes last{};
  for (const Rejected& r : result.rejected) {
    if (r.why != Rejection::memory) continue;
    ++checked;
    Evaluator evaluator;
    const Problem problem{s.model, s.cluster, s.training, calibration, topology};
    ASSERT_FALSE(evaluator.compile(problem, r.plan));
    EXPECT_EQ(evaluator.memory()[r.stage].peak - evaluator.memory()[r.stage].limit, r.excess);
    EXPECT_GT(r.excess, Bytes{});
    EXPECT_GE(r.excess, last);
    last = r.excess;
    ASSERT_TRUE(r.remedy);
    ASSERT_FALSE(evaluator.compile(problem, *r.remedy));
    EXPECT_TRUE(fits(evaluator.memory()));
  }
  EXPECT_GT(checked, 10u);
}

TEST(Search, HoldsToTheLimitsOfTheObjective) {
  Scenario s = small_scenario();
  const SearchResult free = found(s);
  const Seconds third = to_seconds(free.best[2].report.step);
  s.objective.step_time_at_most = third;
  const SearchResult limited = found(s);
  ASSERT_GE(limited.best.size(), 3u);
  for (const Found& f : limited.best) EXPECT_LE(to_seconds(f.report.step), third);
  EXPECT_GT(limited.certificate.slow, 0u);
  s.objective.step_time_at_most = to_seconds(free.best[0].report.step) * 0.9;
  const SearchResult none = found(s);
  EXPECT_TRUE(none.best.empty());
  EXPECT_TRUE(none.complete);
}

TEST(Search, HasNoAnswerWhereNothingFits) {
  const SearchResult result = found(small_scenario(1, 1));
  EXPECT_TRUE(result.best.empty());
  ASSERT_FALSE(result.rejected.empty());
  EXPECT_EQ(result.rejected.front().why, Rejection::memory);
  EXPECT_FALSE(result.rejected.front().remedy);
}

TEST(Search, GivesTheBestSoFarWhenStopped) {
  const Scenario s = small_scenario();
  ForwardExecutor executor;
  CountingWatch watch(2);
  const SearchResult result = search(s, small_calibration(), {}, executor, watch);
  EXPECT_FALSE(result.complete);
  EXPECT_LT(result.certificate.evaluated, result.certificate.plans);
  EXPECT_FALSE(result.best.empty());
  EXPECT_EQ(result.certificate.gap, 1);
  EXPECT_EQ(result.lower_bound, Seconds{});
}

TEST(Search, CountsWhatTheUserAskedForButCannotBe) {
  Scenario s = small_scenario();
  s.search.tp = {3};
  const SearchResult result = found(s);
  EXPECT_TRUE(result.best.empty());
  EXPECT_EQ(result.certificate.illegal, result.certificate.plans);
  ASSERT_FALSE(result.rejected.empty());
  EXPECT_EQ(result.rejected.front().message, "tp*cp*dp*pp = 15 ranks, but the cluster has 16 devices");
}

}  // namespace
}  // namespace orrery
