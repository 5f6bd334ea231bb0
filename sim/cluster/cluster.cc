#include "sim/cluster/cluster.h"

#include "sim/base/error.h"

namespace orrery {

int Cluster::ranks() const {
  int n = 0;
  for (const NodeGroup& g : groups) n += g.nodes * g.node.gpus;
  return n;
}

int Cluster::nodes() const {
  int n = 0;
  for (const NodeGroup& g : groups) n += g.nodes;
  return n;
}

Seat seat(const Cluster& cluster, RankId rank) {
  std::uint32_t left = rank.i, first_node = 0, group = 0;
  for (;; ++group) {
    ORRERY_CHECK(group < cluster.groups.size());
    const NodeGroup& g = cluster.groups[group];
    const auto gpus = static_cast<std::uint32_t>(g.node.gpus), nodes = static_cast<std::uint32_t>(g.nodes);
    if (left < gpus * nodes) return {group, first_node + left / gpus, left % gpus};
    left -= gpus * nodes;
    first_node += nodes;
  }
}

const Node& node_of(const Cluster& cluster, RankId rank) { return cluster.groups[seat(cluster, rank).group].node; }

std::uint32_t pod_of(const Cluster& cluster, std::uint32_t node) {
  const int pod = cluster.fabric.nodes_per_pod;
  return pod > 0 ? node / static_cast<std::uint32_t>(pod) : 0;
}

}  // namespace orrery
