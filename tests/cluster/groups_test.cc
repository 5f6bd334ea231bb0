// Seats of ranks and signatures of groups.
#include "sim/cluster/groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/cluster/fixtures.h"

namespace orrery {
namespace {

using test::cluster;
using test::node;
using test::ranks;

Cluster mixed() {  // 2 nodes of 8, then 3 nodes of 4 with slower NICs and a faster inside
  Cluster c = cluster(2, node(8, 8));
  c.groups.push_back({"old", 3, node(4, 2)});
  c.groups[1].node.intra.bandwidth = {600e9};
  return c;
}

TEST(Seat, CountsGroupByGroupNodeByNode) {
  const Cluster c = mixed();
  EXPECT_EQ(c.ranks(), 28);
  EXPECT_EQ(c.nodes(), 5);
  EXPECT_EQ(seat(c, {0}), (Seat{0, 0, 0}));
  EXPECT_EQ(seat(c, {7}), (Seat{0, 0, 7}));
  EXPECT_EQ(seat(c, {8}), (Seat{0, 1, 0}));
  EXPECT_EQ(seat(c, {16}), (Seat{1, 2, 0}));
  EXPECT_EQ(seat(c, {27}), (Seat{1, 4, 3}));
  EXPECT_EQ(&node_of(c, {15}), &c.groups[0].node);
  EXPECT_EQ(&node_of(c, {16}), &c.groups[1].node);
}

TEST(Seat, PodsCountNodesOfTheWholeCluster) {
  Cluster c = mixed();
  EXPECT_EQ(pod_of(c, 4), 0u);
  c.fabric.nodes_per_pod = 2;
  EXPECT_EQ(pod_of(c, 1), 0u);
  EXPECT_EQ(pod_of(c, 2), 1u);
  EXPECT_EQ(pod_of(c, 4), 2u);
}

TEST(Signature, OneRank) { EXPECT_EQ(signature(cluster(1, node(8, 0)), ranks(1, 3)), GroupSignature{}); }

TEST(Signature, TensorGroupInsideANode) {
  EXPECT_EQ(signature(cluster(4, node(8, 8)), ranks(4, 4)), (GroupSignature{4, 1, 4, 0, 1, 1}));
}

TEST(Signature, DataGroupOverNodesAndPods) {
  const Fabric pods_of_two{FabricKind::rail_optimized, 2, 2};
  EXPECT_EQ(signature(cluster(4, node(8, 8), pods_of_two), ranks(4, 1, 8)), (GroupSignature{4, 4, 1, 0, 2, 8}));
  EXPECT_EQ(signature(cluster(4, node(8, 8), pods_of_two), ranks(8, 0, 2)), (GroupSignature{8, 2, 4, 0, 1, 2}));
}

TEST(Signature, MembersInAnyOrder) {
  // Nodes 1 0 1 0 0: two nodes, of which one has three members.
  const std::vector<RankId> members{{8}, {0}, {9}, {1}, {2}};
  EXPECT_EQ(signature(cluster(2, node(8, 8)), members), (GroupSignature{5, 2, 3, 0, 1, 8}));
}

TEST(Signature, SlowestMemberOfMixedNodes) {
  const Cluster c = mixed();
  // Between nodes the old ones are slower: 2 NICs for 4 devices against 8 for 8.
  EXPECT_EQ(signature(c, std::vector<RankId>{{0}, {16}}).node_group, 1u);
  EXPECT_EQ(signature(c, std::vector<RankId>{{16}, {0}}).node_group, 1u);
  EXPECT_EQ(signature(c, ranks(16)).node_group, 0u);
  Cluster same = c;
  same.groups[1].node.nics.count = 4;  // equal NIC rates a device: the inside decides
  EXPECT_EQ(signature(same, std::vector<RankId>{{16}, {0}}).node_group, 0u);
}

TEST(Signature, EqualsSlowCountOnRandomGroups) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    Cluster c = mixed();
    c.fabric.nodes_per_pod = static_cast<int>(random() % 4);
    c.fabric.oversubscription = trial % 3 == 0 ? 1 : 4;
    std::vector<RankId> members = ranks(28);
    std::shuffle(members.begin(), members.end(), random);
    members.resize(1 + random() % 28);
    if (trial % 2) std::sort(members.begin(), members.end());
    std::map<std::uint32_t, std::uint32_t> on_node;
    std::set<std::uint32_t> pods;
    bool old = false;
    for (const RankId m : members) {
      const Seat s = seat(c, m);
      ++on_node[s.node];
      pods.insert(pod_of(c, s.node));
      old = old || s.group == 1;
    }
    std::uint32_t most = 0;
    for (const auto& [_, count] : on_node) most = std::max(most, count);
    const GroupSignature s = signature(c, members);
    EXPECT_EQ(s.size, members.size());
    EXPECT_EQ(s.nodes, on_node.size());
    EXPECT_EQ(s.per_node, most);
    EXPECT_EQ(s.pods, trial % 3 == 0 ? 1 : pods.size());
    EXPECT_EQ(s.node_group, old ? 1u : 0u);
  }
}

}  // namespace
}  // namespace orrery
