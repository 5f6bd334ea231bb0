#include "tests/runtime/play/plans.h"

#include <set>

#include "runtime/play/compute.h"
#include "sim/base/hash.h"
#include "sim/plan/read.h"

namespace orrery::testing {
namespace {

constexpr int depth = 6;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(mix(seed)) {}
  int below(int n) { return static_cast<int>((state_ = mix(state_)) % static_cast<std::uint64_t>(n)); }
  bool coin() { return below(2) == 1; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int>(values.size()))];
  }

 private:
  std::uint64_t state_;
};

// Six layers over `stages`, the first and the last of which may be empty.
std::vector<int> cut(Dice& dice, int stages) {
  std::vector<int> out(static_cast<std::size_t>(stages), 0);
  int left = depth;
  for (std::size_t s = 1; s + 1 < out.size(); ++s, --left) out[s] = 1;
  for (; left > 0; --left) ++out[static_cast<std::size_t>(dice.below(stages))];
  return out;
}

LayerStrategy strategy(Dice& dice) {
  return {static_cast<Zero>(dice.below(4)), static_cast<Recompute>(dice.below(3)), dice.below(4) != 0};
}

Plan drawn(Dice& dice) {
  Plan p;
  p.tp = dice.one_of({1, 2, 4, 8});
  p.pp = dice.one_of({1, 1, 2, 3, 4});
  p.dp = dice.one_of({1, 2, 4, 8});
  p.virtual_stages = p.pp > 1 ? dice.one_of({1, 1, 2}) : 1;
  if (p.pp == 2) p.virtual_stages = dice.below(3) + 1;
  p.schedule = p.virtual_stages > 1 ? Schedule::interleaved
               : dice.coin()        ? Schedule::gpipe
                                    : Schedule::one_f_one_b;
  p.micro_batch = dice.below(2) + 1;
  p.sequence_parallel = p.tp > 1 && dice.coin();
  if (const int stages = p.pp * p.virtual_stages; stages > 1 && (stages > depth || dice.coin()))
    p.stage_layers = cut(dice, stages);
  p.layers.assign(dice.coin() ? 1 : depth, {});
  for (LayerStrategy& s : p.layers) s = strategy(dice);
  p.attention = dice.coin() ? AttentionKernel::fused : AttentionKernel::unfused;
  p.tensor_overlap = static_cast<TensorOverlap>(dice.below(3));
  p.overlap_gradients = dice.coin();
  p.overlap_parameters = dice.coin();
  p.bucket_parameters = dice.one_of({1, 15'000, 40'000'000});
  p.prefetch = dice.below(3);
  p.receive_ahead = dice.below(2);
  p.send_slots = dice.below(3) + 1;
  p.scatter_gather = dice.coin();
  p.early_stop = dice.coin();
  return p;
}

}  // namespace

const std::vector<Model>& drawn_models() {
  static const std::vector<Model> models = [] {
    std::vector<Model> out{gpt(depth, 32, 8, 96, 16), gpt(depth, 32, 8, 96, 16),
                           llama(depth, 32, 8, 8, 64, 96), llama(depth, 32, 8, 4, 64, 96)};
    out[1].tied = false;
    return out;
  }();
  return models;
}

std::vector<Draw> drawn_plans(std::size_t count, std::uint64_t seed) {
  std::vector<Draw> out;
  std::set<std::string> seen;
  Dice dice(seed);
  while (out.size() < count) {
    const auto which = static_cast<std::size_t>(dice.below(static_cast<int>(drawn_models().size())));
    Draw d{&drawn_models()[which], training(16, 8), drawn(dice), ""};
    d.training.precision = {DType::fp32, DType::fp32, DType::fp32, false};
    if (d.plan.ranks() > 8 || violation(*d.model, cluster(d.plan.ranks(), 8), d.training, d.plan) ||
        not_executable(*d.model, d.training, d.plan))
      continue;
    d.name = d.model->name + (d.model->tied ? " tied, " : " ") +
             std::to_string(d.model->kinds.front().attention.kv_heads) + " key/value heads, plan " +
             write_plan(d.plan).dump(false);
    if (seen.insert(d.name).second) out.push_back(std::move(d));
  }
  return out;
}

Plan one_rank(const Training& training) {
  Plan one;
  one.micro_batch = training.global_batch;
  one.attention = AttentionKernel::unfused;
  return one;
}

}  // namespace orrery::testing
