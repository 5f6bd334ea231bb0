#include "sim/report/tables.h"

#include <algorithm>

#include "sim/base/units.h"
#include "sim/report/format.h"

namespace orrery::report {
namespace {

std::string seconds(Tick t) { return orrery::text(to_seconds(t)); }
std::string teraflops(FlopsPerSecond r) { return fixed(r.v / 1e12, 1); }
std::string share(Tick part, Tick whole) { return percent(whole.v > 0 ? part / whole : 0); }

// Appends one row a stage; neighbours whose cells after the first are equal share a row ("1-6").
class StageRows {
 public:
  explicit StageRows(std::vector<std::string> heading) : cells_{std::move(heading)} {}
  void add(std::size_t stage, std::vector<std::string> row) {
    if (!last_.empty() && row == last_) {
      cells_.back()[0] = std::to_string(first_) + "-" + std::to_string(stage);
      return;
    }
    first_ = stage;
    last_ = row;
    row.insert(row.begin(), std::to_string(stage));
    cells_.push_back(std::move(row));
  }
  Cells take() { return std::move(cells_); }

 private:
  Cells cells_;
  std::size_t first_ = 0;
  std::vector<std::string> last_;
};

Bytes at(const StageMemory& m, Component c) { return m.at_peak[static_cast<std::size_t>(c)]; }

}  // namespace

std::string headline(const Report& r) {
  std::string out = r.model + " on " + grouped(r.ranks) + " x " + r.device + ", " + grouped(r.nodes);
  return out + (r.nodes == 1 ? " node" : " nodes");
}

std::string speed_line(const Report& r) {
  const Efficiency& e = r.efficiency[static_cast<std::size_t>(FlopConvention::megatron)];
  std::string out = seconds(r.step);
  if (r.error > 0) out += " +-" + percent(r.error);
  out += "   " + text_count(r.tokens_per_second) + " tokens/s   " +
         text_count(r.tokens_per_second_per_gpu()) + " tokens/s/GPU   " + teraflops(e.per_gpu) +
         " TFLOP/s/GPU";
  if (e.of_peak > 0) out += "   MFU " + percent(e.of_peak);
  return out;
}

std::string memory_line(const Report& r) {
  const std::size_t s = r.fullest();
  const StageMemory& m = r.stages[s].memory;
  const std::string head = m.room().v >= 0 ? "fits: " : "does NOT fit: ";
  const std::string room = gibibytes(m.room().v >= 0 ? m.room().v : -m.room().v);
  return head + "stage " + std::to_string(s) + " needs " + gibibytes(m.peak.v) + " of " +
         gibibytes(m.limit.v) + " GiB, " + room + (m.room().v >= 0 ? " GiB free" : " GiB short");
}

std::string evidence_line(const Report& r) { return evidence_text(r.evidence) + " of the critical path"; }

std::string error_line(const Report& r) {
  if (r.error_runs == 0) return "not known: no held-out runs are stated for this calibration";
  const double step = to_seconds(r.step).v;
  return "9 of 10 of " + grouped(r.error_runs) + " held-out runs were within " + percent(r.error) +
         " of their prediction (" + orrery::text(Seconds{step * (1 - r.error)}) + " to " +
         orrery::text(Seconds{step * (1 + r.error)}) + ")";
}

std::vector<std::string> goodput_lines(const Report& r) {
  const Goodput& g = r.goodput;
  if (!g.modelled) return {};
  std::vector<std::string> out{percent(g.useful) + " of the time is useful: " + percent(g.checkpoints) +
                               " goes to checkpoints, " + percent(g.failures) + " to failures"};
  if (g.interval.v <= 0) return out;
  out.push_back("a checkpoint every " + orrery::text(g.interval));
  if (g.interval_given && g.best_interval.v > 0)
    out.back() += "; best would be every " + orrery::text(g.best_interval) + ", with " +
                  percent(g.useful_best) + " useful";
  return out;
}

std::vector<std::string> cost_lines(const Report& r) {
  const RunCost& c = r.cost;
  if (c.tokens <= 0) return {};
  std::vector<std::string> out{text_count(c.tokens) + " tokens: " + fixed(c.duration.v / 86400, 1) +
                               " days, " + text_count(c.gpu_hours) + " GPU-hours"};
  if (c.total.v > 0)
    out[0] += ", " + dollars(c.total.v) + " (" + dollars(c.per_million_tokens.v) + " per 1 M tokens)";
  if (c.energy_kwh > 0) {
    std::string energy = "energy " + fixed(c.energy_kwh / 1000, c.energy_kwh < 1e6 ? 1 : 0) +
                         " MWh, average " + fixed(r.power.v / 1000, 0) + " kW without cooling";
    if (c.energy.v > 0) energy += ", " + dollars(c.energy.v) + " (part of the GPU price)";
    out.push_back(energy);
  }
  return out;
}

std::vector<Part> parts(const Breakdown& b) {
  const std::vector<int> t = tenths_of_percent({b.time.begin(), b.time.end()});
  std::vector<Part> out;
  for (std::size_t i = 0; i < category_count; ++i)
    if (b.time[i].v > 0) out.push_back({static_cast<Category>(i), b.time[i], t[i]});
  return out;
}

Cells communication_table(const Report& r) {
  Cells out{{"communication", "transfers", "exposed", "of the step"}};
  for (auto c = Category::tensor; c <= Category::pipeline;
       c = static_cast<Category>(static_cast<int>(c) + 1)) {
    const Tick all = r.where.communication[static_cast<std::size_t>(c)];
    if (all.v == 0) continue;
    constexpr std::string_view names[] = {"tensor", "context", "expert", "data", "pipeline"};
    out.push_back(
        {std::string(names[static_cast<std::size_t>(c) - static_cast<std::size_t>(Category::tensor)]),
         seconds(all), seconds(r.where[c]), share(r.where[c], r.step)});
  }
  return out;
}

Cells memory_table(const Report& r) {
  StageRows rows({"stage", "weights", "grads", "optim", "activ", "buffers", "fixed", "peak", "free"});
  for (std::size_t s = 0; s < r.stages.size(); ++s) {
    const StageMemory& m = r.stages[s].memory;
    const Bytes buffers = at(m, Component::gathered) + at(m, Component::logits) +
                          at(m, Component::workspace) + at(m, Component::messages);
    const auto gib = [](Bytes b) { return gibibytes(b.v); };
    rows.add(s, {gib(at(m, Component::weights)), gib(at(m, Component::gradients)),
                 gib(at(m, Component::optimizer)), gib(at(m, Component::activations)), gib(buffers),
                 gib(m.constants), gib(m.peak), gib(m.room()),
                 bar(m.limit.v > 0 ? m.peak / m.limit : 0, 20, "░")});
  }
  return rows.take();
}

Cells stage_table(const Report& r) {
  StageRows rows({"stage", "layers", "busy", "", "exposed comm", "bubble", "other"});
  for (std::size_t s = 0; s < r.stages.size(); ++s) {
    const Breakdown& b = r.stages[s].time;
    Tick exposed{};
    for (auto c = Category::tensor; c <= Category::pipeline;
         c = static_cast<Category>(static_cast<int>(c) + 1))
      exposed += b[c];
    const Tick other = r.makespan - b.busy - exposed - b[Category::bubble];
    rows.add(s,
             {std::to_string(r.stages[s].layers), seconds(b.busy), share(b.busy, r.makespan),
              share(exposed, r.makespan), share(b[Category::bubble], r.makespan), share(other, r.makespan)});
  }
  return rows.take();
}

std::string_view title(FlopConvention c) {
  constexpr std::string_view titles[] = {
      "MFU, whole attention square (Korthikanti et al. 2022)", "MFU, half the square (Megatron-LM today)",
      "MFU, 6N + 12Lads a token (PaLM)", "HFU by formula, full recompute (Narayanan et al. 2021)"};
  return titles[static_cast<std::size_t>(c)];
}

Cells efficiency_table(const Report& r) {
  Cells out{{"convention", "TFLOP/s/GPU", "of peak"}};
  const auto add = [&](std::string_view what, const Efficiency& e) {
    out.push_back({std::string(what), teraflops(e.per_gpu), e.of_peak > 0 ? percent(e.of_peak) : "-"});
  };
  for (const Efficiency& e : r.efficiency)
    if (e.convention != FlopConvention::hardware_full || r.full_recompute) add(title(e.convention), e);
  add("HFU, what this plan executes", r.hardware);
  return out;
}

}  // namespace orrery::report
