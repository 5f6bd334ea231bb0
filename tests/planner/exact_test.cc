// The path-cut search against brute force on small random problems: every way to cut the model and every
// word, played through the same graph. Their optima are equal to the last digit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "planner/exact/frame.h"
#include "planner/exact/word_bound.h"
#include "tests/planner/random_problem.h"

namespace orrery::exact {
namespace {

struct Best {
  Time step = infeasible;
  std::size_t plans = 0;
};

void try_words(const Problem& p, Choice& choice, Best& best, Replay& replay) {
  if (choice.strategies.size() < p.table_of.size()) {
    const auto table = static_cast<std::size_t>(p.table_of[choice.strategies.size()]);
    for (std::size_t s = 0; s < p.tables[table].size(); ++s) {
      choice.strategies.push_back(static_cast<int>(s));
      try_words(p, choice, best, replay);
      choice.strategies.pop_back();
    }
    return;
  }
  ++best.plans;
  const Values values = values_of(p, choice);
  if (fits(p, values)) best.step = std::min(best.step, replay.run(p, values));
}

void try_cuts(const Problem& p, int left, Choice& choice, Best& best, Replay& replay) {
  const int chunks = p.chunks - static_cast<int>(choice.lengths.size());
  if (chunks == 0) {
    if (left == 0) try_words(p, choice, best, replay);
    return;
  }
  for (int n = chunks == 1 ? left : 1; n >= 1 && n + chunks - 1 <= left; ++n) {
    choice.lengths.push_back(n);
    try_cuts(p, left - n, choice, best, replay);
    choice.lengths.pop_back();
  }
}

unsigned instances() { return std::getenv("ORRERY_TEST_ALL") ? 10'000 : 2'000; }

TEST(PathCuts, EqualBruteForce) {
  std::size_t interleaved = 0, impossible = 0, several_passes = 0, plans = 0;
  for (unsigned seed = 0; seed < instances(); ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    Best brute;
    Choice choice;
    Replay replay;
    try_cuts(p, p.positions(), choice, brute, replay);
    plans += brute.plans;
    interleaved += instance.schedule == Schedule::interleaved;
    Frame frame(p);
    const Time bound = frame.bound();
    EXPECT_LE(bound, brute.step) << seed;
    const Frame::Answer answer = frame.solve(infeasible);
    ASSERT_TRUE(answer.proven) << seed;
    ASSERT_EQ(answer.best.has_value(), brute.step < infeasible) << seed;
    several_passes += frame.counts().passes > 1;
    if (!answer.best) {
      ++impossible;
      continue;
    }
    ASSERT_EQ(answer.step, brute.step) << seed;
    const Values values = values_of(p, *answer.best);
    EXPECT_TRUE(fits(p, values)) << seed;
    EXPECT_EQ(replay.run(p, values), answer.step) << seed;
  }
  RecordProperty("plans", static_cast<int>(plans));
  RecordProperty("interleaved", static_cast<int>(interleaved));
  RecordProperty("several_passes", static_cast<int>(several_passes));
  RecordProperty("impossible", static_cast<int>(impossible));
  EXPECT_GT(interleaved, instances() / 5);
  EXPECT_GT(several_passes, instances() / 4);
  EXPECT_LT(impossible, instances() / 2);
}

TEST(PathCuts, FindNothingBelowTheBest) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Instance instance = random_instance(seed);
    Frame frame(instance.problem);
    const Frame::Answer best = frame.solve(infeasible);
    if (!best.best) continue;
    const Frame::Answer none = frame.solve(best.step);
    EXPECT_TRUE(none.proven);
    EXPECT_FALSE(none.best);
    EXPECT_EQ(none.lower, best.step);
    const Frame::Answer again = Frame(instance.problem).solve(best.step + 1);
    ASSERT_TRUE(again.best);
    EXPECT_EQ(again.step, best.step);
  }
}

// What bounding finds is a plan of all positions, which may not fit.
TEST(PathCuts, GuessIsAPlan) {
  std::size_t found = 0, fitting = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    Frame frame(p);
    EXPECT_FALSE(frame.guess()) << seed;  // nothing is known yet
    const Time bound = frame.bound();
    const auto guess = frame.guess();
    if (!guess) continue;
    ++found;
    EXPECT_EQ(std::accumulate(guess->lengths.begin(), guess->lengths.end(), 0), p.positions()) << seed;
    EXPECT_GE(*std::min_element(guess->lengths.begin(), guess->lengths.end()), 1) << seed;
    ASSERT_EQ(guess->strategies.size(), p.table_of.size()) << seed;
    const bool fit = fits(p, values_of(p, *guess));
    fitting += fit;
    const Time step = frame.learn(*guess);
    if (fit) {
      EXPECT_GE(step, bound) << seed;
    }
  }
  EXPECT_GT(found, 200u);
  EXPECT_GT(fitting, 150u);
}

TEST(PathCuts, ASpentBudgetLeavesALowerBound) {
  std::size_t stopped = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Instance instance = random_instance(seed);
    const Frame::Answer whole = Frame(instance.problem).solve(infeasible);
    int looks = 0;
    const Frame::Answer part = Frame(instance.problem).solve(infeasible, [&] { return ++looks > 2; });
    stopped += !part.proven;
    if (whole.best) {
      EXPECT_LE(part.lower, whole.step) << seed;
    }
    if (part.best) {
      EXPECT_GE(part.step, whole.step) << seed;
    }
  }
  EXPECT_GT(stopped, 20u);
}

// Of problems of one chunk: no plan is below it, and it is at least the bound by sums.
TEST(WordBound, IsBelowTheBestPlan) {
  std::size_t count = 0, closer = 0, closed = 0;
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    if (p.chunks != 1) continue;
    const Frame::Answer answer = Frame(p).solve(infeasible);
    if (!answer.best) continue;
    const Time sums = Frame(p).bound(),
               bound = bound_of_words(p, *answer.best, sums, infeasible, {}, [] { return false; });
    EXPECT_LE(bound, answer.step) << seed;
    EXPECT_GE(bound, sums) << seed;
    ++count;
    closer += bound > sums;
    closed += bound == answer.step;
  }
  RecordProperty("problems", static_cast<int>(count));
  RecordProperty("closer", static_cast<int>(closer));
  RecordProperty("closed", static_cast<int>(closed));
  EXPECT_GT(count, 300u);
  EXPECT_GT(closer * 10, count);
}

// Where chunks can have too many lengths, positions alone bound the step.
TEST(PathCuts, AFrameOfTooManyLengthsIsBounded) {
  double tightness = 0;
  std::size_t count = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    if (instance.problem.positions() == instance.problem.chunks) continue;  // one way
    const Frame::Answer whole = Frame(instance.problem).solve(infeasible);
    if (!whole.best) continue;
    FrameOptions few;
    few.lengths = 0;
    const Time bound = Frame(instance.problem, few).bound();
    EXPECT_LE(bound, whole.step) << seed;
    tightness += static_cast<double>(bound) / static_cast<double>(whole.step);
    ++count;
  }
  EXPECT_GT(count, 100u);
  EXPECT_GT(tightness / static_cast<double>(count), 0.3);
}

// A critical path's length is the step, and no path is longer than the step of any plan.
TEST(Paths, BoundEveryPlanFromBelow) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    Random r(seed);
    std::vector<Path> paths;
    Replay replay;
    for (int plan = 0; plan < 12; ++plan) {
      Choice choice;
      choice.lengths.assign(static_cast<std::size_t>(p.chunks), 1);
      for (int extra = p.positions() - p.chunks; extra > 0; --extra)
        ++choice.lengths[static_cast<std::size_t>(r.up_to(p.chunks - 1))];
      for (const int table : p.table_of)
        choice.strategies.push_back(static_cast<int>(
            r.up_to(static_cast<Time>(p.tables[static_cast<std::size_t>(table)].size()) - 1)));
      const Values values = values_of(p, choice);
      Path path;
      const Time step = replay.run(p, values, &path);
      EXPECT_EQ(length(path, p, values), step);
      for (const Path& other : paths) EXPECT_LE(length(other, p, values), step);
      paths.push_back(path);
    }
  }
}

}  // namespace
}  // namespace orrery::exact
