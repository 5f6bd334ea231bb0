// Properties of routes and loads on random clusters: mixed groups of nodes of every kind, pods, all fabrics.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "sim/cluster/topology.h"
#include "tests/cluster/fixtures.h"

namespace orrery {
namespace {

using Loads = std::map<std::uint32_t, double>;

struct Random {
  std::mt19937 engine;
  int operator()(int low, int high) { return low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1)); }
};

Cluster random_cluster(Random& r) {
  Cluster c;
  const int groups = r(1, 2);
  for (int g = 0; g < groups; ++g) {
    Node n = test::node(r(1, 8), r(1, 9), static_cast<IntraKind>(r(0, 2)));
    n.intra.per_switch = r(1, 4);
    n.nics.bandwidth = {r(1, 4) * 1e9};
    c.groups.push_back({"g" + std::to_string(g), r(1, 4), n});
  }
  c.fabric = {static_cast<FabricKind>(r(0, 2)), static_cast<double>(r(1, 3)), r(0, 3)};
  return c;
}

std::vector<RankId> random_members(const Cluster& c, Random& r, bool in_order) {
  std::vector<RankId> members = test::ranks(static_cast<std::uint32_t>(c.ranks()));
  std::shuffle(members.begin(), members.end(), r.engine);
  members.resize(static_cast<std::size_t>(r(1, c.ranks())));
  if (in_order) std::sort(members.begin(), members.end());
  return members;
}

Loads loads(const Topology& t, std::span<const RankId> members, Pattern pattern) {
  Loads out;
  std::uint32_t last = 0;
  for (const LinkLoad& l : t.loads(members, pattern)) {
    EXPECT_TRUE(out.empty() || l.link.i > last) << "not in order of link";
    EXPECT_GT(l.bytes_per_byte, 0);
    last = l.link.i;
    out[l.link.i] = l.bytes_per_byte;
  }
  return out;
}

Loads message(const Topology& t, RankId from, RankId to) {
  return loads(t, std::vector<RankId>{from, to}, Pattern::message);
}

void expect_near(const Loads& a, const Loads& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [link, load] : a) {
    ASSERT_TRUE(b.contains(link));
    EXPECT_NEAR(load, b.at(link), 1e-12);
  }
}

// Load on all links whose name ends so, of one node (or, with prefix "pod", of the fabric).
double sum(const Topology& t, const Loads& l, std::string_view prefix, std::string_view kind, std::string_view end) {
  double total = 0;
  for (const auto& [link, load] : l) {
    const std::string& name = t.links()[link].name;
    if (name.starts_with(prefix) && name.find(kind) != std::string::npos && name.ends_with(end)) total += load;
  }
  return total;
}

TEST(RandomTopology, RoutesJoinTheirEnds) {
  Random r{std::mt19937(1)};
  for (int trial = 0; trial < 100; ++trial) {
    const Cluster c = random_cluster(r);
    const Topology t(c);
    for (int i = 0; i < 20; ++i) {
      const RankId from{static_cast<std::uint32_t>(r(0, c.ranks() - 1))}, to{static_cast<std::uint32_t>(r(0, c.ranks() - 1))};
      const Seat a = seat(c, from), b = seat(c, to);
      std::vector<std::string> names;
      for (const LinkId l : t.route(from, to)) names.push_back(t.links()[l.i].name);
      if (from == to) {
        EXPECT_TRUE(names.empty());
        continue;
      }
      const std::string here = "node " + std::to_string(a.node) + " ", there = "node " + std::to_string(b.node) + " ";
      EXPECT_TRUE(names.front().starts_with(here));
      EXPECT_TRUE(names.back().starts_with(there));
      // Node by node, never back; over the network by one NIC out and one NIC in.
      EXPECT_TRUE(std::is_sorted(names.begin(), names.end(), [&](const std::string& x, const std::string& y) {
        const auto place = [&](const std::string& s) { return s.starts_with(here) ? 0 : s.starts_with("pod") ? 1 : 2; };
        return a.node != b.node && place(x) < place(y);
      }));
      const auto nics = std::count_if(names.begin(), names.end(), [](const std::string& s) { return s.find("nic") != s.npos; });
      EXPECT_EQ(nics, a.node == b.node ? 0 : 2);
      // What is on the route is loaded by a message.
      const Loads l = message(t, from, to);
      for (const LinkId link : t.route(from, to)) EXPECT_TRUE(l.contains(link.i));
    }
  }
}

// A topology knows the capacities of every cluster that differs from its own in bandwidths alone.
TEST(RandomTopology, RatesAreTheCapacitiesOfAnyClusterOfItsWiring) {
  Random r{std::mt19937(5)};
  for (int trial = 0; trial < 200; ++trial) {
    const Cluster c = random_cluster(r);
    const Topology t(c);
    Cluster now = c;
    for (NodeGroup& g : now.groups) {
      g.node.intra.bandwidth.v *= r(1, 9);
      g.node.nics.bandwidth.v *= r(1, 9) / 7.0;
    }
    const Topology other(now);
    const std::vector<BytesPerSecond> rates = t.rates(now);
    ASSERT_EQ(t.rate_of().size(), other.links().size());
    for (std::size_t i = 0; i < other.links().size(); ++i)
      ASSERT_EQ(rates[t.rate_of()[i]].v, other.links()[i].capacity.v) << other.links()[i].name;
  }
}

TEST(RandomTopology, AllToAllAndExchangeAreSumsOfMessages) {
  Random r{std::mt19937(2)};
  for (int trial = 0; trial < 150; ++trial) {
    const Cluster c = random_cluster(r);
    const Topology t(c);
    const std::vector<RankId> members = random_members(c, r, trial % 2 == 0);
    Loads pairs, neighbours;
    for (std::size_t i = 0; i < members.size(); ++i) {
      for (const RankId other : members) {
        for (const auto& [link, load] : message(t, members[i], other)) {
          pairs[link] += load / static_cast<double>(members.size());
        }
      }
      for (const auto& [link, load] : message(t, members[i], members[(i + 1) % members.size()])) neighbours[link] += load;
    }
    expect_near(loads(t, members, Pattern::all_to_all), pairs);
    expect_near(loads(t, members, Pattern::ring_exchange), neighbours);
  }
}

// What a ring puts on the network: its amount out of and into every node; and what leaves a leaf enters another.
TEST(RandomTopology, RingsConserveBytes) {
  Random r{std::mt19937(3)};
  for (int trial = 0; trial < 200; ++trial) {
    const Cluster c = random_cluster(r);
    const Topology t(c);
    const std::vector<RankId> members = random_members(c, r, trial % 2 == 0);
    const Loads l = loads(t, members, Pattern::all_reduce);
    const double n = static_cast<double>(members.size()), amount = 2 * (n - 1) / n;
    std::map<std::uint32_t, int> on_node;
    for (const RankId m : members) ++on_node[seat(c, m).node];
    for (const auto& [at, count] : on_node) {
      const std::string prefix = "node " + std::to_string(at) + " ";
      const double crossing = on_node.size() > 1 ? amount : 0;
      EXPECT_NEAR(sum(t, l, prefix, "nic", "out"), crossing, 1e-12);
      EXPECT_NEAR(sum(t, l, prefix, "nic", "in"), crossing, 1e-12);
      EXPECT_NEAR(sum(t, l, prefix, "gpu", "out"), sum(t, l, prefix, "gpu", "in"), 1e-12);
      EXPECT_NEAR(sum(t, l, prefix, "switch", "up"), sum(t, l, prefix, "switch", "down"), 1e-12);
    }
    EXPECT_NEAR(sum(t, l, "pod", "", "up"), sum(t, l, "pod", "", "down"), 1e-12);
    // An all-gather and a reduce-scatter make an all-reduce.
    Loads halves = loads(t, members, Pattern::all_gather);
    for (const auto& [link, load] : loads(t, members, Pattern::reduce_scatter)) halves[link] += load;
    expect_near(l, halves);
  }
}

// A broadcast enters every node but the first one's once, and leaves every node but the last.
TEST(RandomTopology, BroadcastEntersEachNodeOnce) {
  Random r{std::mt19937(4)};
  for (int trial = 0; trial < 200; ++trial) {
    const Cluster c = random_cluster(r);
    const Topology t(c);
    const std::vector<RankId> members = random_members(c, r, trial % 2 == 0);
    const Loads l = loads(t, members, Pattern::broadcast);
    std::map<std::uint32_t, int> on_node;
    for (const RankId m : members) ++on_node[seat(c, m).node];
    const std::uint32_t first = seat(c, members[0]).node;
    double leaving = 0;
    for (const auto& [at, count] : on_node) {
      const std::string prefix = "node " + std::to_string(at) + " ";
      EXPECT_NEAR(sum(t, l, prefix, "nic", "in"), at == first ? 0 : 1, 1e-12);
      leaving += sum(t, l, prefix, "nic", "out");
    }
    EXPECT_NEAR(leaving, static_cast<double>(on_node.size()) - 1, 1e-12);
  }
}

}  // namespace
}  // namespace orrery
