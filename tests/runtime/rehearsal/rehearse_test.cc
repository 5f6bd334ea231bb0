// Rehearsals on the simulated clock against the static replay, tick for tick: two implementations of what a
// Program means, one over arrays, the other through the interface that executes.
#include "runtime/rehearsal/rehearse.h"

#include <gtest/gtest.h>

#include "sim/engine/replay.h"
#include "sim/program/compile.h"
#include "tests/program/matrix.h"
#include "tests/reference/random_program.h"

namespace orrery::rehearsal {
namespace {

using reference::RandomProgram;
using testing::Case, testing::cases;

// Prices that tell classes apart.
std::vector<Price> prices(const Program& p, std::int64_t launch) {
  std::vector<Price> out;
  for (std::size_t c = 0; c < p.classes.size(); ++c)
    out.push_back({{200'017}, {1'000'003 + static_cast<std::int64_t>(c) * 7919 % 100'000 * 31}, {launch}});
  return out;
}

void expect_agreement(const Program& p, std::span<const Price> price, const std::string& name) {
  Workspace w;
  Timeline expected;
  replay(p, price, w, expected);
  const Timeline found = rehearse(p, price, Clock::simulated());
  // A rehearsal counts from its first start.
  const Tick first =
      expected.start.empty() ? Tick{} : *std::min_element(expected.start.begin(), expected.start.end());
  for (std::size_t i = 0; i < p.size(); ++i) {
    ASSERT_EQ(found.start[i].v + first.v, expected.start[i].v) << name << ", instruction " << i;
    ASSERT_EQ(found.end[i].v + first.v, expected.end[i].v) << name << ", instruction " << i;
  }
}

TEST(Rehearsal, OfCompiledProgramsAgreesWithStaticReplay) {
  for (const Case& c : cases(23))
    for (const std::int64_t launch : {0, 400'000}) {
      const Program p = compile(c.model, c.cluster, c.training, c.plan, Ranks::all);
      expect_agreement(p, prices(p, launch), c.name);
    }
}

TEST(Rehearsal, OfRandomProgramsAgreesWithStaticReplay) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomProgram random(seed, {.hosts = seed % 2 == 1});
    expect_agreement(random.p, random.prices(20, seed % 4 > 1), "seed " + std::to_string(seed));
  }
}

TEST(Rehearsal, OfManyRanksAgreesWithStaticReplay) {
  const Model model = testing::gpt(16, 64, 4, 512, 32);
  Plan plan = testing::plan({4, 8, 32}, Zero::optimizer);
  const Program p = compile(model, testing::cluster(1024), testing::training(32, 256), plan, Ranks::all);
  expect_agreement(p, prices(p, 0), "1,024 ranks");
}

TEST(Rehearsal, OnTheRealClockTakesAtLeastWhatItsLongestPathDoes) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomProgram random(seed, {});
    std::vector<Price> price = random.prices(20);
    for (Price& each : price) each = {each.fixed * 1'000'000, each.flow * 1'000'000, {}};  // microseconds
    Workspace w;
    Timeline expected;
    const Tick longest = replay(random.p, price, w, expected);
    const Timeline found = rehearse(random.p, price, Clock::real(2));
    const auto rounding = static_cast<std::int64_t>(random.p.size());  // a tick an instruction
    ASSERT_GE(std::max_element(found.end.begin(), found.end.end())->v + rounding, longest.v) << seed;
    for (std::size_t i = 0; i < random.p.size(); ++i)
      ASSERT_GE((found.end[i] - found.start[i]).v, 0) << seed << ", instruction " << i;
  }
}

TEST(StretchFor, BringsTheMedianToWhatIsAskedFor) {
  RandomProgram random(5, {});
  std::vector<Price> price(random.p.classes.size(), Price{{}, {2'000'000}, {}});
  EXPECT_DOUBLE_EQ(stretch_for(random.p, price, {0.01}), 5000);
  EXPECT_DOUBLE_EQ(stretch_for(random.p, price, {1e-9}), 1);
}

}  // namespace
}  // namespace orrery::rehearsal
