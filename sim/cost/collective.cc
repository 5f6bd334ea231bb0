#include "sim/cost/collective.h"

#include <algorithm>
#include <cmath>

#include "sim/cost/nccl.h"
#include "sim/cost/nccl_tables.h"

namespace orrery {
namespace {

double number(Bytes b) { return static_cast<double>(b.v); }

TransferTime by_curve(const Curve& c, double multiplier, Kind kind, Bytes bytes, std::uint32_t ranks) {
  const double x = bus_factor(kind, ranks) * number(bytes) / (c.bandwidth.v * multiplier);
  return {c.latency, {x + std::sqrt(c.ramp.v * x)}};
}

TransferTime by_nccl(Kind kind, Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  const NcclChoice choice = nccl_choice(nccl_topology(node, g), kind, bytes, nccl_tables(c.nccl));
  return {choice.latency, choice.transfer};
}

// Every member at once to one other: the ring step of an exchange, one end of a message.
TransferTime message(Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  if (g.nodes == 1) return {c.message_near, {number(bytes) / (node.intra.bandwidth.v * c.message_efficiency)}};
  const double nics = std::min(1.0, static_cast<double>(node.nics.count) / node.gpus);
  return {c.message_far, {number(bytes) / (nics * node.nics.bandwidth.v * c.network_efficiency)}};
}

double node_rate(const Calibration& c, const Node& node, Kind kind, std::uint32_t per_node) {
  if (const Curve* curve = curve_for(c, kind, std::max(2u, per_node))) return curve->bandwidth.v * c.curve_multiplier;
  return node.intra.bandwidth.v * c.message_efficiency;
}

// Each NIC carries the part of the traffic that leaves its node.
TransferTime all_to_all(Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  const double away = 1.0 - static_cast<double>(g.per_node) / g.size;
  const double per_rank_nics = std::min(1.0, static_cast<double>(node.nics.count) / node.gpus);
  const double far = number(bytes) * away / (per_rank_nics * node.nics.bandwidth.v * c.network_efficiency);
  const double near = number(bytes) * (g.per_node - 1.0) / g.size / (node.intra.bandwidth.v * c.message_efficiency);
  return {{c.network_base.v + c.network_far_step.v}, {std::max(far, near)}};
}

TransferTime ring_over_nodes(Kind kind, Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  const double rounds = kind == Kind::all_reduce ? 2.0 : 1.0;
  const double steps = rounds * (g.size - 1.0), far = rounds * (g.nodes - 1.0);
  const double latency =
      c.network_base.v + (steps - far) * c.network_near_step.v + far * c.network_far_step.v;
  const double network = nic_share(g, node) * node.nics.bandwidth.v * c.network_efficiency;
  const double rate = g.per_node > 1 ? std::min(node_rate(c, node, kind, g.per_node), network) : network;
  return {{latency}, {bus_factor(kind, g.size) * number(bytes) / rate}};
}

// NCCL's tree, which is what makes small all-reduces over many nodes fast: up and down, so each NIC carries the buffer
// twice, at no more than the calibrated rate.
TransferTime tree_over_nodes(Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  const NcclTopology topology = nccl_topology(node, g);
  const double network = nic_share(g, node) * node.nics.bandwidth.v * c.network_efficiency;
  const NcclTables& tables = nccl_tables(c.nccl);
  TransferTime best{{3600.0}, {}};
  for (const NcclProtocol p : {NcclProtocol::ll, NcclProtocol::ll128, NcclProtocol::simple}) {
    const NcclChoice tree = nccl_time(topology, Kind::all_reduce, NcclAlgorithm::tree, p, bytes, tables);
    const TransferTime t{tree.latency, {std::max(tree.transfer.v, 2.0 * number(bytes) / network)}};
    if (t.total() < best.total()) best = t;
  }
  return best;
}

}  // namespace

double bus_factor(Kind kind, std::uint32_t ranks) {
  const double n = ranks;
  switch (kind) {
    case Kind::all_reduce: return 2.0 * (n - 1.0) / n;
    case Kind::all_gather:
    case Kind::reduce_scatter:
    case Kind::all_to_all: return (n - 1.0) / n;
    default: return 1.0;
  }
}

double nic_share(const GroupSignature& g, const Node& node) {
  const double q = g.per_node, nics = node.nics.count;
  return std::min({q, nics, nics * q / node.gpus});
}

const Curve* curve_for(const Calibration& c, Kind kind, std::uint32_t ranks) {
  const Curve *above = nullptr, *largest = nullptr;
  for (const Curve& curve : c.curves) {
    if (curve.kind != kind) continue;
    const auto n = static_cast<std::uint32_t>(curve.ranks);
    if (n >= ranks && (!above || curve.ranks < above->ranks)) above = &curve;
    if (!largest || curve.ranks > largest->ranks) largest = &curve;
  }
  return above ? above : largest;
}

TransferTime transfer_time(Kind kind, Bytes bytes, const GroupSignature& g, const Calibration& c, const Node& node) {
  if (g.size <= 1 || bytes.v <= 0) return {};
  if (kind == Kind::exchange || kind == Kind::send || kind == Kind::receive) return message(bytes, g, c, node);
  if (g.nodes == 1) {
    if (const Curve* curve = curve_for(c, kind, g.size)) return by_curve(*curve, c.curve_multiplier, kind, bytes, g.size);
    if (kind != Kind::all_to_all && c.nccl != no_nccl) return by_nccl(kind, bytes, g, c, node);
    return {c.message_near, {bus_factor(kind, g.size) * number(bytes) / (node.intra.bandwidth.v * c.message_efficiency)}};
  }
  if (kind == Kind::all_to_all) return all_to_all(bytes, g, c, node);
  const TransferTime ring = ring_over_nodes(kind, bytes, g, c, node);
  if (kind != Kind::all_reduce || c.nccl == no_nccl) return ring;
  const TransferTime tree = tree_over_nodes(bytes, g, c, node);
  return tree.total() < ring.total() ? tree : ring;
}

}  // namespace orrery
