// Which links of a small cluster can be full, by hand.
#include "sim/engine/shared_input.h"

#include <gtest/gtest.h>

#include "sim/engine/simulate.h"

namespace orrery {
namespace {

constexpr std::int64_t us = 1'000'000;

// Two nodes of two devices and one NIC of 10 GB/s.
Cluster two_nodes() {
  Node n;
  n.gpus = 2;
  n.intra = {IntraKind::nvswitch, {300e9}, {}};
  n.nics = {1, {10e9}, {}};
  Cluster c;
  c.groups.push_back({"main", 2, n});
  return c;
}

// Stages of two ranks: {0, 1} on the first node send 1 MB each to {2, 3} on the second. `folded`: rank 0 stands for
// both, and 2 for 2 and 3.
Program messages(bool folded) {
  Program p;
  const std::uint32_t n = folded ? 1 : 2;
  for (std::uint32_t t = 0; t < 2; ++t) {
    Team team;
    Team::InRole& in = team.roles[static_cast<std::size_t>(t == 0 ? Role::to_next : Role::from_previous)];
    in.meetings = n;
    team.player_of = {0, n - 1};
    for (std::uint32_t i = 0; i < n; ++i) {
      team.players.push_back({2 * t + i});
      team.copies.push_back(folded ? 2 : 1);
      in.meeting.push_back(i);
      in.variant.push_back(0);
      in.group.push_back(i);
      in.closes.push_back(1);
    }
    p.teams.push_back(team);
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    Group g;
    g.role = Role::to_next;
    g.members = {{i}, {2 + i}};
    g.signature = signature(two_nodes(), g.members);
    g.copies = folded ? 2 : 1;
    p.groups.push_back(g);
  }
  p.rows.resize(3);
  p.classes.resize(2);
  p.classes[0].kind = p.rows[0].kind = Kind::send;
  p.classes[1].kind = p.rows[1].kind = Kind::receive;
  p.classes[0].bytes = p.classes[1].bytes = {1'000'000};
  p.rows[0].role = Role::to_next;
  p.rows[0].stream = Stream::send_next;
  p.rows[1].role = Role::from_previous;
  p.rows[1].stream = Stream::receive_previous;
  p.rows[1].cost_class = p.rows[1].slot = 1;
  p.blocks.resize(1);
  p.blocks[0].rows = p.blocks[0].slots = 2;
  p.call_teams = {0, 1};
  p.calls.resize(2);
  p.calls[1].first_id = 2 * n;
  return p;
}

Simulation run(const Program& p, std::int64_t flow, SharedInput& input, double cores = 0) {
  Cluster cluster = two_nodes();
  cluster.groups[0].node.cores = cores;
  const std::vector<Price> prices(2, {{5 * us}, {flow}, {}});
  input = shared_input(p, prices, cluster, Topology(cluster), std::vector<double>(2, 1));
  SimulationWorkspace workspace;
  Timeline t;
  return simulate(p, prices, input, Replay::automatic, workspace, t);
}

// 1 MB at 10 GB/s is 100 us. Priced so, each message fills the NIC: both take 200 us, after 5 us of latency.
TEST(SharedInput, TwoMessagesOnOneNic) {
  for (const bool folded : {false, true}) {
    SharedInput input;
    const Simulation s = run(messages(folded), 100 * us, input);
    EXPECT_EQ(s.chosen, Chosen::shared_link);
    EXPECT_EQ(s.makespan.v, 205 * us) << folded;
    EXPECT_TRUE(s.exact);
    EXPECT_EQ(input.links, 1u);  // leaving and entering NIC are used alike
    EXPECT_DOUBLE_EQ(input.demand[0], 1e10);
  }
}

// Priced at half the NIC's rate, both fit: no link can be full, and nothing is left to share.
TEST(SharedInput, NothingIsLeftWhereNoLinkCanBeFull) {
  for (const bool folded : {false, true}) {
    SharedInput input;
    const Simulation s = run(messages(folded), 200 * us, input);
    EXPECT_EQ(s.chosen, Chosen::static_nothing_shared);
    EXPECT_EQ(s.makespan.v, 205 * us);
    EXPECT_TRUE(input.empty());
  }
}

// Priced at twice the NIC's rate a message alone still takes its price, and two share what one takes.
TEST(SharedInput, PricesRuleOverCapacities) {
  SharedInput input;
  EXPECT_EQ(run(messages(false), 50 * us, input).makespan.v, 105 * us);
  EXPECT_EQ(run(messages(true), 50 * us, input).makespan.v, 105 * us);
}

// Half a core a node, and two messages that a core each would take to receive: nothing is late.
TEST(SharedInput, WhatTheNetworkMovesTakesNoCore) {
  for (const bool folded : {false, true}) {
    SharedInput input;
    EXPECT_EQ(run(messages(folded), 200 * us, input, 0.5).makespan.v, 205 * us) << folded;
  }
}

// Four ranks of a node with two cores, each computing 100 us: all at half a core, 200 us. Folded, one stands for four.
TEST(SharedInput, RanksShareTheCoresOfTheirNode) {
  for (const std::uint32_t players : {1U, 4U}) {
    Cluster cluster;
    cluster.groups = {{"main", 1, {}}};
    cluster.groups[0].node.gpus = 4;
    cluster.groups[0].node.intra = {IntraKind::pcie, {1e10}, {}, 4};
    Program p;
    Team team;
    for (std::uint32_t r = 0; r < 4; ++r) {
      if (r < players) team.players.push_back({r});
      team.player_of.push_back(std::min(r, players - 1));
    }
    team.copies.assign(players, 4 / players);
    p.teams.push_back(team);
    p.classes.resize(1);
    p.rows.resize(2);
    Block block;
    block.rows = 1;
    block.streams = 1U << static_cast<unsigned>(Stream::compute);
    p.blocks.push_back(block);
    p.call_teams = {0};
    p.calls.resize(2);
    p.calls[1].first_id = players;
    const std::vector<Price> prices(1, {{}, {100 * us}, {}});
    for (const int cores : {0, 1, 2, 3, 4, 8}) {
      cluster.groups[0].node.cores = cores;
      const SharedInput input = shared_input(p, prices, cluster, Topology(cluster), std::vector<double>(1, 1));
      SimulationWorkspace workspace;
      Timeline t;
      const Simulation s = simulate(p, prices, input, Replay::automatic, workspace, t);
      const std::int64_t at_once = cores == 0 ? 4 : std::min(cores, 4);
      EXPECT_NEAR(static_cast<double>(s.makespan.v), 400.0 * us / static_cast<double>(at_once), 1) << cores;
      EXPECT_EQ(s.chosen, cores > 0 && cores < 8 ? Chosen::shared_cores : Chosen::static_nothing_shared);
      EXPECT_TRUE(s.exact);
    }
  }
}

}  // namespace
}  // namespace orrery
