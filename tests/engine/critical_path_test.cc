#include "sim/engine/critical_path.h"

#include <gtest/gtest.h>

#include "sim/engine/replay.h"
#include "sim/engine/shared.h"
#include "tests/reference/random_sharing.h"

namespace orrery {
namespace {

using reference::RandomProgram;

// Steps lie back to back from 0 to the end, and each kind of time is the sum of its steps.
void expect_sums(const CriticalPath& path, Tick makespan, std::uint64_t seed) {
  Tick now{}, run{}, issue{}, wait{}, by_class{};
  for (const PathStep& step : path.steps) {
    ASSERT_EQ(step.begin, now) << "seed " << seed;
    (step.kind == StepKind::run ? run : step.kind == StepKind::issue ? issue : wait) += step.end - step.begin;
    now = step.end;
  }
  for (const Tick t : path.time) by_class += t;
  ASSERT_EQ(now, makespan) << "seed " << seed;
  ASSERT_EQ(run, by_class) << "seed " << seed;
  ASSERT_EQ(issue, path.issue) << "seed " << seed;
  ASSERT_EQ(wait, path.wait) << "seed " << seed;
}

std::int64_t length(const CriticalPath& path, const std::vector<Price>& prices) {
  std::int64_t sum = 0;
  for (std::size_t c = 0; c < prices.size(); ++c) sum += path.runs[c] * prices[c].total().v + path.launches[c] * prices[c].launch.v;
  return sum;
}

TEST(CriticalPath, SumsToTheStaticMakespanAndBoundsItAtOtherPrices) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 4), .hosts = seed % 2 > 0});
    const std::vector<Price> prices = random.prices(50, seed % 4 > 1);
    Timeline t;
    const Tick end = replay(random.p, prices, workspace, t);
    const CriticalPath path = critical_path(random.p, prices, t);
    expect_sums(path, end, seed);
    ASSERT_EQ(path.wait.v, 0) << "seed " << seed;
    ASSERT_EQ(path.stretched.v, 0) << "seed " << seed;
    ASSERT_EQ(length(path, prices), end.v) << "seed " << seed;
    for (int other = 0; other < 5; ++other) {
      const std::vector<Price> changed = random.prices(50, seed % 4 > 1);
      ASSERT_LE(length(path, changed), makespan(random.p, changed, workspace).v) << "seed " << seed;
    }
  }
}

TEST(CriticalPath, SumsToTheSharedMakespan) {
  SharedWorkspace workspace;
  Tick stretched{};
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 4), .hosts = seed % 2 > 0});
    const std::vector<Price> prices = random.prices(1'000'000, seed % 4 > 1);
    const SharedInput input = reference::random_sharing(random, 2, true);
    Timeline t;
    const Tick end = replay_shared(random.p, prices, input, workspace, t);
    const CriticalPath path = critical_path(random.p, prices, t);
    expect_sums(path, end, seed);
    ASSERT_EQ(path.wait.v, 0) << "seed " << seed;
    stretched += path.stretched;
  }
  EXPECT_GT(stretched.v, 0);
}

// A measured Timeline has gaps that nothing explains; they are waits, and the sum still holds.
TEST(CriticalPath, NamesUnexplainedGaps) {
  RandomProgram random(7, {.players = 1});
  const std::vector<Price> prices = random.prices(50);
  Workspace workspace;
  Timeline t;
  const Tick end = replay(random.p, prices, workspace, t);
  for (std::size_t i = 0; i < t.end.size(); ++i) t.start[i].v = 2 * t.start[i].v + 3, t.end[i].v = 2 * t.end[i].v + 1;
  const CriticalPath path = critical_path(random.p, prices, t);
  expect_sums(path, {2 * end.v + 1}, 7);
  EXPECT_GT(path.wait.v, 0);
}

TEST(CriticalPath, OfNothingIsNothing) {
  const CriticalPath path = critical_path(Program{}, {}, {});
  EXPECT_TRUE(path.steps.empty());
}

}  // namespace
}  // namespace orrery
