// Annealing against the exact search on small random problems.
#include "planner/exact/anneal.h"

#include <gtest/gtest.h>

#include "planner/exact/frame.h"
#include "tests/planner/random_problem.h"

namespace orrery::exact {
namespace {

const auto agree = [](const Choice&, Time step) -> std::optional<Time> { return step; };
const auto never_stop = [] { return false; };

TEST(Anneal, FindsTheBestPlanOfMostSmallProblems) {
  std::size_t solvable = 0, found = 0, best = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    const Frame::Answer answer = Frame(p).solve(infeasible);
    const auto annealed = anneal(p, even_plans(p), 2'000, agree, never_stop);
    solvable += answer.best.has_value();
    if (!annealed) continue;
    ++found;
    ASSERT_TRUE(answer.best) << seed;
    const Values values = values_of(p, annealed->choice);
    EXPECT_TRUE(fits(p, values)) << seed;
    EXPECT_EQ(Replay().run(p, values), annealed->step) << seed;
    EXPECT_GE(annealed->step, answer.step) << seed;
    best += annealed->step == answer.step;
  }
  RecordProperty("solvable", static_cast<int>(solvable));
  RecordProperty("best", static_cast<int>(best));
  EXPECT_GT(solvable, 200u);
  EXPECT_GT(found * 100, solvable * 97);
  EXPECT_GT(best * 100, solvable * 90);
}

TEST(Anneal, IsTheSameEachTime) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Instance instance = random_instance(seed);
    const auto once = anneal(instance.problem, even_plans(instance.problem), 300, agree, never_stop),
               again = anneal(instance.problem, even_plans(instance.problem), 300, agree, never_stop);
    ASSERT_EQ(once.has_value(), again.has_value());
    if (once) {
      EXPECT_EQ(once->choice, again->choice);
    }
  }
}

// A judge that refuses half of all plans, and finds the others slower than the problem says.
TEST(Anneal, ReturnsTheBestThatItsJudgeLetsStand) {
  std::size_t found = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    const auto refused = [](const Choice& c) { return c.strategies.back() % 2 == 1; };
    std::vector<Choice> judged;
    Time least = infeasible;
    const auto judge = [&](const Choice& c, Time step) -> std::optional<Time> {
      judged.push_back(c);
      if (refused(c)) return {};
      const Time really = 2 * step + 100 * c.strategies.front();
      least = std::min(least, really);
      return really;
    };
    const auto annealed = anneal(p, even_plans(p), 500, judge, never_stop);
    if (!annealed) continue;
    ++found;
    EXPECT_FALSE(refused(annealed->choice)) << seed;
    EXPECT_EQ(annealed->judged, least) << seed;
    EXPECT_EQ(annealed->judged, 2 * annealed->step + 100 * annealed->choice.strategies.front()) << seed;
  }
  EXPECT_GT(found, 50u);
}

TEST(Anneal, StopsWhenAsked) {
  const Instance instance = random_instance(0);
  std::size_t asked = 0;
  anneal(instance.problem, even_plans(instance.problem), 1'000'000'000, agree, [&] { return ++asked > 2; });
  EXPECT_EQ(asked, 3u);
}

}  // namespace
}  // namespace orrery::exact
