#include "sim/cluster/topology.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <map>

#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::uint32_t no_link = ~std::uint32_t{0};

struct Edge {
  std::uint32_t link = no_link;
};
using NodeGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Edge>;

std::string numbered(std::string_view what, int i) { return std::string(what) + " " + std::to_string(i); }

// The inside of a node. Vertices: devices, NICs as sinks, NICs as sources, then switches.
class NodeBuilder {
 public:
  explicit NodeBuilder(const Node& node)
      : node_(node), gpus_(static_cast<std::size_t>(node.gpus)), nics_(static_cast<std::size_t>(node.nics.count)),
        graph_(gpus_ + 2 * nics_) {
    switch (node.intra.kind) {
      case IntraKind::nvswitch: add_switch(); break;
      case IntraKind::nvlink_mesh: add_mesh(); break;
      case IntraKind::pcie: add_tree(); break;
    }
    add_nics();
  }

  std::vector<Link> links;            // names within the node

  // Shortest paths from every source to every sink.
  void fill(NodeWiring& w) const {
    w.path_begin.push_back(0);
    for (std::size_t from = 0; from < gpus_ + nics_; ++from) {
      const std::size_t source = from < gpus_ ? from : from + nics_;
      const std::vector<Step> steps = search(source);
      for (std::size_t to = 0; to < gpus_ + nics_; ++to) {
        const std::size_t begin = w.path_links.size();
        for (std::size_t at = to; at != source && steps[at].from != unreached; at = steps[at].from) {
          if (steps[at].link != no_link) w.path_links.push_back(steps[at].link);
        }
        std::reverse(w.path_links.begin() + static_cast<std::ptrdiff_t>(begin), w.path_links.end());
        w.path_begin.push_back(static_cast<std::uint32_t>(w.path_links.size()));
      }
    }
  }

 private:
  static constexpr std::size_t unreached = ~std::size_t{0};
  struct Step {                       // how a vertex is reached
    std::size_t from = unreached;
    std::uint32_t link = no_link;
  };

  struct Recorder : boost::default_bfs_visitor {
    explicit Recorder(std::vector<Step>& s) : steps(&s) {}
    void tree_edge(NodeGraph::edge_descriptor e, const NodeGraph& g) const {
      (*steps)[boost::target(e, g)] = {boost::source(e, g), g[e].link};
    }
    std::vector<Step>* steps;
  };

  std::vector<Step> search(std::size_t source) const {
    std::vector<Step> steps(boost::num_vertices(graph_));
    boost::breadth_first_search(graph_, source, boost::visitor(Recorder(steps)));
    return steps;
  }

  std::uint32_t add_link(std::string name, BytesPerSecond capacity) {
    links.push_back({std::move(name), capacity});
    return static_cast<std::uint32_t>(links.size() - 1);
  }
  void connect(std::size_t from, std::size_t to, std::uint32_t link) { boost::add_edge(from, to, Edge{link}, graph_); }
  void connect(std::size_t from, std::size_t to, std::string name, BytesPerSecond capacity) {
    connect(from, to, add_link(std::move(name), capacity));
  }

  void add_switch() {
    if (gpus_ < 2) return;
    const std::size_t middle = boost::add_vertex(graph_);
    for (std::size_t g = 0; g < gpus_; ++g) {
      const std::string name = numbered("gpu", static_cast<int>(g));
      connect(g, middle, name + " out", node_.intra.bandwidth);
      connect(middle, g, name + " in", node_.intra.bandwidth);
    }
  }

  void add_mesh() {
    for (std::size_t a = 0; a < gpus_; ++a) {
      for (std::size_t b = 0; b < gpus_; ++b) {
        if (a == b) continue;
        connect(a, b, numbered("gpu", static_cast<int>(a)) + " to " + std::to_string(b),
                {node_.intra.bandwidth.v / static_cast<double>(gpus_ - 1)});
      }
    }
  }

  // A NIC hangs below the switch of the first device that it is the own NIC of.
  void add_tree() {
    const auto per_switch = static_cast<std::size_t>(node_.intra.per_switch);
    const std::size_t count = (gpus_ + per_switch - 1) / per_switch;
    for (std::size_t s = 0; s < count; ++s) switches_.push_back(boost::add_vertex(graph_));
    for (std::size_t g = 0; g < gpus_; ++g) {
      const std::string name = numbered("gpu", static_cast<int>(g));
      connect(g, switches_[g / per_switch], name + " out", node_.intra.bandwidth);
      connect(switches_[g / per_switch], g, name + " in", node_.intra.bandwidth);
    }
    if (count < 2) return;
    const std::size_t bridge = boost::add_vertex(graph_);
    for (std::size_t s = 0; s < count; ++s) {
      const std::string name = numbered("switch", static_cast<int>(s));
      connect(switches_[s], bridge, name + " up", node_.intra.bandwidth);
      connect(bridge, switches_[s], name + " down", node_.intra.bandwidth);
    }
  }

  void add_nics() {
    for (std::size_t n = 0; n < nics_; ++n) {
      const std::string name = numbered("nic", static_cast<int>(n));
      const std::uint32_t out = add_link(name + " out", node_.nics.bandwidth);
      const std::uint32_t in = add_link(name + " in", node_.nics.bandwidth);
      // Devices g with own NIC n: see NodeWiring::own_nics().
      const std::size_t first = nics_ < gpus_ ? (n * gpus_ + nics_ - 1) / nics_ : ((n + 1) * gpus_ - 1) / nics_;
      const std::size_t last = nics_ < gpus_ ? ((n + 1) * gpus_ - 1) / nics_ : first;
      for (std::size_t g = first; g <= last; ++g) {
        const std::size_t at = switches_.empty() ? g : switches_[first / static_cast<std::size_t>(node_.intra.per_switch)];
        connect(at, gpus_ + n, out);
        connect(gpus_ + nics_ + n, at, in);
        if (!switches_.empty()) break;
      }
    }
  }

  const Node& node_;
  std::size_t gpus_, nics_;
  NodeGraph graph_;
  std::vector<std::size_t> switches_;  // of a PCIe tree
};

NodeWiring wire(const NodeGroup& g, const NodeBuilder& builder) {
  NodeWiring w;
  w.gpus = static_cast<std::uint32_t>(g.node.gpus);
  w.nics = static_cast<std::uint32_t>(g.node.nics.count);
  w.links = static_cast<std::uint32_t>(builder.links.size());
  w.mesh = g.node.intra.kind == IntraKind::nvlink_mesh;
  w.relays = g.node.intra.kind != IntraKind::pcie;
  builder.fill(w);
  return w;
}

// How many leaf switches have uplinks: 0 if none, or there is one leaf.
std::size_t leaves_a_pod(const Cluster& c) {
  std::size_t leaves = 1;
  if (c.fabric.kind == FabricKind::rail_optimized)
    for (const NodeGroup& g : c.groups) leaves = std::max(leaves, static_cast<std::size_t>(g.node.nics.count));
  return leaves;
}
std::size_t pods_of(const Cluster& c) { return pod_of(c, static_cast<std::uint32_t>(c.nodes() - 1)) + 1; }

// Calls visit(leaf, node group) for every NIC, in order of nodes.
template <class Visit>
void for_each_nic(const Cluster& c, std::size_t leaves, Visit&& visit) {
  std::uint32_t node = 0;
  for (std::size_t g = 0; g < c.groups.size(); ++g)
    for (int i = 0; i < c.groups[g].nodes; ++i, ++node)
      for (std::size_t n = 0; n < static_cast<std::size_t>(c.groups[g].node.nics.count); ++n)
        visit(pod_of(c, node) * leaves + (leaves > 1 ? n : 0), g);
}

// Capacities of the leaves of all pods: the bandwidth of their NICs.
std::vector<double> leaf_rates(const Cluster& c) {
  const std::size_t leaves = leaves_a_pod(c);
  std::vector<double> rates(pods_of(c) * leaves);
  for_each_nic(c, leaves, [&](std::size_t leaf, std::size_t g) { rates[leaf] += c.groups[g].node.nics.bandwidth.v; });
  return rates;
}

FabricWiring wire_fabric(const Cluster& c, std::vector<Link>& links) {
  FabricWiring f;
  f.kind = c.fabric.kind;
  f.first_link = static_cast<std::uint32_t>(links.size());
  const std::size_t leaves = leaves_a_pod(c);
  if (f.kind == FabricKind::flat || pods_of(c) * leaves == 1) return f;
  f.leaves_per_pod = static_cast<std::uint32_t>(leaves);
  const std::vector<double> rates = leaf_rates(c);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    std::string name = numbered("pod", static_cast<int>(i / leaves));
    if (f.kind == FabricKind::rail_optimized) name += numbered(" rail", static_cast<int>(i % leaves));
    const BytesPerSecond capacity{rates[i] / c.fabric.oversubscription};
    links.push_back({name + " up", capacity});
    links.push_back({name + " down", capacity});
  }
  return f;
}

// Leaves with as many NICs of each group of nodes have the same uplinks: by leaf, the first leaf like it.
std::vector<std::size_t> alike_leaves(const Cluster& c) {
  const std::size_t leaves = leaves_a_pod(c), count = pods_of(c) * leaves;
  std::vector<std::vector<std::uint32_t>> nics(count, std::vector<std::uint32_t>(c.groups.size()));
  for_each_nic(c, leaves, [&](std::size_t leaf, std::size_t g) { ++nics[leaf][g]; });
  std::map<std::vector<std::uint32_t>, std::size_t> first;
  std::vector<std::size_t> out;
  for (std::size_t leaf = 0; leaf < count; ++leaf) out.push_back(first.emplace(nics[leaf], leaf).first->second);
  return out;
}

}  // namespace

Topology::Topology(const Cluster& cluster) : cluster_(cluster) {
  ORRERY_CHECK(!cluster.groups.empty());
  std::uint32_t node = 0;
  for (const NodeGroup& g : cluster.groups) {
    const NodeBuilder builder(g.node);
    NodeWiring& w = wiring_.groups.emplace_back(wire(g, builder));
    w.first_node = node;
    w.first_link = static_cast<std::uint32_t>(links_.size());
    links_.reserve(links_.size() + builder.links.size() * static_cast<std::size_t>(g.nodes));
    for (int i = 0; i < g.nodes; ++i, ++node) {
      const std::string name = numbered("node", static_cast<int>(node)) + " ";
      for (const Link& link : builder.links) links_.push_back({name + link.name, link.capacity});
    }
  }
  wiring_.fabric = wire_fabric(cluster, links_);
  for (std::size_t g = 0; g < cluster.groups.size(); ++g) {
    const NodeWiring& w = wiring_.groups[g];
    for (int i = 0; i < cluster.groups[g].nodes; ++i)
      for (std::uint32_t l = 0; l < w.links; ++l)
        rate_of_.push_back(static_cast<std::uint32_t>(2 * g + (l + 2 * w.nics >= w.links ? 1 : 0)));
  }
  if (rate_of_.size() == links_.size()) return;
  for (const std::size_t leaf : alike_leaves(cluster)) {
    const auto known = std::find(leaves_.begin(), leaves_.end(), leaf);
    const auto rate = static_cast<std::uint32_t>(2 * cluster.groups.size() + static_cast<std::size_t>(known - leaves_.begin()));
    if (known == leaves_.end()) leaves_.push_back(leaf);
    rate_of_.insert(rate_of_.end(), 2, rate);  // up, down
  }
}

std::vector<BytesPerSecond> Topology::rates(const Cluster& cluster) const {
  std::vector<BytesPerSecond> out;
  for (const NodeGroup& g : cluster.groups) {
    const bool mesh = g.node.intra.kind == IntraKind::nvlink_mesh && g.node.gpus > 1;
    out.push_back(mesh ? BytesPerSecond{g.node.intra.bandwidth.v / static_cast<double>(g.node.gpus - 1)}
                       : g.node.intra.bandwidth);
    out.push_back(g.node.nics.bandwidth);
  }
  if (leaves_.empty()) return out;
  const std::vector<double> of_leaves = leaf_rates(cluster);
  for (const std::size_t leaf : leaves_) out.push_back({of_leaves[leaf] / cluster.fabric.oversubscription});
  return out;
}

std::vector<LinkId> Topology::route(RankId from, RankId to) const {
  const Seat a = seat(cluster_, from), b = seat(cluster_, to);
  const NodeWiring &wa = wiring_.groups[a.group], &wb = wiring_.groups[b.group];
  std::vector<LinkId> out;
  const auto append = [&](const NodeWiring& w, std::uint32_t node, std::span<const std::uint32_t> path) {
    for (const std::uint32_t link : path) out.push_back({w.first_link + (node - w.first_node) * w.links + link});
  };
  if (a.node == b.node) {
    append(wa, a.node, wa.between(a.local, b.local));
    return out;
  }
  const FabricWiring& fabric = wiring_.fabric;
  for_each_part(fabric, wa, a.local, wb, b.local, [&](std::uint32_t leave, std::uint32_t enter, double) {
    if (!out.empty()) return;
    append(wa, a.node, wa.leaving(a.local, leave));
    const std::uint32_t from_pod = pod_of(cluster_, a.node), to_pod = pod_of(cluster_, b.node);
    if (fabric.crosses(from_pod, leave, to_pod, enter)) {
      out.push_back({fabric.up(from_pod, leave)});
      out.push_back({fabric.down(to_pod, enter)});
    }
    append(wb, b.node, wb.entering(enter, b.local));
  });
  return out;
}

}  // namespace orrery
