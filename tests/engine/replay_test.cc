// Every replay of a random Program agrees with the textbook engine, tick for tick.
#include "sim/engine/replay.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/reference/engine.h"
#include "tests/reference/random_program.h"

namespace orrery {
namespace {

using reference::RandomOptions;
using reference::RandomProgram;

Tick last(const Timeline& t) { return t.end.empty() ? Tick{} : *std::max_element(t.end.begin(), t.end.end()); }

void expect_agreement(std::uint64_t seed, const RandomOptions& options, bool launches, Workspace& workspace) {
  RandomProgram random(seed, options);
  const std::vector<Price> prices = random.prices(20, launches);
  const Timeline expected = reference::replay(random.p, prices);
  Timeline found;
  const Tick end = replay(random.p, prices, workspace, found);
  ASSERT_EQ(found.start, expected.start) << "seed " << seed;
  ASSERT_EQ(found.end, expected.end) << "seed " << seed;
  ASSERT_EQ(end, last(expected)) << "seed " << seed;
  for (const std::uint32_t map_from : {1u, 3u, 1000u})
    ASSERT_EQ(makespan(random.p, prices, workspace, map_from), end) << "seed " << seed << ", maps from " << map_from;
}

TEST(Replay, AgreesWithTheTextbookEngineWhenFolded) {
  Workspace workspace;  // one for all: nothing of one Program may leak into the next
  for (std::uint64_t seed = 0; seed < 1500; ++seed) expect_agreement(seed, {.players = 1}, false, workspace);
}

TEST(Replay, AgreesWithTheTextbookEngineWhenUnfolded) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) expect_agreement(seed, {.players = 6}, false, workspace);
}

TEST(Replay, AgreesWithTheTextbookEngineUnderLaunchesAndHostInstructions) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 750; ++seed) {
    expect_agreement(seed, {.players = 1, .hosts = true}, true, workspace);
    expect_agreement(seed, {.players = 5, .hosts = true}, true, workspace);
    expect_agreement(seed, {.players = 3, .hosts = true}, false, workspace);
  }
}

}  // namespace
}  // namespace orrery
