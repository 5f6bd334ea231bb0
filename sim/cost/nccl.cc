#include "sim/cost/nccl.h"

#include <algorithm>
#include <bit>

#include "sim/cost/nccl_tables.h"

namespace orrery {
namespace {

constexpr double microsecond = 1e-6, gigabyte = 1e9;
constexpr std::size_t index(NcclArchitecture a) { return static_cast<std::size_t>(a); }
constexpr std::size_t index(NcclProtocol p) { return static_cast<std::size_t>(p); }

std::size_t column(int nodes) { return nodes == 1 ? 0 : nodes == 2 ? 1 : 2; }
int floor_log2(int v) { return static_cast<int>(std::bit_width(static_cast<unsigned>(v))) - 1; }

int steps(Kind kind, int ranks) {
  if (kind == Kind::all_reduce) return 2 * (ranks - 1);
  return kind == Kind::broadcast ? ranks : ranks - 1;
}

bool gathers(Kind kind) { return kind == Kind::all_gather || kind == Kind::reduce_scatter; }

NcclArchitecture architecture(const NcclTopology& t, const NcclTables& tables) {
  return std::min(t.architecture, tables.form.newest);
}

// The most that the LL protocol carries. Over several nodes NCCL's row is the CPU vendor, not the architecture.
double ll_limit(const NcclTopology& t, const NcclTables& tables) {
  const std::size_t row = t.nodes == 1 ? index(architecture(t, tables)) : t.amd_cpu ? 1 : 0;
  return tables.ll_max[row][column(t.nodes)];
}

double graph_rate(const NcclTopology& t, const NcclGraph& g) { return g.channels * (t.nodes <= 2 ? g.near : g.far); }

double ring_rate(const NcclTopology& t, Kind kind, NcclProtocol p, const NcclTables& tables) {
  const NcclForm& form = tables.form;
  const double bus = graph_rate(t, t.ring);
  double rate = bus;
  if (p == NcclProtocol::ll) {
    const bool kept_more = t.nodes == 1 && kind != Kind::all_reduce;
    rate = std::min(ll_limit(t, tables), (kept_more ? form.ring_ll_gather : form.ring_ll) * bus);
  }
  if (p == NcclProtocol::ll128)
    rate = std::min((t.per_node == 1 ? form.ring_ll128_lone : 0.92) * bus,
                    t.ring.channels * tables.ring_ll128[index(architecture(t, tables))][column(t.nodes)]);
  return rate * t.ranks() / steps(kind, t.ranks());
}

double tree_rate(const NcclTopology& t, NcclProtocol p, const NcclTables& tables) {
  const std::size_t a = index(architecture(t, tables)), c = column(t.nodes);
  double rate = std::min(0.92 * graph_rate(t, t.tree), t.tree.channels * tables.tree_channel[a][c]);
  if (p == NcclProtocol::ll) rate = std::min(rate / 3.8, ll_limit(t, tables));
  if (p == NcclProtocol::ll128) {
    const double kept = t.nodes == 1 ? 7.0 / 9.0 : 120.0 / 128.0;
    rate = std::min(rate * kept, t.tree.channels * tables.tree_ll128[a][c]);
  }
  return 0.5 * rate * (t.plain_tree ? 0.85 : 1.0);
}

double nvls_rate_by_efficiency(const NcclTopology& t, Kind kind, bool tree, const NcclTables& tables) {
  const double channels = t.nvls.channels;
  const bool reduces_and_gathers = kind == Kind::all_reduce;
  double near = t.nvls.near * tables.nvls_efficiency[index(t.architecture)] * (channels - 1) / channels;
  near *= reduces_and_gathers ? 2.0 : (t.per_node - 1.0) / t.per_node;
  double rate = std::min(near, t.nvls.far * (tree && t.nodes <= 2 ? 2.0 : 1.0));
  if (tree) rate = std::min(rate, tables.nvls_tree_channel[index(t.architecture)][column(t.nodes)]);
  return channels * rate * (reduces_and_gathers ? static_cast<double>(t.ranks()) / steps(kind, t.ranks()) : 1.0);
}

double nvls_rate(const NcclTopology& t, Kind kind, bool tree, const NcclTables& tables) {
  constexpr double kept = 5.0 / 6.0;
  const double channels = t.nvls.channels, near = t.nvls.near, far = t.nvls.far;
  switch (tables.form.multicast) {
    case NcclMulticast::graph:
      if (kind != Kind::all_reduce) return 0;
      return graph_rate(t, t.nvls) * (tree ? 0.7 * t.nodes / (2.0 * (t.nodes - 1)) : kept);
    case NcclMulticast::gathers:
      if (gathers(kind)) return channels * std::min(near * (t.per_node - 1.0) / t.per_node, 0.9 * far);
      [[fallthrough]];
    case NcclMulticast::least:
      return channels * std::min(near, tree && t.nodes > 2 ? far / 2 : far) * kept;
    case NcclMulticast::efficiency: break;
  }
  return nvls_rate_by_efficiency(t, kind, tree, tables);
}

double ring_latency(const NcclTopology& t, Kind kind, NcclProtocol p, const NcclTables& tables) {
  const NcclForm& form = tables.form;
  const std::size_t i = index(p);
  const double near = (t.pcie ? tables.pci : tables.nvlink)[1][i], base = tables.base[1][i];
  const double far = tables.net[t.per_node == 1 && form.lone_as_tree ? 0 : 1][i];
  const int n = steps(kind, t.ranks());
  if (kind == Kind::broadcast) {
    // Where the channels change, Simple waits for a chunk at each step, as a tree does.
    const std::size_t row = p == NcclProtocol::simple && !t.same_channels ? 0 : 1;
    const double step = t.nodes > 1 ? tables.net[row][i] : (t.pcie ? tables.pci : tables.nvlink)[row][i];
    return base + (t.same_channels ? 1 : n) * step;
  }
  const int crossings = kind != Kind::all_reduce || t.nodes == 1 ? t.nodes - 1
                        : form.ring_counts_a_node_more           ? 2 * t.nodes
                                                                 : 2 * (t.nodes - 1);
  const double overhead = t.nodes == 1 ? 0.0 : (t.amd_cpu ? 2.0 : 1.0) * (p == NcclProtocol::simple ? 3.0 : 1.0);
  return base + (n - crossings) * std::max(near, overhead) + crossings * far;
}

double tree_latency(const NcclTopology& t, NcclProtocol p, const NcclTables& tables) {
  const std::size_t i = index(p);
  const double near = (t.pcie ? tables.pci : tables.nvlink)[0][i];
  return tables.base[0][i] + 2 * ((t.per_node - 1) * near + floor_log2(t.nodes) * tables.net[0][i]);
}

// Of a tree's rate by size.
double correction(const NcclTopology& t, NcclAlgorithm a, NcclProtocol p, Bytes bytes, const NcclTables& tables) {
  const auto k = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(bytes.v) >> 6)) - 1;
  const bool nvls_tree = a == NcclAlgorithm::nvls_tree && tables.form.nvls_tree_corrected &&
                         t.architecture == NcclArchitecture::blackwell && !t.arm_cpu;
  const int columns = a == NcclAlgorithm::tree ? 23 : nvls_tree ? 24 : 0;
  return k >= 0 && k < columns ? tables.tree_correction[index(p)][k] : 1.0;
}

}  // namespace

std::string_view name(NcclAlgorithm a) {
  constexpr std::string_view names[] = {"tree", "ring", "nvls", "nvls_tree", "pat"};
  return names[static_cast<std::size_t>(a)];
}

std::string_view name(NcclProtocol p) {
  constexpr std::string_view names[] = {"ll", "ll128", "simple"};
  return names[static_cast<std::size_t>(p)];
}

NcclEstimate nccl_estimate(const NcclTopology& t, Kind kind, NcclAlgorithm a, NcclProtocol p, const NcclTables& tables) {
  const bool reduces = kind == Kind::all_reduce, simple = p == NcclProtocol::simple;
  double latency = 0, rate = 0;
  if (p == NcclProtocol::ll128 && (t.pcie || t.architecture > tables.form.newest)) return {};
  switch (a) {
    case NcclAlgorithm::ring:
      latency = ring_latency(t, kind, p, tables);
      rate = ring_rate(t, kind, p, tables);
      break;
    case NcclAlgorithm::tree:
      if (!reduces) return {};
      latency = tree_latency(t, p, tables);
      rate = tree_rate(t, p, tables);
      break;
    case NcclAlgorithm::nvls:
      if (!simple || t.nvls.channels == 0 || t.nodes > 1 || !(gathers(kind) || reduces)) return {};
      latency = tables.nvls_near;
      rate = nvls_rate(t, kind, false, tables);
      break;
    case NcclAlgorithm::nvls_tree:
      if (!simple || t.nvls.channels == 0 || t.nodes == 1 || !reduces) return {};
      latency = tables.nvls_near +
                2 * (tables.form.nvls_tree_linear ? t.nodes - 1 : floor_log2(t.nodes)) * tables.nvls_tree_far;
      rate = nvls_rate(t, kind, true, tables);
      break;
    case NcclAlgorithm::pat:
      if (!simple || !tables.form.pat || t.per_node != 1 || t.nodes == 1 || !gathers(kind)) return {};
      latency = tables.pat_base + floor_log2(t.nodes) * tables.pat_far / tables.pat_log_divisor +
                t.ranks() * tables.pat_rank;
      rate = 0.75 * graph_rate(t, t.ring);
      break;
  }
  if (rate <= 0) return {};
  return {{latency * microsecond}, {rate * gigabyte}};
}

NcclChoice nccl_time(const NcclTopology& t, Kind kind, NcclAlgorithm a, NcclProtocol p, Bytes bytes,
                     const NcclTables& tables) {
  NcclEstimate e = nccl_estimate(t, kind, a, p, tables);
  if (e.bandwidth.v <= 0) return {a, p, {}, {3600.0}};
  e.bandwidth.v *= correction(t, a, p, bytes, tables);
  // A plateau of the ring over nodes, for all but the smallest buffers.
  if (a == NcclAlgorithm::ring && p == NcclProtocol::simple && t.nodes > 1 && kind == Kind::all_reduce &&
      bytes.v / (t.ring.channels * t.ranks()) >= 64)
    e.latency.v *= t.architecture == NcclArchitecture::volta ? 1.9 : 1.4;
  return {a, p, e.latency, bytes / e.bandwidth};
}

NcclChoice nccl_choice(const NcclTopology& t, Kind kind, Bytes bytes, const NcclTables& tables) {
  NcclChoice best{NcclAlgorithm::ring, NcclProtocol::simple, {}, {3600.0}};
  for (std::size_t a = 0; a < nccl_algorithms; ++a) {
    for (std::size_t p = 0; p < nccl_protocols; ++p) {
      const NcclChoice c = nccl_time(t, kind, static_cast<NcclAlgorithm>(a), static_cast<NcclProtocol>(p), bytes, tables);
      if (c.time() < best.time()) best = c;
    }
  }
  return best;
}

}  // namespace orrery
