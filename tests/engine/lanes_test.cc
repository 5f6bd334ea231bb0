// Every lane against the scalar makespan and the Timeline's, on random and on compiled Programs.
#include "sim/engine/lanes.h"

#include <gtest/gtest.h>

#include "sim/program/compile.h"
#include "tests/program/matrix.h"
#include "tests/reference/random_program.h"

namespace orrery {
namespace {

using reference::RandomProgram;

void expect_equal(const Program& p, const std::vector<std::vector<Price>>& prices, const std::string& of) {
  static Workspace scalar;
  static LaneWorkspace lanes;
  std::vector<Tick> expected, found(prices.size());
  Timeline timeline;
  for (const std::vector<Price>& of_lane : prices) expected.push_back(makespan(p, of_lane, scalar));
  EXPECT_EQ(replay(p, prices.front(), scalar, timeline), expected.front()) << of;
  for (const std::uint32_t map_from : {1U, 12U, ~0U}) {
    makespans(p, prices, lanes, found, {}, map_from);
    ASSERT_EQ(found, expected) << of << ", maps from " << map_from;
  }
}

TEST(Lanes, GiveTheScalarMakespansOfRandomPrograms) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 5), .hosts = seed % 2 > 0});
    std::vector<std::vector<Price>> prices;
    // Launches in some lanes only, and any number of lanes.
    for (std::size_t l = 0; l < 1 + seed % lane_count; ++l)
      prices.push_back(random.prices(50, (seed + l) % 3 == 0));
    expect_equal(random.p, prices, "seed " + std::to_string(seed));
  }
}

// Each lane its own rates and latencies; every third with a price of launches.
std::vector<std::vector<Price>> scattered(const Program& p, std::size_t count, bool launches) {
  std::vector<std::vector<Price>> out(count);
  for (std::size_t l = 0; l < count; ++l) {
    const auto lane = static_cast<std::int64_t>(l);
    for (const CostClass& c : p.classes) {
      const std::int64_t work = c.kind == Kind::compute
                                    ? (1'000'003 + c.op.elements % 1009) * (16 - lane) / 16
                                    : c.bytes.v * (5 + 3 * lane) + std::int64_t{c.group.size} * 7;
      out[l].push_back({{200'017 + 1'000 * lane}, {work}, {launches && l % 3 == 0 ? 400'000 + lane : 0}});
    }
  }
  return out;
}

TEST(Lanes, GiveTheScalarMakespansOfCompiledPrograms) {
  for (const testing::Case& c : testing::cases(61))
    for (const Ranks ranks : {Ranks::folded, Ranks::all})
      for (const bool launches : {false, true}) {
        const Program p = compile(c.model, c.cluster, c.training, c.plan, ranks);
        expect_equal(p, scattered(p, lane_count, launches), c.name);
      }
}

}  // namespace
}  // namespace orrery
