#include "planner/galvatron/frame.h"

#include <algorithm>
#include <cmath>

namespace orrery::galvatron {
namespace {

// Of the GPUs of a stage, by powers of two, one of tensor and Ulysses parallelism at most; Galvatron's space
// without context parallelism, which its model doesn't price.
std::vector<Strategy> strategies(int gpus, std::int64_t most_replicas, int widest, bool tensor) {
  std::vector<Strategy> out;
  for (int split = 1; split <= std::min(gpus, widest); split *= 2)
    for (const bool ulysses : {false, true}) {
      Strategy s{.tp = ulysses ? 1 : split, .sp = ulysses ? split : 1, .dp = gpus / split};
      if ((split == 1 && ulysses) || (s.tp > 1 && !tensor) || s.dp > most_replicas) continue;
      for (const Sharding sharding : {Sharding::ddp, Sharding::zero2, Sharding::zero3}) {
        if ((s.dp == 1) != (sharding == Sharding::ddp)) continue;
        s.sharding = sharding;
        out.push_back(s);
      }
    }
  return out;
}

// Heavier savers first, as Galvatron's own plans have them.
bool listed_before(const Strategy& a, const Strategy& b) {
  return std::tuple(b.recompute, b.sharding, b.tp, b.sp) < std::tuple(a.recompute, a.sharding, a.tp, a.sp);
}

}  // namespace

Frame::Frame(const CostModel& model, const Division& division, int widest, const Options& options)
    : division_(division),
      total_layers_(model.profile().layers),
      options_(options),
      cuts_(even_cuts(model.profile().layers, division.stages)) {
  const int gpus = model.profile().gpus() / division.stages;
  const std::int64_t micro_batch = division.batch / division.micro_batches;
  const std::int64_t buffer = widest ? model.gather_buffer(division, widest) : 0;
  for (Strategy s : strategies(gpus, micro_batch, widest ? widest : gpus, widest > 0)) {
    if (options.whole_batches && micro_batch % s.dp != 0) continue;
    if (model.knows_beside(s, division.stages)) {
      Beside beside{s, {}, {}};
      for (int i = 0; i < division.stages; ++i) {
        beside.time.push_back(beside_time(model, division, s, i).v);
        beside.room.push_back(usable(options.memory) - memory_of(model.beside(division, s, i)) - buffer);
      }
      besides_.push_back(std::move(beside));
    }
    if (!model.knows_layer(s)) continue;
    for (const bool recompute : {false, true}) {
      s.recompute = recompute;
      layers_.push_back(s);
    }
  }
  for (int i = 0; i < division.stages && !empty(); ++i) add_stage(model, i);
}

void Frame::add_stage(const CostModel& model, int stage) {
  std::vector<Choice> choices;
  for (std::size_t s = 0; s < layers_.size(); ++s) {
    const StageTime time = layer_time(model, division_, layers_[s]);
    const std::int64_t memory = memory_of(model.layer(division_, layers_[s], stage));
    choices.push_back({static_cast<int>(s), memory, time.plain.v, time.synchronised.v});
    least_plain_ = std::min(least_plain_, time.plain.v);
  }
  const std::size_t undominated = dominated_last(choices);
  const auto useful = std::span<const Choice>(choices).first(undominated);
  Stage out{{}, undominated, {useful, &Choice::plain}, {useful, &Choice::synchronised}, -never, never};
  for (const Beside& b : besides_) {
    out.room = std::max(out.room, b.room[static_cast<std::size_t>(stage)]);
    out.least_beside = std::min(out.least_beside, b.time[static_cast<std::size_t>(stage)]);
  }
  out.choices = std::move(choices);
  stages_.push_back(std::move(out));
}

int Frame::most_layers(int stage) const {
  return options_.cuts == Cuts::even ? cuts_[static_cast<std::size_t>(stage)]
                                     : total_layers_ - division_.stages + 1;
}

int Frame::least_layers(int stage) const {
  return options_.cuts == Cuts::even ? cuts_[static_cast<std::size_t>(stage)] : 1;
}

// Strategies to the power of layers, times the cuts: C(layers - 1, stages - 1).
double Frame::log10_plans() const {
  double out = total_layers_ * std::log10(static_cast<double>(layers_.size()));
  if (options_.cuts == Cuts::any)
    for (int i = 1; i < division_.stages; ++i) out += std::log10(static_cast<double>(total_layers_ - i) / i);
  return out;
}

std::int64_t Frame::quick_bound(std::size_t beside) const {
  const Beside& b = besides_[beside];
  std::vector<StageTime> stages;
  std::int64_t sum = 0;
  for (int i = 0; i < division_.stages; ++i) {
    const std::int64_t plain =
        least_plain_ * cuts_[static_cast<std::size_t>(i)] + b.time[static_cast<std::size_t>(i)];
    stages.push_back({Tick{plain}, {}});
    sum += plain;
  }
  if (options_.cuts == Cuts::even) return step_time(stages, division_.micro_batches, Bottleneck::ends).v;
  return sum + (division_.micro_batches - 1) * (sum / division_.stages);
}

Pipeline Frame::relaxed(const Beside& beside) const {
  Pipeline out{total_layers_, division_.micro_batches, bottleneck(options_.cuts), {}};
  for (int i = 0; i < division_.stages; ++i) {
    const auto at = static_cast<std::size_t>(i);
    auto& by_layers = out.options.emplace_back(static_cast<std::size_t>(most_layers(i)) + 1);
    for (int n = least_layers(i); n <= most_layers(i); ++n) {
      const std::int64_t plain = stages_[at].plain.bound(n, beside.room[at]);
      if (plain >= never) break;
      by_layers[static_cast<std::size_t>(n)].push_back(
          {plain + beside.time[at], stages_[at].synchronised.bound(n, beside.room[at]), {}});
    }
  }
  return out;
}

Frame::Relaxed Frame::relax(std::size_t beside) const {
  const Beside& b = besides_[beside];
  const Best best = best_pipeline(relaxed(b), never, false, options_.most);
  if (best.stages.empty()) return {};
  std::vector<std::vector<int>> counts;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    counts.emplace_back(stages_[i].choices.size(), 0);
    for (const int choice : stages_[i].plain.rounded(best.stages[i].first, b.room[i]))
      ++counts[i][static_cast<std::size_t>(choice)];
  }
  return {best.bound, plan_of(b, counts)};
}

// The bound of any plan in which `stage` holds these layers, for cuts that are known with those still to
// come.
bool Frame::hopeless(const Mixture& m, int layers, int stage, std::int64_t incumbent) const {
  const auto at = static_cast<std::size_t>(stage);
  const std::int64_t c = division_.micro_batches;
  const bool even = options_.cuts == Cuts::even;
  const int missing = even ? cuts_[at] - layers : 0;
  const std::int64_t room = stages_[at].room - m.memory;
  const std::int64_t more = stages_[at].plain.bound(missing, room);
  if (more >= never) return true;
  const std::int64_t plain = m.plain + more + stages_[at].least_beside;
  const std::int64_t synchronised = m.synchronised + stages_[at].synchronised.bound(missing, room);
  std::int64_t others = least_plain_ * (total_layers_ - layers - missing), behind = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (i == at) continue;
    others += stages_[i].least_beside;
    if (i > at) behind += stages_[i].least_beside + (even ? least_plain_ * cuts_[i] : 0);
  }
  const bool waited_for = !even || stage == division_.stages - 1;
  std::int64_t bound = std::max(others + plain, behind + synchronised) + (waited_for ? (c - 1) * plain : 0);
  if (even && stage == 0) bound = std::max(bound, (c - 1) * plain + std::max(plain, synchronised));
  return bound >= incumbent;
}

std::vector<Fronts> Frame::fronts(std::int64_t incumbent, bool same_plain) const {
  std::vector<Fronts> out;
  for (int i = 0; i < division_.stages; ++i) {
    const Stage& stage = stages_[static_cast<std::size_t>(i)];
    const bool all = same_plain && i > 0;  // the first stage never gains by being slower
    out.emplace_back(std::span(stage.choices).first(all ? stage.choices.size() : stage.undominated),
                     most_layers(i), Keep{stage.room, all, options_.most},
                     [&](const Mixture& m, int layers) { return hopeless(m, layers, i, incumbent); });
  }
  return out;
}

Pipeline Frame::exact(const Beside& beside, const std::vector<Fronts>& fronts, bool same_plain) const {
  Pipeline out{total_layers_, division_.micro_batches, bottleneck(options_.cuts), {}};
  for (int i = 0; i < division_.stages; ++i) {
    const auto at = static_cast<std::size_t>(i);
    auto& by_layers = out.options.emplace_back(static_cast<std::size_t>(most_layers(i)) + 1);
    for (int n = least_layers(i); n <= most_layers(i); ++n) {
      std::vector<Option>& options = by_layers[static_cast<std::size_t>(n)];
      for (const Mixture& m : fronts[at].of(n))
        if (m.memory <= beside.room[at]) options.push_back({m.plain + beside.time[at], m.synchronised, m});
      keep_best(options, same_plain && i > 0);
    }
  }
  return out;
}

Frame::Solved Frame::solve(std::size_t beside, std::int64_t incumbent) {
  const Beside& b = besides_[beside];
  Solved out;
  if (!fronts_) fronts_ = fronts(incumbent, false);
  Best best = best_pipeline(exact(b, *fronts_, false), incumbent, false, options_.most);
  const auto take = [&](const std::vector<Fronts>& fronts) {
    for (const Fronts& f : fronts) {
      out.complete = out.complete && f.complete();
      out.mixtures += f.size();
    }
    out.complete = out.complete && best.complete;
    if (best.step >= incumbent) return;
    incumbent = best.step;
    std::vector<std::vector<int>> counts;
    for (std::size_t i = 0; i < best.stages.size(); ++i)
      counts.push_back(fronts[i].counts(best.stages[i].second.mixture));
    out.plan = plan_of(b, counts);
  };
  take(*fronts_);
  out.bound = best.bound;
  if (!out.complete || best.bound >= incumbent) return out;
  const std::vector<Fronts> all = fronts(incumbent, true);
  best = best_pipeline(exact(b, all, true), incumbent, true, options_.most);
  take(all);
  if (out.complete) out.bound = std::min(incumbent, best.step);
  return out;
}

Plan Frame::plan_of(const Beside& beside, const std::vector<std::vector<int>>& counts) const {
  Plan plan{division_, beside.strategy, {}, {}};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::vector<Strategy> stage;
    for (std::size_t k = 0; k < counts[i].size(); ++k)
      stage.insert(stage.end(), static_cast<std::size_t>(counts[i][k]),
                   layers_[static_cast<std::size_t>(stages_[i].choices[k].strategy)]);
    std::sort(stage.begin(), stage.end(), listed_before);
    plan.cuts.push_back(static_cast<int>(stage.size()));
    plan.layers.insert(plan.layers.end(), stage.begin(), stage.end());
  }
  return plan;
}

}  // namespace orrery::galvatron
