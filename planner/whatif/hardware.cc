#include "planner/whatif/hardware.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/cost/price.h"
#include "sim/engine/critical_path.h"
#include "sim/evaluate.h"

namespace orrery {
namespace {

struct Words {
  std::string_view name, unit, key;
};
constexpr std::array<Words, knob_count> words{{{"GPU FLOP/s", "TFLOP/s", "flops"},
                                               {"memory bandwidth", "GB/s", "memory_bandwidth"},
                                               {"memory capacity", "GiB", "memory"},
                                               {"NVLink bandwidth", "GB/s", "nvlink"},
                                               {"NIC bandwidth", "Gb/s", "nic"},
                                               {"latency", "", "latency"},
                                               {"kernel launch", "", "launch"}}};
constexpr double gib = 1 << 30;
constexpr double step_of_difference = 1.0 / 128;

double best_peak(const Device& d) { return std::max({d.bf16.v, d.fp16.v, d.fp32.v}); }

Bytes scaled(Bytes b, double factor) {
  return {static_cast<std::int64_t>(static_cast<double>(b.v) * factor)};
}

void turn_device(Knob knob, double f, Device& d) {
  if (knob == Knob::flops)
    for (FlopsPerSecond* rate : {&d.fp32, &d.tf32, &d.fp16, &d.bf16, &d.fp8}) rate->v *= f;
  if (knob == Knob::memory_bandwidth) d.memory_bandwidth.v *= f;
  if (knob == Knob::memory) d.memory = scaled(d.memory, f), d.nominal_memory = scaled(d.nominal_memory, f);
}

void turn_node(Knob knob, double f, Node& node) {
  turn_device(knob, f, node.device);
  if (knob == Knob::nvlink) node.intra.bandwidth.v *= f;
  if (knob == Knob::nic) node.nics.bandwidth.v *= f;
  if (knob == Knob::latency) node.intra.latency.v *= f, node.nics.latency.v *= f;
}

void turn_latency(double f, Calibration& c) {
  for (Curve& curve : c.curves) curve.latency.v *= f;
  for (Seconds* t :
       {&c.network_base, &c.network_near_step, &c.network_far_step, &c.message_near, &c.message_far})
    t->v *= f;
}

void turn_launch(double f, Calibration& c) {
  c.launch_multiplier *= f;
  c.kernel_gap.v *= f;
  c.tensor_launch_doubling.v *= f;
}

// The change of the step for a knob's logarithm, by what lies on the critical path.
double along_path(const Evaluator& e, const CriticalPath& path, const Scenario& s, const Calibration& c,
                  Knob knob) {
  std::array<std::vector<Price>, 2> prices;
  for (const int side : {0, 1}) {
    Scenario turned = s;
    Calibration constants = c;
    turn(knob, side == 0 ? 1 - step_of_difference : 1 + step_of_difference, turned, constants);
    price(e.program(), constants, turned.cluster, e.plan().graph, prices[static_cast<std::size_t>(side)]);
  }
  double ticks = 0;
  for (std::size_t k = 0; k < path.runs.size(); ++k) {
    ticks += static_cast<double>(path.runs[k]) *
             static_cast<double>((prices[1][k].total() - prices[0][k].total()).v);
    ticks += static_cast<double>(path.launches[k]) *
             static_cast<double>((prices[1][k].launch - prices[0][k].launch).v);
  }
  return ticks * 1e-12 / (2 * step_of_difference);
}

double by_difference(const Scenario& s, const Calibration& c, const Plan& plan, Knob knob) {
  double seconds[2];
  for (const int side : {0, 1}) {
    Scenario turned = s;
    Calibration constants = c;
    turn(knob, side == 0 ? 1 - step_of_difference : 1 + step_of_difference, turned, constants);
    const Topology topology(turned.cluster);
    Evaluator evaluator;
    evaluator.compile({turned.model, turned.cluster, turned.training, constants, topology}, plan);
    seconds[side] = to_seconds(evaluator.simulate().makespan).v;
  }
  return (seconds[1] - seconds[0]) / (2 * step_of_difference);
}

ShadowPrice priced(Knob knob, double seconds, const Answer& base, bool by_path) {
  return {knob, seconds, seconds / base.step.v * base.cost.v, by_path};
}

}  // namespace

std::string_view name(Knob k) { return words[static_cast<std::size_t>(k)].name; }
std::string_view unit(Knob k) { return words[static_cast<std::size_t>(k)].unit; }
std::string_view key(Knob k) { return words[static_cast<std::size_t>(k)].key; }

double figure(Knob knob, const Scenario& s) {
  const Node& node = s.cluster.groups.front().node;
  switch (knob) {
    case Knob::flops:
      return dense_peak(node.device, s.training.precision.compute).v / 1e12;
    case Knob::memory_bandwidth:
      return node.device.memory_bandwidth.v / 1e9;
    case Knob::memory:
      return static_cast<double>(node.device.memory.v) / gib;
    case Knob::nvlink:
      return node.intra.bandwidth.v / 1e9;
    case Knob::nic:
      return node.nics.bandwidth.v * 8 / 1e9;
    default:
      return 0;
  }
}

bool same_figures(const Cluster& base, const Cluster& now) {
  const Node &a = base.groups.front().node, &b = now.groups.front().node;
  return a.device.name != b.device.name ||
         (best_peak(a.device) == best_peak(b.device) && a.intra.bandwidth == b.intra.bandwidth);
}

Calibration at_hardware(const Calibration& c, const Cluster& base, const Cluster& now) {
  Calibration out = c;
  const Node &a = base.groups.front().node, &b = now.groups.front().node;
  if (same_figures(base, now)) return out;
  out.held_out = {};
  if (best_peak(a.device) > 0) out.attention_multiplier *= best_peak(b.device) / best_peak(a.device);
  if (a.intra.bandwidth.v > 0 && b.intra.bandwidth.v > 0)
    out.curve_multiplier *= b.intra.bandwidth.v / a.intra.bandwidth.v;
  return out;
}

void turn(Knob knob, double factor, Scenario& s, Calibration& c) {
  const Cluster before = s.cluster;
  for (NodeGroup& g : s.cluster.groups) turn_node(knob, factor, g.node);
  c.held_out = {};
  if (knob == Knob::latency) turn_latency(factor, c);
  if (knob == Knob::launch) turn_launch(factor, c);
  c = at_hardware(c, before, s.cluster);
}

bool hurts(const Effect& e, const Answer& base) {
  const bool less_is_better = e.knob == Knob::latency || e.knob == Knob::launch;
  const Answer& better = less_is_better ? e.less : e.more;
  return better.outcome == Outcome::ok && better.step > base.step;
}

std::vector<Effect> tornado(const Scenario& s, const Calibration& c, const Answer& base, double by,
                            std::span<const Knob> knobs, const Ask& ask) {
  std::vector<Effect> out;
  for (const Knob knob : knobs) {
    Effect effect{knob, {}, {}};
    for (const auto& [factor, answer] : {std::pair(1 - by, &effect.less), std::pair(1 + by, &effect.more)}) {
      Scenario turned = s;
      Calibration constants = c;
      turn(effect.knob, factor, turned, constants);
      *answer = ask(turned, constants);
    }
    out.push_back(std::move(effect));
  }
  const auto swing = [&base](const Effect& e) {
    double most = 0;
    for (const Answer* a : {&e.less, &e.more})
      most = std::max(most, a->outcome == Outcome::ok ? std::abs(a->step.v - base.step.v)
                                                      : std::numeric_limits<double>::infinity());
    return most;
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const Effect& a, const Effect& b) { return swing(a) > swing(b); });
  return out;
}

std::vector<ShadowPrice> shadow_prices(const Scenario& s, const Calibration& c, const Plan& plan) {
  const Topology topology(s.cluster);
  Evaluator evaluator;
  ORRERY_CHECK(!evaluator.compile({s.model, s.cluster, s.training, c, topology}, plan));
  const Simulation& step = evaluator.simulate();
  const bool by_path = !is_shared(step.chosen);
  const Subject subject = evaluator.subject();
  const Answer base = answer_of(s, c, plan, step.makespan, {}, !by_path);
  const double at_scale = scale_jitter(c, s.cluster.ranks());
  CriticalPath path;
  if (by_path) path = critical_path(subject.program, subject.prices, subject.timeline);
  std::vector<ShadowPrice> out;
  for (const Knob knob : {Knob::flops, Knob::memory_bandwidth, Knob::nvlink, Knob::nic}) {
    const double present = figure(knob, s);
    if (present <= 0) continue;
    const double slope = by_path ? along_path(evaluator, path, s, c, knob) : by_difference(s, c, plan, knob);
    out.push_back(priced(knob, slope * at_scale / present, base, by_path));
  }
  return out;
}

ShadowPrice price_of_memory(const Scenario& s, const Calibration& c, const Answer& base, const Ask& ask) {
  Scenario more = s;
  for (NodeGroup& g : more.cluster.groups) {
    g.node.device.memory += Bytes{std::int64_t{1} << 30};
    g.node.device.nominal_memory += Bytes{std::int64_t{1} << 30};
  }
  const Answer answer = ask(more, c);
  return priced(Knob::memory, answer.outcome == Outcome::ok ? answer.step.v - base.step.v : 0, base, false);
}

}  // namespace orrery
