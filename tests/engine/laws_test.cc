// What must hold of any static replay: it knows only maximum and plus. And a second oracle: Boost.Graph's longest path.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/dag_shortest_paths.hpp>
#include <map>

#include "sim/engine/replay.h"
#include "tests/reference/random_program.h"

namespace orrery {
namespace {

using reference::RandomProgram;

TEST(Laws, ScalingAllPricesScalesTheTimeline) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomProgram random(seed, {.hosts = seed % 2 > 0});
    std::vector<Price> prices = random.prices(50, true);
    Timeline one, seven;
    replay(random.p, prices, workspace, one);
    for (Price& p : prices) p = {p.fixed * 7, p.flow * 7, p.launch * 7};
    replay(random.p, prices, workspace, seven);
    for (std::size_t i = 0; i < one.end.size(); ++i) {
      ASSERT_EQ(seven.start[i], one.start[i] * 7) << "seed " << seed;
      ASSERT_EQ(seven.end[i], one.end[i] * 7) << "seed " << seed;
    }
  }
}

TEST(Laws, RaisingAPriceOrAddingAWaitNeverEndsAnythingEarlier) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomProgram random(seed, {.hosts = seed % 2 > 0});
    std::vector<Price> prices = random.prices(50, seed % 3 > 0);
    Timeline before, after;
    replay(random.p, prices, workspace, before);
    Price& price = prices[random.below(static_cast<std::uint32_t>(prices.size()))];
    (seed % 2 > 0 ? price.flow : price.launch).v += 1 + random.below(40);
    replay(random.p, prices, workspace, after);
    for (std::size_t i = 0; i < before.end.size(); ++i) ASSERT_GE(after.end[i], before.end[i]) << "seed " << seed;

    Program slower = random.p;   // the last row of the first block also waits for the first row
    const std::uint32_t last = slower.blocks[0].first_row + slower.blocks[0].rows - 1;
    if (last == slower.blocks[0].first_row) continue;
    slower.waits.insert(slower.waits.begin() + slower.rows[last + 1].first_wait, last - slower.blocks[0].first_row);
    for (std::size_t r = last + 1; r < slower.rows.size(); ++r) ++slower.rows[r].first_wait;
    replay(slower, prices, workspace, before);
    for (std::size_t i = 0; i < before.end.size(); ++i) ASSERT_GE(before.end[i], after.end[i]) << "seed " << seed;
  }
}

TEST(Laws, RenamingRanksAndGroupsChangesNothing) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomProgram random(seed, {});
    const std::vector<Price> prices = random.prices(50);
    Timeline before, after;
    replay(random.p, prices, workspace, before);
    Program renamed = random.p;
    const auto groups = static_cast<std::uint32_t>(renamed.groups.size());
    std::reverse(renamed.groups.begin(), renamed.groups.end());
    for (Team& team : renamed.teams) {
      for (RankId& rank : team.players) rank.i = 999 - rank.i;
      for (Team::InRole& in : team.roles)
        for (std::uint32_t& g : in.group) g = groups - 1 - g;
    }
    replay(renamed, prices, workspace, after);
    ASSERT_EQ(after.start, before.start);
    ASSERT_EQ(after.end, before.end);
  }
}

// Two vertices an instruction, its start and its end; a meeting has one more, its begin. Boost's shortest path in a
// directed acyclic graph, over negated lengths.
std::int64_t longest_path(const Program& p, const std::vector<Price>& prices) {
  using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property,
                                      boost::property<boost::edge_weight_t, std::int64_t>>;
  const std::size_t n = p.size();
  Graph graph(3 * n + 2);  // start, end, begin (of a meeting: of its first member) of each; source, sink
  const std::size_t source = 3 * n, sink = 3 * n + 1;
  std::map<std::pair<std::uint32_t, int>, std::uint32_t> newest;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> meetings;
  std::vector<std::uint32_t> classes;
  for_each_instruction(p, [&](const Instruction& i) {
    const std::uint32_t id = i.id.i;
    classes.push_back(i.cost_class);
    boost::add_edge(source, id, 0, graph);
    boost::add_edge(n + id, sink, 0, graph);
    const std::pair key{i.rank.i, static_cast<int>(i.stream)};
    if (newest.count(key)) boost::add_edge(n + newest[key], id, 0, graph);
    newest[key] = id;
    for (const InstructionId w : i.waits) boost::add_edge(n + w.i, id, 0, graph);
    if (is_meeting(i.kind)) meetings[{i.group, i.sequence}].push_back(id);
    else boost::add_edge(id, n + id, -prices[i.cost_class].total().v, graph);
  });
  for (const auto& [key, members] : meetings) {
    std::int64_t price = 0;
    for (const std::uint32_t m : members) price = std::max(price, prices[classes[m]].total().v);
    for (const std::uint32_t m : members) {
      boost::add_edge(m, 2 * n + members[0], 0, graph);
      boost::add_edge(2 * n + members[0], n + m, -price, graph);
    }
  }
  std::vector<std::int64_t> distance(boost::num_vertices(graph));
  boost::dag_shortest_paths(graph, source, boost::distance_map(distance.data()));
  return -distance[sink];
}

TEST(Laws, TheMakespanIsBoostsLongestPath) {
  Workspace workspace;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomProgram random(seed, {.players = 1 + static_cast<std::uint32_t>(seed % 5)});
    const std::vector<Price> prices = random.prices(50);
    ASSERT_EQ(makespan(random.p, prices, workspace).v, longest_path(random.p, prices)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace orrery
