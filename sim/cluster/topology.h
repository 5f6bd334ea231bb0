// The links of a cluster and the routes over them, as a directed graph (Boost.Graph, inside topology.cc alone):
// device ports, NVLink pairs of a mesh, PCIe switches, NICs in each direction, leaf and spine uplinks of a pod.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"

namespace orrery {

struct Link {
  std::string name;                 // "node 3 nic 5 out"
  BytesPerSecond capacity{};
};

// Bytes that a communication puts on a link, for each byte of its buffer.
struct LinkLoad {
  LinkId link;
  double bytes_per_byte = 0;
  bool operator==(const LinkLoad&) const = default;
};

enum class Pattern : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, ring_exchange, message };

// Immutable after construction; building it is linear in devices and NICs.
class Topology {
 public:
  explicit Topology(const Cluster&);
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  std::span<const Link> links() const;
  // The links from one device to another, in order; empty for a device to itself.
  std::vector<LinkId> route(RankId from, RankId to) const;
  // The loads of a ring (all_to_all: pairwise) over ordered members, spread over the rails that the group can
  // use; summed a link, in order of link.
  std::vector<LinkLoad> loads(std::span<const RankId> members, Pattern) const;

 private:
  struct Graph;
  std::unique_ptr<Graph> graph_;
};

}  // namespace orrery
