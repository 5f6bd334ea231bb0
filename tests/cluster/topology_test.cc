// Links, routes and loads, solved by hand. Rates of the fixtures: a device 400 GB/s inside the node, a NIC 50 GB/s.
#include "sim/cluster/topology.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/cluster/fixtures.h"

namespace orrery {
namespace {

using test::cluster;
using test::node;
using test::ranks;
using Loads = std::map<std::string, double>;

Fabric fabric(FabricKind kind, double oversubscription = 1, int nodes_per_pod = 0) {
  return {kind, oversubscription, nodes_per_pod};
}

std::string route(const Topology& t, std::uint32_t from, std::uint32_t to) {
  std::string out;
  for (const LinkId l : t.route({from}, {to})) out += (out.empty() ? "" : ", ") + t.links()[l.i].name;
  return out;
}

Loads loads(const Topology& t, std::span<const RankId> members, Pattern pattern) {
  Loads out;
  for (const LinkLoad& l : t.loads(members, pattern)) out[t.links()[l.link.i].name] = l.bytes_per_byte;
  return out;
}

double capacity(const Topology& t, std::string_view name) {
  for (const Link& l : t.links()) {
    if (l.name == name) return l.capacity.v;
  }
  return -1;
}

void expect_near(const Loads& a, const Loads& b) {
  for (const auto& [name, load] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    EXPECT_NEAR(load, b.at(name), 1e-12) << name;
  }
  EXPECT_EQ(a.size(), b.size());
}

TEST(Route, InsideANode) {
  const Topology ports(cluster(1, node(8, 0)));
  EXPECT_EQ(route(ports, 0, 5), "node 0 gpu 0 out, node 0 gpu 5 in");
  EXPECT_EQ(route(ports, 3, 3), "");
  const Topology mesh(cluster(1, node(4, 0, IntraKind::nvlink_mesh)));
  EXPECT_EQ(route(mesh, 2, 1), "node 0 gpu 2 to 1");
  EXPECT_EQ(capacity(mesh, "node 0 gpu 2 to 1"), 400e9 / 3);
  const Topology tree(cluster(1, node(8, 0, IntraKind::pcie)));
  EXPECT_EQ(route(tree, 0, 3), "node 0 gpu 0 out, node 0 gpu 3 in");
  EXPECT_EQ(route(tree, 0, 4), "node 0 gpu 0 out, node 0 switch 0 up, node 0 switch 1 down, node 0 gpu 4 in");
}

TEST(Route, OwnNicsOnAFlatFabric) {
  const Topology one_each(cluster(2, node(8, 8)));
  EXPECT_EQ(route(one_each, 2, 13), "node 0 nic 2 out, node 1 nic 5 in");
  const Topology shared(cluster(2, node(8, 2)));  // devices 0-3 share NIC 0, 4-7 NIC 1
  EXPECT_EQ(route(shared, 3, 12), "node 0 nic 0 out, node 1 nic 1 in");
  const Topology many(cluster(2, node(2, 4)));    // device 1 owns NICs 2 and 3: the first part
  EXPECT_EQ(route(many, 1, 2), "node 0 nic 2 out, node 1 nic 0 in");
}

TEST(Route, ByTheRailOfTheReceiver) {
  const Topology rails(cluster(4, node(8, 8), fabric(FabricKind::rail_optimized, 1, 2)));
  EXPECT_EQ(route(rails, 2, 10), "node 0 nic 2 out, node 1 nic 2 in");
  EXPECT_EQ(route(rails, 2, 13), "node 0 gpu 2 out, node 0 gpu 5 in, node 0 nic 5 out, node 1 nic 5 in");
  EXPECT_EQ(route(rails, 2, 29), "node 0 gpu 2 out, node 0 gpu 5 in, node 0 nic 5 out, pod 0 rail 5 up, "
                                 "pod 1 rail 5 down, node 3 nic 5 in");
}

TEST(Route, WithoutPeersOverTheSpine) {
  const Topology tree(cluster(2, node(8, 2, IntraKind::pcie), fabric(FabricKind::rail_optimized)));
  EXPECT_EQ(route(tree, 0, 8), "node 0 gpu 0 out, node 0 nic 0 out, node 1 nic 0 in, node 1 gpu 0 in");
  EXPECT_EQ(route(tree, 0, 15), "node 0 gpu 0 out, node 0 nic 0 out, pod 0 rail 0 up, pod 0 rail 1 down, "
                                "node 1 nic 1 in, node 1 gpu 7 in");
  const Topology one_nic(cluster(2, node(8, 1, IntraKind::pcie)));  // below switch 0
  EXPECT_EQ(route(one_nic, 7, 8), "node 0 gpu 7 out, node 0 switch 1 up, node 0 switch 0 down, node 0 nic 0 out, "
                                  "node 1 nic 0 in, node 1 gpu 0 in");
}

TEST(Route, FatTreeLeavesThePodOnly) {
  const Topology t(cluster(4, node(8, 8), fabric(FabricKind::fat_tree, 2, 2)));
  EXPECT_EQ(route(t, 0, 15), "node 0 nic 0 out, node 1 nic 7 in");
  EXPECT_EQ(route(t, 0, 31), "node 0 nic 0 out, pod 0 up, pod 1 down, node 3 nic 7 in");
  EXPECT_EQ(capacity(t, "pod 0 up"), 2 * 8 * 50e9 / 2);  // 16 NICs, 2:1
}

TEST(Route, MixedNodes) {
  Cluster c = cluster(1, node(8, 8), fabric(FabricKind::rail_optimized));
  c.groups.push_back({"small", 1, node(4, 2)});
  c.groups[1].node.nics.bandwidth = {25e9};
  const Topology t(c);
  EXPECT_EQ(route(t, 0, 11), "node 0 gpu 0 out, node 0 gpu 1 in, node 0 nic 1 out, node 1 nic 1 in");
  EXPECT_EQ(route(t, 11, 7), "node 1 nic 1 out, pod 0 rail 1 up, pod 0 rail 7 down, node 0 nic 7 in");
  EXPECT_EQ(capacity(t, "pod 0 rail 1 up"), 75e9);
  EXPECT_EQ(capacity(t, "pod 0 rail 7 up"), 50e9);
}

TEST(Loads, RingsInsideANode) {
  const Topology t(cluster(1, node(8, 0)));
  for (const auto& [pattern, each] : {std::pair{Pattern::all_reduce, 1.75}, {Pattern::all_gather, 0.875},
                                      {Pattern::reduce_scatter, 0.875}, {Pattern::all_to_all, 0.875}}) {
    const Loads l = loads(t, ranks(8), pattern);
    EXPECT_EQ(l.size(), 16u);
    for (const auto& [name, load] : l) EXPECT_EQ(load, each) << name;
  }
  EXPECT_TRUE(loads(t, ranks(1), Pattern::all_reduce).empty());
}

TEST(Loads, MeshUsesEveryPair) {
  const Topology t(cluster(1, node(4, 0, IntraKind::nvlink_mesh)));
  const Loads l = loads(t, ranks(4), Pattern::all_reduce);  // 1.5 from each member, a third to each peer
  EXPECT_EQ(l.size(), 12u);
  for (const auto& [name, load] : l) EXPECT_EQ(load, 0.5) << name;
}

TEST(Loads, TreeCrossesTheBridgeOnceEachWay) {
  const Topology t(cluster(1, node(8, 0, IntraKind::pcie)));
  const Loads l = loads(t, ranks(8), Pattern::all_reduce);
  EXPECT_EQ(l.at("node 0 gpu 6 in"), 1.75);
  EXPECT_EQ(l.at("node 0 switch 0 up"), 1.75);  // 3 to 4; 7 to 0 goes up switch 1
  EXPECT_EQ(l.at("node 0 switch 1 down"), 1.75);
  EXPECT_EQ(l.size(), 16u + 4u);
}

TEST(Loads, OneMemberANodeHasItsRail) {
  const Topology t(cluster(4, node(8, 8), fabric(FabricKind::rail_optimized)));
  const Loads l = loads(t, ranks(4, 3, 8), Pattern::all_reduce);
  EXPECT_EQ(l.size(), 8u);
  for (int n = 0; n < 4; ++n) {
    EXPECT_EQ(l.at("node " + std::to_string(n) + " nic 3 out"), 1.5);
    EXPECT_EQ(l.at("node " + std::to_string(n) + " nic 3 in"), 1.5);
  }
}

TEST(Loads, RingOverNodesSpreadsOverAllRails) {
  const Topology t(cluster(2, node(8, 8), fabric(FabricKind::rail_optimized)));
  const Loads l = loads(t, ranks(16), Pattern::all_reduce);
  const double w = 2 * 15.0 / 16;  // from each member to the next; 1 of 8 channels leaves the node from each
  EXPECT_EQ(l.size(), 2u * (16 + 16));
  EXPECT_NEAR(l.at("node 0 nic 6 out"), w / 8, 1e-12);
  EXPECT_NEAR(l.at("node 1 nic 0 in"), w / 8, 1e-12);
  EXPECT_NEAR(l.at("node 1 gpu 7 out"), w * 7 / 8, 1e-12);
}

// Oracle: k nodes of q devices reduce in three steps; between nodes, each rail reduces its q-th part: 2(k-1)/k * S/q.
TEST(Loads, HierarchicalAllReduce) {
  constexpr std::uint32_t k = 4, q = 8;
  const Topology t(cluster(k, node(q, q), fabric(FabricKind::rail_optimized)));
  Loads sum;
  for (std::uint32_t rail = 0; rail < q; ++rail) {
    for (const auto& [name, load] : loads(t, ranks(k, rail, q), Pattern::all_reduce)) sum[name] += load / q;
  }
  EXPECT_EQ(sum.size(), 2u * k * q);
  for (const auto& [name, load] : sum) EXPECT_NEAR(load, 2.0 * (k - 1) / k / q, 1e-12) << name;
}

TEST(Loads, FewNicsAreSharedByNeighbours) {
  const Topology t(cluster(2, node(8, 4)));
  // A data-parallel group of one device a node: the whole NIC, as far as its neighbour does not use it.
  const Loads pair = loads(t, ranks(2, 1, 8), Pattern::all_reduce);
  EXPECT_EQ(pair.at("node 0 nic 0 out"), 1);
  // All devices: four NICs for eight.
  EXPECT_NEAR(loads(t, ranks(16), Pattern::all_reduce).at("node 0 nic 3 in"), 2 * 15.0 / 16 / 4, 1e-12);
}

TEST(Loads, OversubscribedUplinks) {
  // Two pods of two nodes: of four hops from node to node, one leaves each pod.
  const Topology t(cluster(4, node(8, 8), fabric(FabricKind::fat_tree, 4, 2)));
  const Loads l = loads(t, ranks(4, 0, 8), Pattern::all_reduce);
  EXPECT_EQ(l.at("pod 0 up"), 1.5);
  EXPECT_EQ(l.at("pod 0 down"), 1.5);
  EXPECT_EQ(l.at("pod 1 up"), 1.5);
  // 8 such groups at once: 12 bytes over an uplink of 16 NICs at 4:1 take 12 / 200 GB/s, against 1.5 / 50 GB/s of a
  // NIC: the pods are the bottleneck, twice over.
  EXPECT_EQ(8 * 1.5 / capacity(t, "pod 0 up"), 2 * 1.5 / capacity(t, "node 0 nic 0 out"));
}

TEST(Loads, RailsMatchBelowALeafOnly) {
  // Node 0 takes part with devices 0 and 1, node 1 with device 1: rail 0 must cross to rail 1.
  const Topology t(cluster(2, node(8, 8), fabric(FabricKind::rail_optimized)));
  const Loads l = loads(t, std::vector<RankId>{{0}, {1}, {9}}, Pattern::all_gather);
  const double w = 2.0 / 3;
  expect_near(l, {{"node 0 gpu 0 out", w / 2}, {"node 0 gpu 1 in", w / 2}, {"node 0 gpu 1 out", w / 2},
                  {"node 0 gpu 0 in", w / 2}, {"node 0 nic 0 out", w / 2}, {"node 0 nic 1 out", w / 2},
                  {"node 0 nic 0 in", w / 2}, {"node 0 nic 1 in", w / 2}, {"node 1 nic 1 out", w},
                  {"node 1 nic 1 in", w}, {"pod 0 rail 0 up", w / 2}, {"pod 0 rail 1 down", w / 2},
                  {"pod 0 rail 1 up", w / 2}, {"pod 0 rail 0 down", w / 2}});
}

TEST(Loads, Broadcast) {
  const Topology t(cluster(2, node(2, 2), fabric(FabricKind::rail_optimized)));
  // 0 sends to 1; channel by channel, 0 and 1 send half each to node 1, where whoever got it passes it on.
  expect_near(loads(t, ranks(4), Pattern::broadcast),
              {{"node 0 gpu 0 out", 1}, {"node 0 gpu 1 in", 1}, {"node 0 nic 0 out", 0.5}, {"node 0 nic 1 out", 0.5},
               {"node 1 nic 0 in", 0.5}, {"node 1 nic 1 in", 0.5}, {"node 1 gpu 0 out", 0.5},
               {"node 1 gpu 1 out", 0.5}, {"node 1 gpu 0 in", 0.5}, {"node 1 gpu 1 in", 0.5}});
  const Topology mesh(cluster(1, node(3, 0, IntraKind::nvlink_mesh)));
  expect_near(loads(mesh, ranks(3), Pattern::broadcast), {{"node 0 gpu 0 to 1", 0.5}, {"node 0 gpu 0 to 2", 0.5},
                                                          {"node 0 gpu 1 to 2", 0.5}, {"node 0 gpu 2 to 1", 0.5}});
}

TEST(Loads, MessageTakesAllOwnNics) {
  const Topology t(cluster(2, node(2, 4)));
  expect_near(loads(t, std::vector<RankId>{{1}, {2}}, Pattern::message),
              {{"node 0 nic 2 out", 0.5}, {"node 0 nic 3 out", 0.5}, {"node 1 nic 0 in", 0.5}, {"node 1 nic 1 in", 0.5}});
}

TEST(Loads, AllToAllOverTwoNodes) {
  const Topology t(cluster(2, node(2, 2), fabric(FabricKind::rail_optimized)));
  // Each of 4 sends a quarter to each. Inside: a quarter to the peer, and a quarter that leaves by the peer's rail.
  const Loads l = loads(t, ranks(4), Pattern::all_to_all);
  EXPECT_EQ(l.at("node 0 gpu 0 out"), 0.5);
  EXPECT_EQ(l.at("node 0 gpu 0 in"), 0.5);
  EXPECT_EQ(l.at("node 0 nic 0 out"), 0.5);
  EXPECT_EQ(l.at("node 1 nic 1 in"), 0.5);
  EXPECT_EQ(l.size(), 16u);
}

TEST(Loads, SixteenThousandDevices) {
  const Topology t(cluster(2048, node(8, 8), fabric(FabricKind::rail_optimized, 2, 32)));
  EXPECT_EQ(t.links().size(), 2048u * 32 + 2 * 64 * 8);
  const double w = 2 * 16383.0 / 16384;
  const Loads ring = loads(t, ranks(16384), Pattern::all_reduce);
  EXPECT_EQ(ring.size(), t.links().size());
  EXPECT_NEAR(ring.at("node 2047 nic 7 out"), w / 8, 1e-12);
  EXPECT_NEAR(ring.at("pod 63 rail 7 up"), w / 8, 1e-12);
  const Loads all = loads(t, ranks(16384), Pattern::all_to_all);
  EXPECT_NEAR(all.at("node 0 nic 0 out"), 8 * 2047 / 16384.0, 1e-9);
  EXPECT_NEAR(all.at("pod 0 rail 0 up"), 256 * 63 * 32 / 16384.0, 1e-8);
}

}  // namespace
}  // namespace orrery
