// A plan repriced at a point against the same plan evaluated there from nothing.
#include "planner/whatif/pinned.h"

#include <gtest/gtest.h>

#include <random>

#include "planner/space.h"
#include "tests/planner/fixtures.h"

namespace orrery {
namespace {

// By everything that makes a report.
Answer fresh(const Scenario& s, const Calibration& c, const Plan& plan, Replay replay) {
  const Topology topology(s.cluster);
  Evaluator e;
  if (const auto broken = e.compile({s.model, s.cluster, s.training, c, topology}, plan))
    return no_answer(s, broken->unsupported ? Outcome::unsupported : Outcome::illegal, broken->message);
  e.simulate(replay);
  const Report r = e.report({});
  if (!r.fits()) return no_answer(s, Outcome::memory, "");
  Answer a = no_answer(s, Outcome::ok, "");
  a.plan = r.plan;
  a.step = to_seconds(r.step);
  a.tokens_per_second = r.tokens_per_second;
  a.mfu = r.efficiency[static_cast<std::size_t>(FlopConvention::megatron)].of_peak;
  a.memory = r.stages[r.fullest()].memory.peak;
  a.run = r.cost.duration;
  a.cost = r.cost.total;
  a.shared = r.origin.replay == "shared";
  return a;
}

void expect_same(Answer found, const Answer& expected) {
  if (expected.outcome == Outcome::memory) found.message.clear();
  EXPECT_NEAR(found.mfu, expected.mfu, 1e-12 * expected.mfu);
  found.mfu = expected.mfu;
  if (expected.cost.v > 0) {
    EXPECT_NEAR(found.per_million_tokens.v * 1e9 / 1e6, expected.cost.v,
                1e-9 * expected.cost.v);  // of 1e9 tokens
  }
  found.per_million_tokens = {};
  EXPECT_EQ(found, expected);
}

// One figure of the machine or the question at random; small ranges, so that the Program is met again.
void change(Scenario& s, std::mt19937& random) {
  Node& node = s.cluster.groups[0].node;
  const double factor = std::uniform_real_distribution(0.5, 2.0)(random);
  switch (random() % 10) {
    case 0:
      node.nics.bandwidth.v *= factor;
      break;
    case 1:
      node.intra.bandwidth.v *= factor;
      break;
    case 2:
      node.device.bf16.v *= factor;
      break;
    case 3:
      node.device.memory_bandwidth.v *= factor;
      break;
    case 4:
      node.device.memory = {std::int64_t{1} << (30 + random() % 8)};
      break;
    case 5:
      s.cluster.prices.gpu_hour = factor;
      break;
    case 6:
      s.cluster.reliability.mtbf_per_gpu = {1e8 * factor};
      break;
    case 7:
      s.cluster.groups[0].nodes = 1 + static_cast<int>(random() % 2);
      break;
    case 8:
      s.training.global_batch = 32 << random() % 2;
      break;
    default:
      s.cluster.fabric = {FabricKind::fat_tree, 1 + factor, 1};
      break;
  }
}

TEST(Pinned, IsWhatAFreshEvaluationGives) {
  std::mt19937 random(3);
  Calibration c = small_calibration();
  const std::vector<Plan> plans = uniform_plans(small_scenario());
  std::array<int, 6> outcomes{};
  Pinned pinned;
  Plan plan = plans.front();
  for (int i = 0; i < 400; ++i) {
    Scenario s = small_scenario(2, 40);
    if (i % 8 == 0) plan = plans[random() % plans.size()];
    for (int k = 0; k < 2; ++k) change(s, random);
    if (random() % 4 == 0) c.fragmentation = 0.1 * static_cast<double>(random() % 3);
    for (const Replay replay : {Replay::automatic, Replay::static_only}) {
      const Answer a = pinned.ask(s, c, plan, replay);
      ++outcomes[static_cast<std::size_t>(a.outcome)];
      SCOPED_TRACE(summary(plan));
      expect_same(a, fresh(s, c, plan, replay));
    }
  }
  EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::ok)], 200);
  EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::memory)], 10);
  EXPECT_GT(outcomes[static_cast<std::size_t>(Outcome::illegal)], 10);
}

// Points of one Program wait for each other; the answers are those of each alone, whatever else waits.
TEST(Pinned, AnswersTogetherAreThoseOfEachAlone) {
  std::mt19937 random(11);
  const Calibration c = small_calibration();
  const std::vector<Plan> plans = uniform_plans(small_scenario());
  Pinned together, alone;
  std::size_t most = 0;
  for (int round = 0; round < 40; ++round) {
    const Plan plan = plans[random() % plans.size()];
    std::vector<Scenario> scenarios(20, small_scenario());
    std::vector<std::optional<Answer>> answers(scenarios.size());
    std::vector<std::size_t> waiting;
    const auto play = [&] {
      const std::vector<Answer> played = together.play();
      ASSERT_EQ(played.size(), waiting.size());
      most = std::max(most, waiting.size());
      for (std::size_t i = 0; i < played.size(); ++i) answers[waiting[i]] = played[i];
      waiting.clear();
    };
    const Replay replay = std::array{Replay::automatic, Replay::static_only, Replay::shared}[random() % 3];
    for (std::size_t i = 0; i < scenarios.size(); ++i) {
      if (random() % 3 > 0) change(scenarios[i], random);
      if (!together.takes(scenarios[i], plan)) play();
      answers[i] = together.put(scenarios[i], c, plan, replay);
      if (!answers[i]) waiting.push_back(i);
    }
    play();
    for (std::size_t i = 0; i < scenarios.size(); ++i)
      ASSERT_EQ(*answers[i], alone.ask(scenarios[i], c, plan, replay));
  }
  EXPECT_GT(most, 8U);
  EXPECT_LE(most, 20U);
}

TEST(Pinned, CompilesAgainOnlyWhereTheProgramChanges) {
  const Calibration c = small_calibration();
  Plan plan;
  plan.tp = 8;
  plan.dp = 2;
  Pinned pinned;
  Scenario s = small_scenario();
  const auto compiled = [&](auto&& make) {
    make();
    EXPECT_EQ(pinned.ask(s, c, plan).outcome, Outcome::ok);
    return pinned.compiled();
  };
  EXPECT_EQ(compiled([] {}), 1u);
  EXPECT_EQ(compiled([&] { s.cluster.groups[0].node.nics.bandwidth.v *= 2; }), 1u);
  EXPECT_EQ(compiled([&] { s.cluster.groups[0].node.device.bf16.v *= 2; }), 1u);
  EXPECT_EQ(pinned.simulated(), 3u);
  EXPECT_EQ(compiled([&] { s.cluster.prices.gpu_hour = 3; }), 1u);
  EXPECT_EQ(compiled([&] { s.cluster.reliability.mtbf_per_gpu = {1e9}; }), 1u);
  EXPECT_EQ(pinned.simulated(), 3u);
  EXPECT_EQ(compiled([&] { s.training.global_batch *= 2; }), 2u);
  EXPECT_EQ(compiled([&] { plan.micro_batch = 2; }), 3u);
  EXPECT_EQ(compiled([&] { s.cluster.groups[0].node.nics.count = 4; }), 4u);
}

}  // namespace
}  // namespace orrery
