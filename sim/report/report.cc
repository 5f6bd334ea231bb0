#include "sim/report/report.h"

#include <algorithm>
#include <numeric>

#include "sim/report/memory.h"

namespace orrery {
namespace {

StageReport stage_report(const Subject& s, Tick makespan, std::uint32_t team,
                         std::span<const std::uint32_t> calls) {
  StageReport out;
  const Team& t = s.program.teams[team];
  out.player = busiest_player(s.program, s.timeline, team, calls);
  out.rank = t.players[out.player];
  out.ranks = std::accumulate(t.copies.begin(), t.copies.end(), std::int64_t{0});
  for (const VirtualStage& v : s.program.stages)
    if (v.team == team) out.layers += static_cast<int>(v.layers);
  out.time = breakdown(RankView(s.program, s.timeline, team, out.player, calls), makespan);
  return out;
}

// Average power of all ranks; 0 if a device's is unknown.
Watts average_power(const Subject& s, const Report& r) {
  Watts sum{};
  for (const StageReport& stage : r.stages) {
    const Device& device = node_of(s.cluster, stage.rank).device;
    if (device.power.v <= 0) return {};
    sum += gpu_power(device, r.step.v > 0 ? stage.time.busy / r.step : 0) * static_cast<double>(stage.ranks);
  }
  return sum;
}

// Peak of all ranks by the devices that they are.
FlopsPerSecond total_peak(const Subject& s, const Report& r) {
  FlopsPerSecond sum{};
  for (const StageReport& stage : r.stages)
    sum += dense_peak(node_of(s.cluster, stage.rank).device, s.training.precision.compute) *
           static_cast<double>(stage.ranks);
  return sum;
}

void add_efficiency(const Subject& s, Report& r) {
  const double seconds = to_seconds(r.step).v;
  const FlopsPerSecond peak = total_peak(s, r);
  r.peak = {peak.v / r.ranks};
  const auto of = [&](FlopConvention convention, Flops flops) {
    Efficiency e{convention, {flops.v / seconds / r.ranks}, 0};
    if (peak.v > 0) e.of_peak = e.per_gpu / r.peak;
    return e;
  };
  for (std::size_t i = 0; i < convention_count; ++i) {
    const auto convention = static_cast<FlopConvention>(i);
    r.efficiency[i] =
        of(convention, model_flops(s.model, s.training.global_batch, s.training.sequence, convention));
  }
  r.hardware = of(FlopConvention::hardware_full, executed_flops(s.program));
}

void add_names(const Subject& s, Report& r) {
  r.model = s.model.name;
  r.cluster = s.cluster.name;
  r.device = s.program.teams.empty() ? "" : node_of(s.cluster, s.program.teams[0].players[0]).device.name;
  r.calibration = s.calibration.name;
  r.plan = summary(s.plan);
  r.ranks = s.plan.ranks();
  r.nodes = static_cast<int>(seat(s.cluster, {static_cast<std::uint32_t>(r.ranks) - 1}).node) + 1;
  r.sequence = s.training.sequence;
  r.global_batch = s.training.global_batch;
  r.micro_batches = micro_batches(s.training, s.plan);
  r.peak_of = s.training.precision.compute;
  r.full_recompute = std::all_of(s.plan.layers.begin(), s.plan.layers.end(),
                                 [](const LayerStrategy& l) { return l.recompute == Recompute::full; });
}

}  // namespace

std::size_t Report::fullest() const {
  const auto less = [](const StageReport& a, const StageReport& b) {
    return a.memory.room() < b.memory.room();
  };
  return static_cast<std::size_t>(std::min_element(stages.begin(), stages.end(), less) - stages.begin());
}

FlopsPerSecond dense_peak(const Device& d, DType type) {
  switch (type) {
    case DType::fp8:
      return d.fp8;
    case DType::fp16:
      return d.fp16;
    case DType::fp32:
      return d.tf32.v > 0 ? d.tf32 : d.fp32;
    default:
      return d.bf16;
  }
}

Flops executed_flops(const Program& p) {
  std::vector<double> by_block(p.blocks.size(), 0);
  for (std::size_t b = 0; b < p.blocks.size(); ++b)
    for (std::uint32_t r = 0; r < p.blocks[b].rows; ++r) {
      const Row& row = p.rows[p.blocks[b].first_row + r];
      if (row.kind == Kind::compute) by_block[b] += flops(p.classes[row.cost_class].op).v;
    }
  Flops sum{};
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Team& team = p.team(p.calls[c], 0);
    sum.v += by_block[p.calls[c].block] *
             static_cast<double>(std::accumulate(team.copies.begin(), team.copies.end(), 0u));
  }
  return sum;
}

Tick step_at_scale(Tick makespan, const Calibration& c, int ranks) {
  return makespan + to_ticks(to_seconds(makespan) * (scale_jitter(c, ranks) - 1));
}

Report make_report(const Subject& s, Origin origin) {
  Report r;
  r.origin = std::move(origin);
  add_names(s, r);
  r.makespan = makespan(s.timeline);
  r.step = step_at_scale(r.makespan, s.calibration, r.ranks);
  r.error = s.calibration.held_out.error;
  r.error_runs = s.calibration.held_out.runs;
  const std::vector<std::vector<std::uint32_t>> calls = calls_by_team(s.program);
  for (std::uint32_t team = 0; team < s.program.teams.size(); ++team)
    r.stages.push_back(stage_report(s, r.makespan, team, calls[team]));
  const std::vector<StageMemory> memory = stage_memories(s.program, s.cluster, s.calibration);
  for (std::size_t i = 0; i < memory.size(); ++i) r.stages[i].memory = memory[i];
  const auto less = [](const StageReport& a, const StageReport& b) { return a.time.busy < b.time.busy; };
  r.critical =
      static_cast<std::size_t>(std::max_element(r.stages.begin(), r.stages.end(), less) - r.stages.begin());
  r.where = r.stages[r.critical].time;
  r.where[Category::stragglers] = r.step - r.makespan;
  r.bubble_fraction = r.where[Category::bubble] / r.step;
  r.evidence = evidence_shares(critical_path(s.program, s.prices, s.timeline), s.program, s.calibration);
  r.memory_evidence = memory_evidence(s.calibration);
  r.tokens_per_second = static_cast<double>(r.global_batch * r.sequence) / to_seconds(r.step).v;
  add_efficiency(s, r);
  r.power = average_power(s, r);
  r.goodput = goodput(s.cluster.reliability, r.ranks);
  r.cost =
      run_cost(s.training.tokens, r.tokens_per_second, r.goodput.useful, r.ranks, r.power, s.cluster.prices);
  return r;
}

}  // namespace orrery
