#include <algorithm>

#include "sim/cost/nccl.h"

namespace orrery {
namespace {

constexpr double gigabyte = 1e9;

// Rates that NCCL's search settles on: a link, a channel inside one node (ring, tree, multicast in and out).
// Sources: src/graph/topo.h (links) and results of the search of v2.28.9 on 8-GPU nodes of each kind.
struct Rates {
  double link, ring, tree, nvls_near, nvls_far;
  double tree_near_over_far;  // several nodes: what a tree's channel has inside the node, over its NIC share
};
constexpr Rates rates[] = {{20.0, 20.0, 20.0, 0, 0, 1.0},
                           {20.0, 20.0, 20.0, 0, 0, 1.25},
                           {20.6, 30.0, 30.0, 40.0, 60.0, 1.0},
                           {40.1, 45.0, 40.0, 80.0, 90.0, 2.0}};
constexpr int nvls_channels = 8;
constexpr int most_ranks_without_nvls = 4;

NcclArchitecture architecture(const std::string& name) {
  if (name == "volta" || name == "pascal" || name == "turing") return NcclArchitecture::volta;
  if (name == "hopper") return NcclArchitecture::hopper;
  if (name == "blackwell") return NcclArchitecture::blackwell;
  return NcclArchitecture::ampere;
}

void inside_a_node(NcclTopology& t, const Node& node, const Rates& r) {
  if (t.pcie || node.device.nvlinks == 0) {
    const double rate = node.intra.bandwidth.v / gigabyte;
    t.ring = t.tree = {2, rate / 2, rate / 2};
    return;
  }
  const int channels = std::max(1, static_cast<int>(node.device.nvlinks * r.link / r.ring));
  t.ring = {channels, r.ring, r.ring};
  t.tree = {channels, r.tree, r.tree};
  t.nvls = {nvls_channels, r.nvls_near, r.nvls_far};
}

void between_nodes(NcclTopology& t, const Node& node, const Rates& r) {
  const double share = std::min(1.0, static_cast<double>(t.per_node) / node.gpus);
  const double rate = 0.96 * node.nics.bandwidth.v / gigabyte;
  const bool whole = t.per_node >= node.gpus;
  const double nics = std::max(1.0, node.nics.count * share);
  const int channels = std::max(1, static_cast<int>(whole ? nics : 2 * nics));
  const double far = rate * nics / channels;
  t.ring = {channels, far, far};
  t.tree = {channels, far * (whole ? r.tree_near_over_far : 2.0), far};
  t.plain_tree = !whole || t.architecture >= NcclArchitecture::hopper;
  t.nvls = {nvls_channels, std::min(r.nvls_near, 48.0), std::min(48.0, rate * nics / nvls_channels)};
  t.same_channels = t.per_node == 1;
}

}  // namespace

NcclTopology nccl_topology(const Node& node, const GroupSignature& group) {
  NcclTopology t;
  t.architecture = architecture(node.device.architecture);
  t.amd_cpu = node.cpu == CpuVendor::amd;
  t.arm_cpu = node.cpu == CpuVendor::arm;
  t.pcie = node.intra.kind == IntraKind::pcie;
  t.nodes = static_cast<int>(group.nodes);
  t.per_node = static_cast<int>(group.per_node);
  const Rates& r = rates[static_cast<std::size_t>(t.architecture)];
  if (t.nodes == 1) inside_a_node(t, node, r);
  else between_nodes(t, node, r);
  const bool multicast = node.intra.kind == IntraKind::nvswitch && r.nvls_near > 0;
  if (!multicast || t.per_node <= most_ranks_without_nvls) t.nvls = {};
  return t;
}

}  // namespace orrery
