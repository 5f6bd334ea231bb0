// Clusters for tests, with round figures so that answers can be worked out by hand.
#pragma once
#include <numeric>
#include <vector>

#include "sim/cluster/cluster.h"

namespace orrery::test {

inline Node node(int gpus, int nics, IntraKind kind = IntraKind::nvswitch) {
  Node n;
  n.device.name = "test";
  n.device.bf16 = {1e15};
  n.device.memory = {80'000'000'000};
  n.gpus = gpus;
  n.intra = {kind, {400e9}, {2e-6}};
  n.nics = {nics, {50e9}, {4e-6}};
  n.host_bandwidth = {60e9};
  return n;
}

inline Cluster cluster(int nodes, Node n, Fabric fabric = {}) {
  Cluster c;
  c.name = "test";
  c.groups.push_back({"main", nodes, std::move(n)});
  c.fabric = fabric;
  return c;
}

// first, first + stride, ...
inline std::vector<RankId> ranks(std::uint32_t count, std::uint32_t first = 0, std::uint32_t stride = 1) {
  std::vector<RankId> r;
  for (std::uint32_t i = 0; i < count; ++i) r.push_back({first + i * stride});
  return r;
}

}  // namespace orrery::test
