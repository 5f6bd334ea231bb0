#include "sim/cluster/groups.h"

#include <algorithm>
#include <vector>

#include "sim/base/error.h"

namespace orrery {
namespace {

// Counts of equal keys that arrive in order.
struct Runs {
  std::uint32_t last = 0, count = 0, length = 0, longest = 0;
  void add(std::uint32_t key) {
    if (count == 0 || key != last) {
      last = key;
      ++count;
      length = 0;
    }
    longest = std::max(longest, ++length);
  }
};

// Maps ranks to seats; remembers the group of nodes of the last one, as neighbours mostly share it.
class Seats {
 public:
  explicit Seats(const Cluster& cluster) : cluster_(cluster) {}
  Seat operator()(RankId rank) {
    if (rank.i < first_rank_ || rank.i - first_rank_ >= ranks_) find(rank);
    const std::uint32_t r = rank.i - first_rank_;
    return {group_, first_node_ + r / gpus_, r % gpus_};
  }

 private:
  void find(RankId rank) {
    const Seat s = seat(cluster_, rank);
    const NodeGroup& g = cluster_.groups[s.group];
    group_ = s.group;
    gpus_ = static_cast<std::uint32_t>(g.node.gpus);
    ranks_ = gpus_ * static_cast<std::uint32_t>(g.nodes);
    first_rank_ = first_node_ = 0;
    for (std::uint32_t i = 0; i < s.group; ++i) {
      const NodeGroup& before = cluster_.groups[i];
      first_rank_ += static_cast<std::uint32_t>(before.nodes * before.node.gpus);
      first_node_ += static_cast<std::uint32_t>(before.nodes);
    }
  }
  const Cluster& cluster_;
  std::uint32_t group_ = 0, gpus_ = 1, ranks_ = 0, first_rank_ = 0, first_node_ = 0;
};

double nic_rate(const Node& n) { return n.nics.count * n.nics.bandwidth.v / n.gpus; }

bool slower(const Node& a, const Node& b) {
  return nic_rate(a) != nic_rate(b) ? nic_rate(a) < nic_rate(b) : a.intra.bandwidth < b.intra.bandwidth;
}

}  // namespace

GroupSignature signature(const Cluster& cluster, std::span<const RankId> members) {
  ORRERY_CHECK(!members.empty());
  GroupSignature s;
  s.size = static_cast<std::uint32_t>(members.size());
  if (members.size() > 1) {
    const std::uint32_t a = members[0].i, b = members[1].i;
    s.stride = a < b ? b - a : a - b;
  }
  Seats seat_of(cluster);
  Runs nodes, pods;
  bool ordered = true;
  s.node_group = seat_of(members[0]).group;
  for (const RankId m : members) {
    const Seat at = seat_of(m);
    ordered = ordered && (nodes.count == 0 || at.node >= nodes.last);
    nodes.add(at.node);
    pods.add(pod_of(cluster, at.node));
    if (at.group != s.node_group && slower(cluster.groups[at.group].node, cluster.groups[s.node_group].node)) {
      s.node_group = at.group;
    }
  }
  if (!ordered) {  // the only case that allocates
    std::vector<std::uint32_t> sorted;
    sorted.reserve(members.size());
    for (const RankId m : members) sorted.push_back(seat_of(m).node);
    std::sort(sorted.begin(), sorted.end());
    nodes = pods = {};
    for (const std::uint32_t node : sorted) {
      nodes.add(node);
      pods.add(pod_of(cluster, node));
    }
  }
  s.nodes = nodes.count;
  s.per_node = nodes.longest;
  s.pods = cluster.fabric.oversubscription > 1 ? pods.count : 1;
  return s;
}

}  // namespace orrery
