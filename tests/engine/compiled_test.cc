// Every replay of compiled Programs: against the textbook engines, and folded against unfolded.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/engine/critical_path.h"
#include "sim/engine/simulate.h"
#include "tests/program/matrix.h"
#include "tests/reference/engine.h"
#include "tests/reference/shared_engine.h"
#include "sim/program/compile.h"

namespace orrery {
namespace {

using testing::Case, testing::cases;

// Prices that tell classes apart, equal for equal classes of the folded and the whole Program.
std::vector<Price> prices(const Program& p, std::int64_t launch) {
  std::vector<Price> out;
  for (const CostClass& c : p.classes) {
    const std::int64_t work = c.kind == Kind::compute ? 1'000'003 + static_cast<std::int64_t>(flops(c.op).v) % 100'003 * 17 + c.op.elements % 1009
                                                      : c.bytes.v * 53 + std::int64_t{c.group.size} * 7 + c.group.nodes;
    out.push_back({{200'017}, {work}, {launch}});
  }
  return out;
}

// Data-parallel collectives slow compute.
std::vector<double> slowdown(const Program& p) {
  std::vector<double> out;
  for (const CostClass& c : p.classes) out.push_back(c.role == Role::data ? 1.25 : 1);
  return out;
}

// Ids of a Program's instructions by rank.
std::vector<std::vector<std::uint32_t>> by_rank(const Program& p, std::size_t ranks) {
  std::vector<std::vector<std::uint32_t>> out(ranks);
  for_each_instruction(p, [&](const Instruction& i) { out[i.rank.i].push_back(i.id.i); });
  return out;
}

TEST(Compiled, StaticReplayAgreesWithTheTextbookEngine) {
  SimulationWorkspace w;
  for (const Case& c : cases(61))
    for (const Ranks ranks : {Ranks::folded, Ranks::all})
      for (const std::int64_t launch : {0, 400'000}) {
        const Program p = compile(c.model, c.cluster, c.training, c.plan, ranks);
        const std::vector<Price> price = prices(p, launch);
        const Timeline expected = reference::replay(p, price);
        Timeline found;
        Tick end{};
        for (const std::uint32_t rigid_from : {1u, 4u}) {
          end = replay(p, price, w.fixed, found, rigid_from);
          ASSERT_EQ(found.start, expected.start) << c.name;
          ASSERT_EQ(found.end, expected.end) << c.name;
        }
        for (const std::uint32_t map_from : {1u, 5u}) ASSERT_EQ(makespan(p, price, w.fixed, map_from), end) << c.name;
        const CriticalPath path = critical_path(p, price, found);
        Tick sum{};
        for (const PathStep& step : path.steps) sum += step.end - step.begin;
        ASSERT_EQ(sum, end) << c.name;
        ASSERT_EQ(path.wait.v, 0) << c.name;
      }
}

// Nodes of four devices and two NICs, in pods of one node with thin uplinks: messages and gradients collide.
Cluster narrow(Cluster c) {
  for (NodeGroup& g : c.groups) g.node.nics = {2, {10e9}, {4e-6}};
  c.fabric = {FabricKind::rail_optimized, 2.0, 1};
  return c;
}

TEST(Compiled, SharedReplayAgreesWithTheTextbookEngineAndFoldedWithUnfolded) {
  SimulationWorkspace w;
  std::uint64_t rerated = 0;
  int alike = 0;
  for (const Case& c : cases(61)) {
    const Cluster cluster = narrow(c.cluster);
    const Topology topology(cluster);
    Timeline one, many;
    bool exact = true;
    const Program folded = compile(c.model, cluster, c.training, c.plan, Ranks::folded);
    const Program whole = compile(c.model, cluster, c.training, c.plan, Ranks::all);
    for (auto [p, out] : {std::pair<const Program*, Timeline*>{&folded, &one}, {&whole, &many}}) {
      const std::vector<Price> price = prices(*p, 0);
      const SharedInput input = shared_input(*p, price, cluster, topology, slowdown(*p));
      const Simulation s = simulate(*p, price, input, Replay::shared, w, *out);
      rerated += s.count.rerated;
      exact = exact && s.exact;
      const Timeline expected = reference::replay_shared(*p, price, input);
      ASSERT_EQ(out->end, expected.end) << c.name;
      Timeline chosen;
      ASSERT_EQ(simulate(*p, price, input, Replay::automatic, w, chosen).makespan, s.makespan) << c.name;
      ASSERT_EQ(chosen.end, out->end) << c.name;
    }
    if (!exact) continue;                      // copies load unlike links
    ++alike;
    const auto ranks = static_cast<std::size_t>(c.plan.ranks());
    const auto of_one = by_rank(folded, ranks), of_many = by_rank(whole, ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank)
      for (std::size_t i = 0; i < of_one[rank].size(); ++i) {
        ASSERT_EQ(one.start[of_one[rank][i]], many.start[of_many[rank][i]]) << c.name << ", rank " << rank << ", " << i;
        ASSERT_EQ(one.end[of_one[rank][i]], many.end[of_many[rank][i]]) << c.name << ", rank " << rank << ", " << i;
      }
    ASSERT_EQ(*std::max_element(one.end.begin(), one.end.end()), *std::max_element(many.end.begin(), many.end.end())) << c.name;
  }
  EXPECT_GT(rerated, 100u);
  EXPECT_GT(alike, 10);
}

}  // namespace
}  // namespace orrery
