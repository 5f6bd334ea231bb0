// Lanes against simulate(), question by question: what is chosen, how long it takes, whatever is shared.
#include "sim/engine/simulate_lanes.h"

#include <gtest/gtest.h>

#include "sim/program/compile.h"
#include "tests/program/matrix.h"
#include "tests/reference/random_sharing.h"

namespace orrery {
namespace {

using reference::RandomProgram;

struct Counts {
  int of[7] = {};
};

void expect_equal(const Program& p, const std::vector<std::vector<Price>>& prices,
                  const std::vector<SharedInput>& inputs, Counts& counts, const std::string& what) {
  static SimulationWorkspace alone;
  static LaneSimulationWorkspace lanes;
  std::vector<Simulation> found(prices.size());
  for (const Replay replay : {Replay::automatic, Replay::static_only, Replay::shared}) {
    simulate_lanes(p, prices, inputs, replay, lanes, found);
    for (std::size_t i = 0; i < found.size(); ++i) {
      Timeline timeline;
      const Simulation expected = simulate(p, prices[i], inputs[i], replay, alone, timeline);
      if (replay == Replay::automatic) ++counts.of[static_cast<int>(expected.chosen)];
      ASSERT_EQ(found[i].makespan, expected.makespan) << what << ", lane " << i;
      ASSERT_EQ(found[i].chosen, expected.chosen) << what << ", lane " << i;
      ASSERT_EQ(found[i].exact, expected.exact) << what << ", lane " << i;
    }
  }
}

TEST(SimulateLanes, GiveWhatEachGivesAlone) {
  Counts counts;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    RandomProgram random(
        seed, {.players = 1 + static_cast<std::uint32_t>(seed % 4), .calls = 12, .hosts = seed % 2 > 0});
    std::vector<std::vector<Price>> prices;
    std::vector<SharedInput> inputs;
    for (std::size_t i = 0; i < 1 + seed % 5; ++i) {
      prices.push_back(random.prices(1'000'000, seed % 4 > 1));
      inputs.push_back(
          reference::random_sharing(random, static_cast<std::uint32_t>((seed + i) % 3), seed % 5 > 2));
    }
    expect_equal(random.p, prices, inputs, counts, "seed " + std::to_string(seed));
  }
  for (const Chosen c : {Chosen::static_nothing_shared, Chosen::static_no_overlap, Chosen::shared_link,
                         Chosen::shared_compute})
    EXPECT_GT(counts.of[static_cast<int>(c)], 50) << reason(c);
}

// Compiled Programs on nodes whose uplinks are too thin, at several rates of the NICs: the structure of the
// links is found once, and the input under each rate is what is found from nothing.
TEST(SimulateLanes, OfCompiledProgramsOnOneStructureOfLinks) {
  Counts counts;
  for (const testing::Case& c : testing::cases(61)) {
    Cluster cluster = c.cluster;
    for (NodeGroup& g : cluster.groups) g.node.nics = {2, {10e9}, {4e-6}};
    cluster.fabric = {FabricKind::rail_optimized, 2.0, 1};
    const Program p = compile(c.model, cluster, c.training, c.plan, Ranks::folded);
    const Topology topology(cluster);
    const engine::LinkUse use = engine::link_use(p, cluster, topology);
    std::vector<std::vector<Price>> prices;
    std::vector<SharedInput> inputs;
    for (const double rate : {4e9, 10e9, 25e9, 400e9}) {
      Cluster now = cluster;
      for (NodeGroup& g : now.groups) g.node.nics.bandwidth = {rate};
      std::vector<Price>& mine = prices.emplace_back();
      for (const CostClass& k : p.classes) {
        const std::int64_t work =
            k.kind == Kind::compute ? 1'000'003 + k.op.elements % 1009
                                    : static_cast<std::int64_t>(static_cast<double>(k.bytes.v) * 5e11 / rate);
        mine.push_back({{200'017}, {work}, {}});
      }
      const std::vector<double> slowdown(p.classes.size(), 1);
      inputs.push_back(shared_input(use, p, mine, now, topology, slowdown));
      ASSERT_EQ(inputs.back(), shared_input(p, mine, now, Topology(now), slowdown))
          << c.name << " at " << rate;
    }
    expect_equal(p, prices, inputs, counts, c.name);
  }
  EXPECT_GT(counts.of[static_cast<int>(Chosen::shared_link)], 10);
}

}  // namespace
}  // namespace orrery
