#include "sim/report/explain.h"

#include <algorithm>
#include <array>

#include "sim/base/error.h"
#include "sim/base/units.h"
#include "sim/report/explain_parts.h"
#include "sim/report/format.h"
#include "sim/report/tables.h"

namespace orrery {
namespace report {
namespace {

std::string per_second(double v) { return text_count(v) + " tokens/s"; }

// Without what it rests on: explained in full under its own name.
Reason leaf(Reason r, std::string_view see) {
  r.because.clear();
  r.source = "see " + std::string(see);
  return r;
}

}  // namespace

Reason explain_tokens_per_second(const Subject& s, const Report& r) {
  return {"tokens_per_second",
          per_second(r.tokens_per_second),
          grouped(r.global_batch) + " sequences x " + grouped(r.sequence) + " tokens / step_time",
          "",
          {explain_step(s, r)}};
}

Reason explain_mfu(const Subject& s, const Report& r) {
  const Efficiency& e = r.efficiency[static_cast<std::size_t>(FlopConvention::megatron)];
  Reason out{"mfu",
             e.of_peak > 0 ? percent(e.of_peak) : "unknown: no peak is given",
             "FLOPs of the model / step_time / " + grouped(r.ranks) + " ranks / peak",
             std::string(title(e.convention)),
             {}};
  for (const Efficiency& other : r.efficiency) {
    const Flops flops = model_flops(s.model, s.training.global_batch, s.training.sequence, other.convention);
    out.because.push_back({"FLOPs of a step, " + std::string(name(other.convention)),
                           fixed(flops.v / 1e15, 3) + " PFLOP",
                           other.of_peak > 0 ? "gives " + percent(other.of_peak) : "",
                           std::string(title(other.convention)),
                           {}});
  }
  out.because.push_back({"FLOPs that the plan executes",
                         fixed(executed_flops(s.program).v / 1e15, 3) + " PFLOP",
                         r.hardware.of_peak > 0 ? "gives a HFU of " + percent(r.hardware.of_peak) : "",
                         "matrix products and attention of all instructions",
                         {}});
  const Device& device = node_of(s.cluster, r.stages[r.critical].rank).device;
  out.because.push_back({"peak",
                         orrery::text(r.peak),
                         "dense " + std::string(name(r.peak_of)) + " of " + device.name,
                         device.source,
                         {}});
  out.because.push_back(leaf(explain_step(s, r), "step_time"));
  return out;
}

Reason explain_cost(const Subject& s, const Report& r) {
  const RunCost& c = r.cost;
  if (c.tokens <= 0) return {"cost", "unknown", "the scenario asks for no tokens (/training/tokens)", "", {}};
  Reason hours{"GPU-hours",
               text_count(c.gpu_hours),
               grouped(r.ranks) + " ranks x " + fixed(c.duration.v / 3600, 1) + " h",
               "",
               {}};
  Reason duration{
      "duration", fixed(c.duration.v / 86400, 2) + " days", "tokens / (tokens_per_second x goodput)", "", {}};
  duration.because = {{"tokens", text_count(c.tokens), "", "the scenario", {}},
                      leaf(explain_tokens_per_second(s, r), "tokens_per_second")};
  const Reliability& rel = s.cluster.reliability;
  Reason good{"goodput",
              percent(r.goodput.useful),
              r.goodput.modelled ? "1 / (exp(R/M) M (exp((t + d)/M) - 1) / t)"
                                 : "failures and checkpoints are not given",
              "",
              {}};
  if (r.goodput.modelled)
    good.because = {{"M, time between failures",
                     orrery::text(r.goodput.mtbf),
                     orrery::text(rel.mtbf_per_gpu) + " a GPU / " + grouped(r.ranks) + " ranks",
                     "the cluster",
                     {}},
                    {"t, between checkpoints",
                     orrery::text(r.goodput.interval),
                     r.goodput.interval_given ? "" : "Daly 2006",
                     r.goodput.interval_given ? "the cluster" : "best for d and M",
                     {}},
                    {"d, stall of a checkpoint", orrery::text(rel.checkpoint_write), "", "the cluster", {}},
                    {"R, restart", orrery::text(rel.restart), "", "the cluster", {}}};
  duration.because.push_back(std::move(good));
  hours.because.push_back(std::move(duration));
  const double price = s.cluster.prices.gpu_hour;
  Reason out{
      "cost", c.total.v > 0 ? dollars(c.total.v) : "unknown", "GPU-hours x price", "", {std::move(hours)}};
  out.because.push_back(
      {"price", price > 0 ? dollars(price) + " a GPU-hour" : "not given", "", "the cluster", {}});
  return out;
}

}  // namespace report

namespace {

struct Entry {
  std::string_view metric;
  Reason (*explain)(const Subject&, const Report&);
};
constexpr std::array<Entry, 5> entries{{{"step_time", report::explain_step},
                                        {"memory", report::explain_memory},
                                        {"mfu", report::explain_mfu},
                                        {"tokens_per_second", report::explain_tokens_per_second},
                                        {"cost", report::explain_cost}}};
constexpr std::array<std::string_view, 5> names{entries[0].metric, entries[1].metric, entries[2].metric,
                                                entries[3].metric, entries[4].metric};

void append(const Reason& r, const std::string& indent, const std::string& below, int depth,
            std::string& out) {
  out += indent + r.name + " = " + r.value;
  if (!r.formula.empty()) out += "   " + r.formula;
  if (!r.source.empty()) out += "   [" + r.source + "]";
  out += "\n";
  if (depth == 0) return;
  for (std::size_t i = 0; i < r.because.size(); ++i) {
    const bool last = i + 1 == r.because.size();
    append(r.because[i], below + (last ? "└ " : "├ "), below + (last ? "  " : "│ "), depth - 1, out);
  }
}

}  // namespace

std::span<const std::string_view> explained_metrics() { return names; }

Reason explain(const Subject& s, const Report& r, std::string_view metric) {
  const auto entry =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.metric == metric; });
  ORRERY_CHECK(entry != entries.end());
  return entry->explain(s, r);
}

std::string text(const Reason& r, int depth) {
  std::string out;
  append(r, "", "", depth, out);
  return out;
}

Json to_json(const Reason& r) {
  Json out = Json::object();
  out.set("name", r.name).set("value", r.value);
  if (!r.formula.empty()) out.set("formula", r.formula);
  if (!r.source.empty()) out.set("source", r.source);
  if (r.because.empty()) return out;
  Json because = Json::array();
  for (const Reason& b : r.because) because.push(to_json(b));
  return out.set("because", std::move(because));
}

}  // namespace orrery
