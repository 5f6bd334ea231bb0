// The links of a cluster and the routes over them. Inside a node, links are the edges of a directed graph (Boost.Graph,
// in topology.cc alone) and routes its shortest paths: device ports into an NVSwitch, NVLink pairs of a mesh, the PCIe
// tree, NICs in each direction. Above the NICs the fabric is regular: leaf switches never block, and each has an uplink
// to and from a spine that never blocks (a flat fabric, and a fat tree of one pod, have none). Where a route crosses
// nodes see for_each_part() in wiring.h.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"
#include "sim/cluster/wiring.h"

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

// The buffer of a collective is the whole one: what is reduced, gathered, scattered, sent to all or broadcast; that of
// a message or an exchange is what one member sends.
enum class Pattern : std::uint8_t { all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, ring_exchange, message };

// Immutable after construction, which is linear in devices and NICs. Requires a cluster that read_cluster() accepts.
class Topology {
 public:
  explicit Topology(const Cluster&);

  std::span<const Link> links() const { return links_; }
  // By link: which of the rates it has. Links of one rate have one capacity on every cluster that differs from this
  // one in bandwidths alone.
  std::span<const std::uint32_t> rate_of() const { return rate_of_; }
  // The capacities of such a cluster, by rate.
  std::vector<BytesPerSecond> rates(const Cluster&) const;
  // The links from one device to another, in order (of the first part, where a message takes several NICs); empty for
  // a device to itself.
  std::vector<LinkId> route(RankId from, RankId to) const;
  // The loads of a communication, summed a link, in order of link. For each byte of the buffer, of n members:
  //   all_reduce 2(n-1)/n, all_gather and reduce_scatter (n-1)/n: rings that visit node after node (in the order in
  //     which `members` names them first), each member sending that much to the next. The rings leave a node by all NICs
  //     that its members own, evenly; on a mesh they take all orders, hence each pair evenly.
  //   broadcast: 1 along a chain from the first member, node after node.
  //   all_to_all: 1/n from every member to every other, by route().
  //   ring_exchange: 1 from every member to the next in order, the last to the first. message: 1 from the first to
  //     the second of two.
  std::vector<LinkLoad> loads(std::span<const RankId> members, Pattern) const;

 private:
  Cluster cluster_;
  Wiring wiring_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> rate_of_;  // two a group of nodes, inside and NICs; then of uplinks
  std::vector<std::size_t> leaves_;     // by rate of uplinks: a leaf that has it
};

}  // namespace orrery
