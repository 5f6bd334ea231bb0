// Where the time of a rank goes: solved by hand for a small pipeline, and summing to the makespan exactly for
// random Programs.
#include "sim/report/breakdown.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/reference/random_program.h"
#include "tests/report/fixtures.h"

namespace orrery {
namespace {

using testing::HandMade;
using testing::milliseconds;

Tick sum(const Breakdown& b) { return std::accumulate(b.time.begin(), b.time.end(), Tick{}); }

TEST(Breakdown, OneStageHasNoBubble) {
  const HandMade made(1, 3);
  const Timeline t = made.timeline();
  // Three times 6 + 4 forward and 20 backward, 8 of reduction, 5 of the optimizer.
  ASSERT_EQ(makespan(t), milliseconds(103));
  const Breakdown b = breakdown(made.p, t, makespan(t), 0, 0);
  EXPECT_EQ(b[Category::matmul], milliseconds(78));
  EXPECT_EQ(b[Category::attention], milliseconds(12));
  EXPECT_EQ(b[Category::data], milliseconds(8));
  EXPECT_EQ(b[Category::optimizer], milliseconds(5));
  EXPECT_EQ(b[Category::bubble], Tick{});
  EXPECT_EQ(b.busy, milliseconds(95));
  EXPECT_EQ(b.communication[static_cast<std::size_t>(Category::data)], milliseconds(8));
  EXPECT_EQ(sum(b), makespan(t));
}

// Without communication the bubble of 1F1B is (p-1)/m of the ideal time, on every stage (Narayanan et al.
// 2021).
TEST(Breakdown, BubbleOfOneForwardOneBackward) {
  for (const auto& [p, m] : {std::pair{4u, 8u}, {8u, 8u}, {8u, 64u}, {2u, 1u}}) {
    const HandMade made(p, m);
    const Timeline t = made.timeline();
    for (std::uint32_t s = 0; s < p; ++s) {
      const Breakdown b = breakdown(made.p, t, makespan(t), s, 0);
      EXPECT_EQ(b[Category::bubble], milliseconds(30 * (p - 1)))
          << p << " stages, " << m << " micro-batches, stage " << s;
      EXPECT_EQ(b[Category::host], Tick{});
      EXPECT_EQ(sum(b), makespan(t));
    }
  }
}

// Two stages, one micro-batch, messages of 3 ms. Stage 1 waits 10 ms for stage 0 (bubble) and 3 ms for the
// message, computes 30 ms, reduces and updates 13 ms, and is done while stage 0 has 3 + 20 ms of message and
// backward left.
TEST(Breakdown, MessagesAreExposedAndTheRestOfTheWaitIsBubble) {
  const HandMade made(2, 1, 3);
  const Timeline t = made.timeline();
  ASSERT_EQ(makespan(t), milliseconds(10 + 3 + 30 + 3 + 20 + 8 + 5));
  const Breakdown last = breakdown(made.p, t, makespan(t), 1, 0);
  EXPECT_EQ(last[Category::pipeline], milliseconds(3));
  EXPECT_EQ(last[Category::bubble], milliseconds(10 + 23));
  const Breakdown first = breakdown(made.p, t, makespan(t), 0, 0);
  // Its own message goes on beside its wait for the one from stage 1, of which 3 of 36 ms are transfer.
  EXPECT_EQ(first[Category::pipeline], milliseconds(3));
  EXPECT_EQ(first.communication[static_cast<std::size_t>(Category::pipeline)], milliseconds(3 + 3));
  EXPECT_EQ(first[Category::bubble], milliseconds(33));
  EXPECT_EQ(sum(first), makespan(t));
  EXPECT_EQ(sum(last), makespan(t));
}

TEST(Breakdown, SumsToTheMakespanInRandomPrograms) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    reference::RandomProgram random(seed, {.players = 3, .hosts = true});
    const std::vector<Price> prices = random.prices(20, true);
    Timeline t;
    replay(random.p, prices, workspace, t);
    for (std::uint32_t team = 0; team < random.p.teams.size(); ++team)
      for (std::uint32_t player = 0; player < random.p.teams[team].players.size(); ++player) {
        const Breakdown b = breakdown(random.p, t, makespan(t), team, player);
        ASSERT_EQ(sum(b), makespan(t)) << "seed " << seed;
        for (const Tick part : b.time) ASSERT_GE(part.v, 0) << "seed " << seed;
      }
  }
}

TEST(Breakdown, BusiestPlayerComputesLongest) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    reference::RandomProgram random(seed, {.players = 4});
    Timeline t;
    replay(random.p, random.prices(), workspace, t);
    for (std::uint32_t team = 0; team < random.p.teams.size(); ++team) {
      const std::uint32_t busiest = busiest_player(random.p, t, team, calls_by_team(random.p)[team]);
      const Tick most = breakdown(random.p, t, makespan(t), team, busiest).busy;
      for (std::uint32_t i = 0; i < random.p.teams[team].players.size(); ++i)
        ASSERT_LE(breakdown(random.p, t, makespan(t), team, i).busy, most) << "seed " << seed;
    }
  }
}

TEST(Breakdown, TenthsSumToAHundredPercent) {
  EXPECT_EQ(tenths_of_percent({{1}, {1}, {1}}), (std::vector<int>{334, 333, 333}));
  EXPECT_EQ(tenths_of_percent({{0}, {7}}), (std::vector<int>{0, 1000}));
  EXPECT_EQ(tenths_of_percent({{0}, {0}}), (std::vector<int>{0, 0}));
  EXPECT_EQ(tenths_of_percent({{2000}, {1}, {999}}), (std::vector<int>{667, 0, 333}));
}

}  // namespace
}  // namespace orrery
