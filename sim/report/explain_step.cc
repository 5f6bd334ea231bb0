#include <algorithm>
#include <numeric>

#include "sim/base/units.h"
#include "sim/cost/constants.h"
#include "sim/cost/price.h"
#include "sim/program/print.h"
#include "sim/report/explain_parts.h"
#include "sim/report/format.h"

namespace orrery::report {
namespace {

constexpr std::size_t classes_shown = 8;

std::string seconds(Tick t) { return orrery::text(to_seconds(t)); }

std::string constant_text(double v) {
  if (v != 0 && v < 0.001) return orrery::text(Seconds{v});  // so small, it is a time
  std::string out = fixed(v, 4);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

// "mlp_up 7168x8192x8192 bf16, weight_gradient"
std::string class_name(const CostClass& c) {
  return describe(c) + (c.kind == Kind::compute ? ", " + std::string(name(c.op.pass)) : "");
}

// What one instruction of a class does, in numbers.
std::string rate(const Subject& s, const CostClass& c, Tick price) {
  const double t = to_seconds(price).v;
  if (t <= 0) return "free";
  if (c.kind == Kind::compute) {
    const Device& device = s.cluster.groups[c.device].node.device;
    const Flops work = flops(c.op);
    const FlopsPerSecond peak = dense_peak(device, c.op.dtype);
    if (work.v > 0)
      return fixed(work.v / 1e9, 1) + " GFLOP at " + fixed(work.v / t / 1e12, 1) + " TFLOP/s" +
             (peak.v > 0 ? ", " + percent(work.v / t / peak.v) + " of the peak" : "");
    const OpConstants& constants =
        s.calibration.op(c.op.name, c.op.pass == Pass::recompute ? Pass::forward : c.op.pass);
    return text_count(static_cast<double>(c.op.elements)) + " elements x " + fixed(constants.bytes, 1) +
           " B a pass, " +
           orrery::text(BytesPerSecond{static_cast<double>(c.op.elements) * constants.bytes / t});
  }
  return orrery::text(c.bytes) + " over " + std::to_string(c.group.size) + " ranks on " +
         std::to_string(c.group.nodes) + (c.group.nodes == 1 ? " node, " : " nodes, ") +
         orrery::text(BytesPerSecond{static_cast<double>(c.bytes.v) / t});
}

Reason of_class(const Subject& s, const CriticalPath& path, std::uint32_t index, Tick makespan) {
  const CostClass& c = s.program.classes[index];
  const Price& price = s.prices[index];
  Reason out{class_name(c),
             seconds(path.time[index]),
             std::to_string(path.runs[index]) + " on the critical path x " + seconds(price.total()) + " (" +
                 percent(path.time[index] / makespan) + " of the step)",
             {},
             {}};
  Reason each{
      "price",
      seconds(price.total()),
      "fixed " + seconds(price.fixed) + " + flow " + seconds(price.flow) + ": " + rate(s, c, price.total()),
      std::string(name(evidence(c, s.calibration))),
      {}};
  for (const std::string& n : constants_of(c, s.calibration))
    each.because.push_back(constant(s.calibration, n));
  out.because.push_back(std::move(each));
  return out;
}

Reason makespan_reason(const Subject& s, const Report& r) {
  const CriticalPath path = critical_path(s.program, s.prices, s.timeline);
  Reason out{"makespan",
             seconds(r.makespan),
             "sum over the critical path of runs x price",
             r.origin.replay + " replay of " + grouped(static_cast<std::int64_t>(s.program.size())) +
                 " instructions",
             {}};
  std::vector<std::uint32_t> order(path.time.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return path.time[a] > path.time[b]; });
  Tick rest = r.makespan - path.issue - path.wait;
  std::size_t others = 0;
  for (const std::uint32_t c : order) {
    if (path.time[c].v == 0) break;
    if (out.because.size() < classes_shown) {
      out.because.push_back(of_class(s, path, c, r.makespan));
      rest -= path.time[c];
    } else {
      ++others;
    }
  }
  if (others > 0)
    out.because.push_back({std::to_string(others) + " other classes", seconds(rest), "", "", {}});
  if (path.issue.v > 0)
    out.because.push_back({"host", seconds(path.issue), "launches that the devices wait for", "", {}});
  if (path.wait.v > 0) out.because.push_back({"unexplained waits", seconds(path.wait), "", "measured", {}});
  if (path.stretched.v > 0)
    out.because.push_back(
        {"sharing", seconds(path.stretched), "part of the above: shared links and slowed compute", "", {}});
  return out;
}

}  // namespace

Reason constant(const Calibration& c, std::string_view name) {
  const Provenance& from = provenance(c, name);
  double value = 0;
  const bool scalar = get_constant(c, name, value);
  return {std::string(name),
          scalar ? constant_text(value) : "table",
          "",
          std::string(orrery::name(from.evidence)) + (from.source.empty() ? "" : ": " + from.source),
          {}};
}

Reason explain_step(const Subject& s, const Report& r) {
  if (r.step == r.makespan) {
    Reason out = makespan_reason(s, r);
    out.name = "step_time";
    return out;
  }
  Reason out{"step_time", seconds(r.step), "makespan x growth at scale", "", {makespan_reason(s, r)}};
  Reason growth{"growth at scale",
                fixed(r.step / r.makespan, 4),
                "1 + jitter x log2(" + std::to_string(r.ranks) + " ranks / jitter_ranks)",
                "",
                {constant(s.calibration, "jitter"), constant(s.calibration, "jitter_ranks")}};
  out.because.push_back(std::move(growth));
  return out;
}

}  // namespace orrery::report
