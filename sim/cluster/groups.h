// What the price of a communication depends on: the signature of a group of ranks, equal for groups that are
// alike. Sources: NCCL's tuning model counts (size, nodes, members a node); rails as in DESIGN and facts: a ring
// of a group with q members on a node can use min(q, nics) NICs, and when the node's other ranks run the same
// collective in groups of their own, nics * q / gpus of them.
#pragma once
#include <cstdint>
#include <span>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"

namespace orrery {

struct GroupSignature {
  std::uint32_t size = 1;
  std::uint32_t nodes = 1;          // that its members are on
  std::uint32_t per_node = 1;       // the most members on one node
  std::uint32_t node_group = 0;     // the group of nodes of its slowest member: least NIC rate a device, then least
                                    // rate inside the node, then the first
  std::uint32_t pods = 1;           // that its members are in; 1 where uplinks carry all that NICs can send
  std::uint32_t stride = 1;         // of the first two members' ranks: neighbours on a mesh or rails
  bool operator==(const GroupSignature&) const = default;
};

// The signature of an ordered list of distinct ranks, at least one. Linear; allocates only if the members' nodes
// are not in ascending order.
GroupSignature signature(const Cluster&, std::span<const RankId> members);

}  // namespace orrery
