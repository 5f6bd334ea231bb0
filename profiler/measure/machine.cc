#include "profiler/measure/machine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "profiler/fit.h"
#include "profiler/fit_kernels.h"
#include "profiler/measure/samples.h"
#include "sim/base/math.h"
#include "sim/cost/collective.h"
#include "sim/cost/constants.h"
#include "sim/cost/memory_bound.h"

namespace orrery {
namespace {

constexpr double attention_passes = 3.5;  // FLOPs of forward and backward over those of forward (attention.h)

// The row whose rates give those measured at their sequences. Below the first sequence that a row holds, its
// rate falls by a law (attention.h), which a measured one there is freed of.
AttentionRates at_sequences(AttentionRates row, const std::map<std::int64_t, std::vector<double>>& measured) {
  for (std::size_t i = 0; i < row.rates.size(); ++i) {
    const double place = 9 + static_cast<double>(i);  // log2 of the sequence
    double closest = 1e9;
    for (const auto& [sequence, rates] : measured) {
      const double x = log2(static_cast<double>(sequence)), distance = std::abs(x - place);
      if (distance >= closest) continue;
      closest = distance;
      row.rates[i] = summarize(rates).median * exp2(0.4 * std::max(0.0, 9 - x));
    }
  }
  return row;
}

FlopsPerSecond best_rate(const std::vector<MatmulPoint>& points) {
  double best = 0;
  for (const MatmulPoint& p : points)
    best = std::max(best, 2.0 * static_cast<double>(p.batch * p.m * p.n * p.k) / p.seconds);
  return {rounded(best)};
}

struct MessageFit {
  Seconds latency{};
  BytesPerSecond bandwidth{};
  Errors after;
};

// T = latency + bytes / bandwidth.
MessageFit fit_messages(const std::vector<CollectivePoint>& links) {
  std::vector<double> bytes, measured;
  double rate = 0;
  for (const CollectivePoint& p : links) {
    if (p.kind != Kind::send) continue;
    bytes.push_back(static_cast<double>(p.bytes.v));
    measured.push_back(p.seconds);
    rate = std::max(rate, bytes.back() / measured.back());
  }
  if (measured.empty()) return {};
  const double least = *std::min_element(measured.begin(), measured.end());
  const Parameter parameters[] = {{"latency", least, least / 10, least * 10},
                                  {"bandwidth", rate, rate / 4, rate * 4}};
  const Fit found = fit(parameters, measured, [&](std::span<const double> v, std::span<double> predicted) {
    for (std::size_t i = 0; i < bytes.size(); ++i) predicted[i] = v[0] + bytes[i] / v[1];
  });
  return {{rounded(found.values[0])}, {rounded(found.values[1])}, found.after};
}

// Sets constants, with how they were come by.
class Setter {
 public:
  Setter(Calibration& c, std::string source) : c_(c), source_(std::move(source)) {}
  void set(const std::string& name, double value, const Errors* e = nullptr) {
    set_constant(c_, name, rounded(value));
    c_.provenance[name] = {e ? Evidence::calibrated : Evidence::measured, source(e)};
  }
  void set(AttentionRates row) {
    for (double& r : row.rates) r = rounded(r);
    const std::string key = attention_key(row);
    std::erase_if(c_.attention_rates, [&](const AttentionRates& x) { return attention_key(x) == key; });
    c_.attention_rates.push_back(row);
    c_.provenance[key] = {Evidence::calibrated, source_};
  }
  void set(Curve curve, const Errors& e) {
    curve.latency.v = rounded(curve.latency.v);
    curve.bandwidth.v = rounded(curve.bandwidth.v);
    curve.ramp.v = rounded(curve.ramp.v);
    std::erase_if(c_.curves, [&](const Curve& x) { return x.kind == curve.kind && x.ranks == curve.ranks; });
    c_.curves.push_back(curve);
    c_.provenance[curve_key(curve)] = {Evidence::calibrated, source(&e)};
  }

 private:
  std::string source(const Errors* e) const {
    if (!e) return source_;
    char text[80];
    std::snprintf(text, sizeof text, ": %zu points, mean error %.2f %%, worst %.2f %%", e->points,
                  100 * e->mape, 100 * e->worst);
    return source_ + text;
  }
  Calibration& c_;
  std::string source_;
};

void fit_products(const HardwareProfile& h, const Device& device, HardwareFit& out, Setter& to) {
  const std::vector<MatmulPoint>& points = h.dtype == DType::bf16 ? h.bf16 : h.fp32;
  if (points.empty()) return;
  Device as_fitted = device;
  if (h.dtype == DType::fp32) as_fitted.bf16 = device.fp32;  // the rate that the points are shares of
  const MatmulFit f = fit_matmul(points, as_fitted, false, out.calibration.matmul16);
  to.set("matmul16.efficiency", f.constants.efficiency, &f.after);
  to.set("matmul16.epilogue", f.constants.epilogue.v, &f.after);
  to.set("matmul16.tile_exponent", f.constants.tile_exponent, &f.after);
  to.set("matmul16.memory_efficiency", f.constants.memory_efficiency, &f.after);
  to.set("clock16", 1);
  out.lines.push_back({"matmul16", f.after});
}

void fit_links(const HardwareProfile& h, HardwareFit& out, Setter& to) {
  std::vector<CollectivePoint> collectives;
  for (const CollectivePoint& p : h.links)
    if (p.kind != Kind::send) collectives.push_back(p);
  for (const CurveFit& f : fit_curves(collectives, {})) {
    to.set(f.curve, f.after);
    out.lines.push_back({curve_key(f.curve), f.after});
  }
  const MessageFit messages = fit_messages(h.links);
  if (messages.bandwidth.v <= 0) return;
  to.set("message_near", messages.latency.v, &messages.after);
  to.set("message_efficiency", 1);
  out.lines.push_back({"message_near", messages.after});
  to.set("slowdown_nvlink", h.overlap.compute);
}

// Where a group of a point lies. Those of one rank a machine are as many at once as it has ranks.
GroupSignature placed(const CollectivePoint& p) {
  return {.size = static_cast<std::uint32_t>(p.ranks),
          .nodes = static_cast<std::uint32_t>(p.nodes),
          .per_node = static_cast<std::uint32_t>(p.ranks / p.nodes)};
}

// What all NICs of a machine carry at once, in one direction, while a collective runs: its bytes over its
// time.
double network_rate(const CollectivePoint& p, const Node& node) {
  const GroupSignature g = placed(p);
  return bus_factor(p.kind, g.size) * static_cast<double>(p.bytes.v) / p.seconds / nic_share(g, node);
}

// By the largest collectives: what links and shapers hold back for a moment makes small ones faster than the
// links are.
BytesPerSecond fit_nic(const HardwareProfile& h, Node node) {
  const BytesPerSecond messages = fit_messages(h.far_links).bandwidth;
  node.nics.count = 1;
  Bytes largest{};
  for (const CollectivePoint& p : h.far_links) largest = std::max(largest, p.bytes);
  double best = 0;
  for (const CollectivePoint& p : h.far_links)
    if (p.bytes.v > largest.v / 2 &&
        (p.kind == Kind::all_gather || p.kind == Kind::reduce_scatter || p.kind == Kind::all_reduce))
      best = std::max(best, network_rate(p, node));
  return {rounded(best > 1.1 * messages.v ? best : messages.v)};
}

// The constants that price communication between machines, from all points at once, as messages and
// collectives have the links' efficiency in common: that first, by buffers that links take most of the time
// for, then latencies by all.
class FarFit {
 public:
  FarFit(const HardwareProfile& h, const Cluster& cluster, const Calibration& c)
      : trial_(c), node_(cluster.groups.front().node), lone_(node_) {
    lone_.gpus = 1;  // messages were alone on their machine's NIC
    for (const CollectivePoint& p : h.far_links) {
      if (p.kind == Kind::broadcast) continue;  // not by a ring
      points_.push_back(p);
      if (p.bytes.v >= small_bytes) large_.push_back(p);
    }
  }

  void run(HardwareFit& out, Setter& to) {
    if (points_.empty()) return;
    double least = points_.front().seconds;
    for (const CollectivePoint& p : points_) least = std::min(least, p.seconds);
    const double low = least / 100, high = 100 * least;
    std::vector<Parameter> parameters{{"message_far", least, low, high},
                                      {"network_base", least, low, high},
                                      {"network_far_step", least, low, high}};
    if (std::any_of(points_.begin(), points_.end(),
                    [](const CollectivePoint& p) { return p.ranks > p.nodes; }))
      parameters.push_back({"network_near_step", least / 4, low, high});
    parameters.push_back({"network_efficiency", 1, 0.3, 1.1});
    const Errors first = settle(parameters, large_.size() > parameters.size() ? large_ : points_);
    set("network_efficiency", first, to);
    parameters.pop_back();
    const Errors all = settle(parameters, points_);
    for (const Parameter& p : parameters) set(p.name, all, to);
    report(out);
  }

 private:
  // Leaves the constants, as a file shows them, in the trial.
  Errors settle(std::span<const Parameter> parameters, const std::vector<CollectivePoint>& points) {
    std::vector<double> measured;
    for (const CollectivePoint& p : points) measured.push_back(p.seconds);
    const Fit found = fit(parameters, measured, [&](std::span<const double> v, std::span<double> predicted) {
      for (std::size_t i = 0; i < v.size(); ++i) set_constant(trial_, parameters[i].name, v[i]);
      for (std::size_t i = 0; i < points.size(); ++i) predicted[i] = seconds(points[i]);
    });
    for (std::size_t i = 0; i < parameters.size(); ++i)
      set_constant(trial_, parameters[i].name, rounded(found.values[i]));
    return found.after;
  }

  void set(const std::string& constant, const Errors& e, Setter& to) const {
    double value = 0;
    get_constant(trial_, constant, value);
    to.set(constant, value, &e);
  }

  double seconds(const CollectivePoint& p) const {
    return transfer_time(p.kind, p.bytes, placed(p), trial_, p.kind == Kind::send ? lone_ : node_).total().v;
  }

  // A line an operation and placement, "all_reduce over 2 hosts, 4 ranks", and one of all small buffers.
  void report(HardwareFit& out) const {
    std::vector<std::string> names;
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> groups;
    for (const CollectivePoint& p : points_) {
      const std::string what = p.bytes.v < small_bytes
                                   ? "between hosts, below 100 kB"
                                   : std::string(name(p.kind)) + " over " + std::to_string(p.nodes) +
                                         " hosts, " + std::to_string(p.ranks) + " ranks";
      if (!groups.contains(what)) names.push_back(what);
      groups[what].first.push_back(seconds(p));
      groups[what].second.push_back(p.seconds);
    }
    for (const std::string& what : names)
      out.lines.push_back({what, errors(groups[what].first, groups[what].second)});
  }

  static constexpr std::int64_t small_bytes = 100'000;  // that latency is much of
  Calibration trial_;
  Node node_, lone_;
  std::vector<CollectivePoint> points_, large_;
};

}  // namespace

Cluster describe_cluster(const HardwareProfile& h) {
  Cluster c;
  c.name = h.name;
  c.source = "orrery profile hardware, backend " + h.backend;
  c.groups.push_back({"main", h.hosts, {}});
  Node& node = c.groups.front().node;
  node.gpus = h.devices;
  node.cores = rounded(h.cores);
  node.device.name = h.device.empty() ? h.name : h.device;
  node.device.vendor = h.vendor;
  node.device.architecture = h.architecture.empty() ? h.backend : h.architecture;
  node.device.fp32 = best_rate(h.fp32);
  node.device.bf16 = best_rate(h.bf16);
  node.device.multiprocessors = h.multiprocessors;
  node.device.memory = node.device.nominal_memory = h.memory;
  node.device.memory_bandwidth = {rounded(h.memory_rate.v)};
  node.device.source = c.source;
  node.intra.kind = IntraKind::nvswitch;
  const MessageFit messages = fit_messages(h.links);
  node.intra.bandwidth = messages.bandwidth.v > 0 ? messages.bandwidth : node.device.memory_bandwidth;
  node.host_bandwidth =
      h.host_rate.v > 0 ? BytesPerSecond{rounded(h.host_rate.v)} : node.device.memory_bandwidth;
  if (!h.far_links.empty()) node.nics = {.count = 1, .bandwidth = fit_nic(h, node), .latency = {}};
  return c;
}

HardwareFit fit_hardware(const HardwareProfile& h, const Cluster& cluster, const Calibration& base) {
  HardwareFit out{base, {}};
  const Device& device = cluster.groups.front().node.device;
  out.calibration.name = h.name;
  out.calibration.device = device.name;
  out.calibration.facts = h.facts;
  if (out.calibration.stack.empty()) out.calibration.stack = "orrery-" + h.backend;
  Setter to(out.calibration, cluster.source);
  fit_products(h, device, out, to);
  fit_links(h, out, to);
  if (h.backend == "cpu") out.calibration.nccl = no_nccl;
  if (!h.far_links.empty()) {
    FarFit(h, cluster, out.calibration).run(out, to);
    to.set("slowdown_network", h.far_overlap.compute);
  }
  to.set("memory_efficiency", 1);
  to.set("kernel_gap", h.launch.v);
  return out;
}

void fit_bytes(Calibration& c, const Device& device) {
  std::map<std::string, std::vector<double>> found;
  Calibration unit = c;  // whose bytes are 1
  for (const MeasuredOp& m : c.measured.all()) {
    if (m.op.kind != OpKind::memory || m.op.elements == 0) continue;
    const bool gated = m.op.name == OpName::activation && m.op.gated;
    const std::string constant =
        gated ? (m.op.pass == Pass::input_gradient ? "gated_backward_bytes" : "gated_forward_bytes")
              : "ops." + std::string(name(m.op.name)) + "." + std::string(name(m.op.pass)) + ".bytes";
    set_constant(unit, constant, 1);
    const double seconds = memory_bound_time(m.op, unit, device.memory_bandwidth).v;
    if (seconds > 0) found[constant].push_back(m.time.v / seconds);
  }
  for (const auto& [constant, bytes] : found)
    Setter(c, "orrery profile model: median of " + std::to_string(bytes.size()) + " measured ops")
        .set(constant, summarize(bytes).median);
}

void fit_attention(Calibration& c) {
  std::map<std::pair<std::int64_t, bool>, std::map<std::int64_t, std::vector<double>>> rates;  // by m
  std::vector<double> shares;
  for (const MeasuredOp& m : c.measured.all()) {
    if (m.op.kind != OpKind::attention || m.op.pass != Pass::forward || m.op.dtype == DType::fp32) continue;
    Op backward = m.op;
    backward.pass = Pass::input_gradient;
    const MeasuredOp* b = c.measured.find(backward);
    const double flop = flops(m.op).v, both = b ? m.time.v + b->time.v : 0;
    if (both <= 0) continue;
    rates[{m.op.k, m.op.causal}][m.op.m].push_back(attention_passes * flop / both);
    shares.push_back(m.time.v / both);
  }
  if (rates.empty()) return;
  Setter to(c, "orrery profile model: median of " + std::to_string(shares.size()) + " measured shapes");
  to.set("attention_forward_share", summarize(shares).median);
  to.set("attention_multiplier", 1);
  c.attention_kernel = "orrery";
  for (const auto& [shape, by_sequence] : rates) {
    AttentionRates row{c.attention_kernel, static_cast<int>(shape.first), shape.second, false, {}};
    to.set(at_sequences(row, by_sequence));
  }
}

}  // namespace orrery
