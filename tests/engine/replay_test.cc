// Every replay of a random Program agrees with the textbook engine, tick for tick.
#include "sim/engine/replay.h"
#include "sim/engine/shared.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/bench/pipeline_program.h"
#include "tests/reference/engine.h"
#include "tests/reference/random_program.h"

namespace orrery {
namespace {

using reference::RandomOptions;
using reference::RandomProgram;

// Shared replay of a world in which no link is ever full and nothing slows compute.
SharedInput unshared(const Program& p) {
  SharedInput input;
  input.demand.assign(p.classes.size(), 1);
  input.slowdown.assign(p.classes.size(), 1);
  return input;
}

Tick last(const Timeline& t) { return t.end.empty() ? Tick{} : *std::max_element(t.end.begin(), t.end.end()); }

struct Workspaces {
  Workspace fixed;
  SharedWorkspace shared;
};

void expect_agreement(std::uint64_t seed, const RandomOptions& options, bool launches, Workspaces& w) {
  RandomProgram random(seed, options);
  const std::vector<Price> prices = random.prices(20, launches);
  const Timeline expected = reference::replay(random.p, prices);
  Timeline found;
  const Tick end = last(expected);
  for (const std::uint32_t rigid_from : {1u, 2u, 1000u}) {
    ASSERT_EQ(replay(random.p, prices, w.fixed, found, rigid_from), end) << "seed " << seed;
    ASSERT_EQ(found.start, expected.start) << "seed " << seed << ", rigid from " << rigid_from;
    ASSERT_EQ(found.end, expected.end) << "seed " << seed << ", rigid from " << rigid_from;
  }
  for (const std::uint32_t map_from : {1u, 3u, 1000u})
    ASSERT_EQ(makespan(random.p, prices, w.fixed, map_from), end) << "seed " << seed << ", maps from " << map_from;
  ASSERT_EQ(replay_shared(random.p, prices, unshared(random.p), w.shared, found), end) << "seed " << seed;
  ASSERT_EQ(found.start, expected.start) << "seed " << seed;
  ASSERT_EQ(found.end, expected.end) << "seed " << seed;
}

TEST(Replay, AgreesWithTheTextbookEngineWhenFolded) {
  Workspaces workspace;  // one for all: nothing of one Program may leak into the next
  for (std::uint64_t seed = 0; seed < 500; ++seed) expect_agreement(seed, {.players = 1}, false, workspace);
}

TEST(Replay, AgreesWithTheTextbookEngineWhenUnfolded) {
  Workspaces workspace;
  for (std::uint64_t seed = 0; seed < 500; ++seed) expect_agreement(seed, {.players = 6}, false, workspace);
}

TEST(Replay, AgreesWithTheTextbookEngineUnderLaunchesAndHostInstructions) {
  Workspaces workspace;
  for (std::uint64_t seed = 0; seed < 250; ++seed) {
    expect_agreement(seed, {.players = 1, .hosts = true}, true, workspace);
    expect_agreement(seed, {.players = 5, .hosts = true}, true, workspace);
    expect_agreement(seed, {.players = 3, .hosts = true}, false, workspace);
  }
}

// One pipeline stored twice: from two blocks, and with a row for every instruction, more than caches hold.
TEST(Replay, IsTheSameFromBlocksAndFlat) {
  const bench::PipelineOptions options{.stages = 4, .micro_batches = 64, .layers = 20};
  bench::PipelineOptions rows = options;
  rows.flat = true;
  const bench::Pipeline blocks(options), flat(rows);
  ASSERT_GT(flat.p.rows.size(), 50'000u);
  Workspace workspace;
  Timeline a, b;
  const Tick end = replay(blocks.p, blocks.prices(), workspace, a);
  EXPECT_EQ(replay(flat.p, flat.prices(), workspace, b), end);
  EXPECT_TRUE(a.start == b.start && a.end == b.end);
  EXPECT_EQ(makespan(blocks.p, blocks.prices(), workspace), end);
  EXPECT_EQ(makespan(flat.p, flat.prices(), workspace), end);
}

}  // namespace
}  // namespace orrery
