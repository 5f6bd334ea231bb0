#include "sim/report/metrics.h"

#include <algorithm>

namespace orrery {
namespace {

class List {
 public:
  explicit List(const Report& r) : r_(r), evidence_(dominant(r.evidence)) {}

  // A time or what is proportional to it; a rate, which a longer step lowers; anything else.
  void time(std::string name, double v, std::string unit) {
    add(std::move(name), v, std::move(unit), evidence_, v * (1 - r_.error), v * (1 + r_.error));
  }
  void rate(std::string name, double v, std::string unit) {
    add(std::move(name), v, std::move(unit), evidence_, v / (1 + r_.error), v / (1 - r_.error));
  }
  void plain(std::string name, double v, std::string unit, Evidence e) {
    add(std::move(name), v, std::move(unit), e, v, v);
  }
  void share(std::string name, double v) { plain(std::move(name), v, "1", evidence_); }
  void bytes(std::string name, Bytes b) {
    plain(std::move(name), static_cast<double>(b.v), "B", r_.memory_evidence);
  }

  std::vector<Quantified> take() { return std::move(out_); }

 private:
  void add(std::string name, double v, std::string unit, Evidence e, double low, double high) {
    out_.push_back({std::move(name), v, std::move(unit), e, low, high});
  }
  const Report& r_;
  Evidence evidence_;
  std::vector<Quantified> out_;
};

void add_run(const Report& r, List& out) {
  const RunCost& c = r.cost;
  if (r.goodput.modelled) {
    const Goodput& g = r.goodput;
    out.plain("goodput", g.useful, "1", Evidence::assumed);
    if (g.interval.v > 0) out.plain("checkpoint_interval", g.interval.v, "s", Evidence::assumed);
    if (g.best_interval.v > 0)
      out.plain("best_checkpoint_interval", g.best_interval.v, "s", Evidence::assumed);
  }
  if (r.power.v > 0) out.plain("power", r.power.v, "W", Evidence::assumed);
  if (c.tokens <= 0) return;
  out.plain("tokens", c.tokens, "1", Evidence::measured);
  out.time("days", c.duration.v / 86400, "d");
  out.time("gpu_hours", c.gpu_hours, "h");
  if (c.total.v > 0) out.time("cost", c.total.v, "USD");
  if (c.total.v > 0) out.time("cost_per_million_tokens", c.per_million_tokens.v, "USD");
  if (c.energy_kwh > 0) out.plain("energy", c.energy_kwh, "kWh", Evidence::assumed);
  if (c.energy.v > 0) out.plain("energy_cost", c.energy.v, "USD", Evidence::assumed);
}

void add_breakdown(const std::string& prefix, const Breakdown& b, List& out) {
  for (std::size_t i = 0; i < category_count; ++i)
    out.time(prefix + std::string(key(static_cast<Category>(i))), to_seconds(b.time[i]).v, "s");
}

void add_stage(const std::string& prefix, const Report& r, const StageReport& s, List& out) {
  out.time(prefix + "busy", to_seconds(s.time.busy).v, "s");
  out.time(prefix + "idle", to_seconds(r.makespan - s.time.busy).v, "s");
  add_breakdown(prefix + "where.", s.time, out);
  for (std::size_t c = 0; c < component_count; ++c)
    out.bytes(prefix + "memory." + std::string(name(static_cast<Component>(c))), s.memory.at_peak[c]);
  out.bytes(prefix + "memory.constants", s.memory.constants);
  out.bytes(prefix + "memory.peak", s.memory.peak);
  out.bytes(prefix + "memory.limit", s.memory.limit);
}

}  // namespace

std::vector<Quantified> metrics(const Report& r) {
  List out(r);
  out.time("step_time", to_seconds(r.step).v, "s");
  out.time("makespan", to_seconds(r.makespan).v, "s");
  out.rate("tokens_per_second", r.tokens_per_second, "tokens/s");
  out.rate("tokens_per_second_per_gpu", r.tokens_per_second_per_gpu(), "tokens/s");
  for (const Efficiency& e : r.efficiency) {
    if (e.convention == FlopConvention::hardware_full && !r.full_recompute) continue;
    const std::string convention(name(e.convention));
    out.rate("flops_per_gpu." + convention, e.per_gpu.v, "FLOP/s");
    if (e.of_peak > 0) out.rate("mfu." + convention, e.of_peak, "1");
  }
  out.rate("flops_per_gpu.executed", r.hardware.per_gpu.v, "FLOP/s");
  if (r.hardware.of_peak > 0) out.rate("hfu", r.hardware.of_peak, "1");
  out.share("bubble_fraction", r.bubble_fraction);
  if (!r.stages.empty()) out.bytes("peak_memory", r.stages[r.fullest()].memory.peak);
  add_run(r, out);
  add_breakdown("where.", r.where, out);
  for (std::size_t s = 0; s < r.stages.size(); ++s)
    add_stage("stages." + std::to_string(s) + ".", r, r.stages[s], out);
  return out.take();
}

}  // namespace orrery
