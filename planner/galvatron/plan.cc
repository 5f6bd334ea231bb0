#include "planner/galvatron/plan.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace orrery::galvatron {
namespace {

// Of a micro-batch in a layer; keeps sums over layers and micro-batches within a Tick.
constexpr double longest = 100;

Tick ticks(double seconds) {
  if (!(seconds >= 0 && seconds <= longest))
    fail({"profile", "", 0}, "times that make a layer take 0 to 100 s of a micro-batch",
         std::to_string(seconds) + " s");
  return to_ticks({seconds});
}

}  // namespace

StageTime layer_time(const CostModel& model, const Division& division, const Strategy& strategy) {
  const Cost cost = model.layer(division, strategy, 0);
  return {ticks(cost.plain), ticks(cost.synchronised)};
}

Tick beside_time(const CostModel& model, const Division& division, const Strategy& strategy, int stage) {
  return ticks(model.beside(division, strategy, stage).plain);
}

std::int64_t memory_of(const Cost& cost) {
  return static_cast<std::int64_t>(std::ceil(cost.states + cost.activation));
}

std::vector<int> even_cuts(int layers, int stages) {
  std::vector<int> cuts(static_cast<std::size_t>(stages), layers / stages);
  cuts.back() += layers % stages;
  return cuts;
}

int buffered_split(const Plan& plan) {
  int widest = plan.beside.split();
  bool tensor = plan.beside.tp > 1;
  for (const Strategy& s : plan.layers) {
    widest = std::max(widest, s.split());
    tensor = tensor || s.tp > 1;
  }
  return tensor ? widest : 0;
}

bool counts_every_sequence(const Plan& plan) {
  const Division& d = plan.division;
  const auto whole = [&](const Strategy& s) { return d.batch % (d.micro_batches * s.dp) == 0; };
  return whole(plan.beside) && std::all_of(plan.layers.begin(), plan.layers.end(), whole);
}

Price price(const CostModel& model, const Plan& plan) {
  const Division& d = plan.division;
  const int split = buffered_split(plan);
  const std::int64_t buffer = split ? model.gather_buffer(d, split) : 0;
  Price out;
  std::size_t at = 0;
  for (int stage = 0; stage < d.stages; ++stage) {
    StageTime time{beside_time(model, d, plan.beside, stage), {}};
    std::int64_t memory = memory_of(model.beside(d, plan.beside, stage)) + buffer;
    for (int i = 0; i < plan.cuts[static_cast<std::size_t>(stage)]; ++i, ++at) {
      const StageTime layer = layer_time(model, d, plan.layers[at]);
      time.plain += layer.plain;
      time.synchronised += layer.synchronised;
      memory += memory_of(model.layer(d, plan.layers[at], stage));
    }
    out.stages.push_back(time);
    out.memory.push_back(memory);
  }
  out.step = step_time(out.stages, d.micro_batches, Bottleneck::ends);
  out.step_seen = step_time(out.stages, d.micro_batches, Bottleneck::every_stage);
  return out;
}

}  // namespace orrery::galvatron
