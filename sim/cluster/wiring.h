// How the links of a cluster are numbered, and which of them a transfer uses: tables that topology.cc builds once and
// from which routes and loads are read. Internal to this room. Links are numbered node by node (all nodes of a group
// have the same ones in the same order), then the uplinks of the fabric.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/cluster/cluster.h"

namespace orrery {

// One group of nodes. Its endpoints are the devices, and for each NIC where its traffic leaves and enters the node.
struct NodeWiring {
  std::uint32_t gpus = 0, nics = 0, links = 0;         // of a node
  std::uint32_t first_node = 0, first_link = 0;        // of the group
  bool mesh = false;                                   // a link for every two devices
  bool relays = false;                                 // a device can pass on what its peers send to the network (PXN)
  std::vector<std::uint32_t> path_begin, path_links;   // by pair of endpoints: links of the node

  std::span<const std::uint32_t> between(std::uint32_t from, std::uint32_t to) const { return path(from * columns() + to); }
  std::span<const std::uint32_t> leaving(std::uint32_t from, std::uint32_t nic) const { return between(from, gpus + nic); }
  std::span<const std::uint32_t> entering(std::uint32_t nic, std::uint32_t to) const { return between(gpus + nic, to); }

  // The NICs that are a device's own: first and count. Fewer NICs than devices are shared.
  std::pair<std::uint32_t, std::uint32_t> own_nics(std::uint32_t gpu) const {
    const std::uint32_t first = gpu * nics / gpus;
    return {first, nics < gpus ? 1 : (gpu + 1) * nics / gpus - first};
  }

 private:
  std::uint32_t columns() const { return gpus + nics; }
  std::span<const std::uint32_t> path(std::size_t pair) const {
    return {path_links.data() + path_begin[pair], path_begin[pair + 1] - path_begin[pair]};
  }
};

// Leaf switches and what is above them.
struct FabricWiring {
  FabricKind kind = FabricKind::flat;
  std::uint32_t first_link = 0, leaves_per_pod = 0;    // 0: nothing above the leaves
  std::uint32_t up(std::uint32_t pod, std::uint32_t nic) const { return first_link + 2 * leaf(pod, nic); }
  std::uint32_t down(std::uint32_t pod, std::uint32_t nic) const { return up(pod, nic) + 1; }
  // Whether traffic between two NICs goes over the uplinks of their leaves.
  bool crosses(std::uint32_t from_pod, std::uint32_t from_nic, std::uint32_t to_pod, std::uint32_t to_nic) const {
    return leaves_per_pod > 0 && leaf(from_pod, from_nic) != leaf(to_pod, to_nic);
  }

 private:
  std::uint32_t leaf(std::uint32_t pod, std::uint32_t nic) const {
    return pod * leaves_per_pod + (kind == FabricKind::rail_optimized ? nic : 0);
  }
};

struct Wiring {
  std::vector<NodeWiring> groups;
  FabricWiring fabric;
};

// Calls visit(leaving NIC, entering NIC, share) for each part of a message between two nodes: parts go over all NICs
// of the two devices. In a rail-optimised fabric a message leaves by the rail on which it will enter, through the
// peer that owns it, so that it stays below one leaf (NCCL's PXN), where devices can relay.
template <class Visit>
void for_each_part(const FabricWiring& fabric, const NodeWiring& a, std::uint32_t from, const NodeWiring& b,
                   std::uint32_t to, Visit visit) {
  const auto [first_a, count_a] = a.own_nics(from);
  const auto [first_b, count_b] = b.own_nics(to);
  const bool by_rail = fabric.kind == FabricKind::rail_optimized && a.relays;
  const std::uint32_t parts = by_rail ? count_b : count_a < count_b ? count_b : count_a;
  for (std::uint32_t i = 0; i < parts; ++i) {
    const std::uint32_t enter = first_b + i * count_b / parts;
    const std::uint32_t leave = by_rail && enter < a.nics ? enter : first_a + i * count_a / parts;
    visit(leave, enter, 1.0 / parts);
  }
}

}  // namespace orrery
