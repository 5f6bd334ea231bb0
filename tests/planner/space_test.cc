#include "planner/space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "planner/remedy.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

template <class T, class Get>
std::set<T> values(const Scenario& s, Get get) {
  std::set<T> out;
  for (const Plan& p : uniform_plans(s)) out.insert(get(p));
  return out;
}

TEST(Space, ChoosesDegreesByNodeAndDepth) {
  const Scenario s = small_scenario();
  EXPECT_EQ(values<int>(s, [](const Plan& p) { return p.tp; }), (std::set{1, 2, 4, 8}));
  EXPECT_EQ(values<int>(s, [](const Plan& p) { return p.pp; }), (std::set{1, 2, 4}));  // 8 stages for 6 layers: no
  EXPECT_EQ(values<int>(s, [](const Plan& p) { return p.ranks(); }), std::set{16});
}

TEST(Space, HasEveryPlanOnce) {
  const std::vector<Plan> plans = uniform_plans(small_scenario());
  EXPECT_GT(plans.size(), 200u);
  for (std::size_t i = 0; i < plans.size(); ++i)
    ASSERT_EQ(std::count(plans.begin(), plans.end(), plans[i]), 1) << summary(plans[i]);
}

// Embedding and head in the place of a layer each, as Llama 3.1 405B is cut (126 layers on 16 stages of 8).
TEST(Space, CutsEvenlyWithBothEndsWhereLayersAloneDoNot) {
  Scenario s = small_scenario();  // of 6 layers
  std::set<std::pair<int, std::string>> cuts;
  for (const Plan& p : uniform_plans(s)) cuts.emplace(p.pp * p.virtual_stages, cut_text(p));
  const std::set<std::pair<int, std::string>> expected{
      {1, "even"}, {2, "even"}, {4, "1,2*2,1"}, {6, "even"}, {8, "0,6*1,0"}};
  EXPECT_EQ(cuts, expected);
  s.search.virtual_stages = {1};
  s.search.pp = {5};  // of no use to either: the even cut, the first stages the longer
  s.cluster.groups.front().nodes = 5;
  for (const Plan& p : uniform_plans(s)) EXPECT_EQ(cut_text(p), "even");
}

TEST(Space, CutsSequencesThatLeaveEveryRankLongParts) {
  Scenario s = small_scenario();
  const auto degrees = [&] { return values<int>(s, [](const Plan& p) { return p.cp; }); };
  s.training.sequence = 8190;
  EXPECT_EQ(degrees(), std::set{1});
  s.training.sequence = 8192;
  EXPECT_EQ(degrees(), (std::set{1, 2}));
  s.training.sequence = 32768 + 8;
  EXPECT_EQ(degrees(), (std::set{1, 2, 4}));
  s.search.cp = {16};
  EXPECT_EQ(degrees(), std::set{16});
}

TEST(Space, TriesMicroBatchesThatDivideAReplicasShare) {
  Scenario s = small_scenario();
  s.training.global_batch = 96;
  s.search.dp = {2};
  EXPECT_EQ(values<std::int64_t>(s, [](const Plan& p) { return p.micro_batch; }),
            (std::set<std::int64_t>{1, 2, 3, 4, 6, 8, 16}));
}

TEST(Space, LeavesOutPlansThatAreOthersByAnotherName) {
  for (const Plan& p : uniform_plans(small_scenario())) {
    EXPECT_TRUE(p.dp > 1 || p.layers.front().zero == Zero::none);
    EXPECT_NE(p.layers.front().recompute, Recompute::selective);  // fused attention
    EXPECT_EQ(p.schedule == Schedule::interleaved, p.virtual_stages > 1);
    EXPECT_EQ(p.sequence_parallel, p.tp > 1);
  }
}

TEST(Space, KeepsToWhatTheSearchNames) {
  Scenario s = small_scenario();
  s.search.tp = {2};
  s.search.pp = {2};
  s.search.virtual_stages = {1};
  s.search.schedules = {Schedule::one_f_one_b};
  s.search.micro_batch = {1, 2};
  s.search.zero = {Zero::optimizer};
  s.search.recompute = {Recompute::full};
  const std::vector<Plan> plans = uniform_plans(s);
  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(summary(plans[0]), "tp2sp pp2 dp4 mbs1 1f1b zero1 recompute full");
  s.search.dp = {3};
  EXPECT_TRUE(uniform_plans(s).empty());
}

TEST(Space, TakesOtherOptionsFromTheScenariosPlan) {
  Scenario s = small_scenario();
  s.plan = Plan{};
  s.plan->attention = AttentionKernel::unfused;
  s.plan->bucket_parameters = 7;
  s.plan->stage_layers = {1, 5};
  for (const Plan& p : uniform_plans(s)) {
    EXPECT_EQ(p.bucket_parameters, 7);
    EXPECT_EQ(p.attention, AttentionKernel::unfused);
    EXPECT_NE(p.stage_layers, (std::vector{1, 5}));
  }
  EXPECT_EQ(values<Recompute>(s, [](const Plan& p) { return p.layers.front().recompute; }).size(), 3u);
}

TEST(Distance, PutsSwitchesBeforeTheMicroBatchBeforeDegrees) {
  const Plan a;
  Plan recompute = a, batch = a, stages = a, degree = a;
  recompute.layers.front() = {Zero::full, Recompute::full};
  batch.micro_batch = 2;
  stages.virtual_stages = 2;
  degree.tp = 2;
  EXPECT_EQ(distance(a, a), 0);
  EXPECT_LT(0, distance(a, recompute));
  EXPECT_LT(distance(a, recompute), distance(a, batch));
  EXPECT_LT(distance(a, batch), distance(a, stages));
  EXPECT_LT(distance(a, stages), distance(a, degree));
  EXPECT_EQ(distance(a, degree), distance(degree, a));
}

}  // namespace
}  // namespace orrery
