// Galvatron's cost model (version 3.0, layer_cost.py, embedding_lmhead_cost.py and cost_model_handler.py of
// PKU-DAIR/Hetu-Galvatron), reimplemented from its formulas: one-forward-one-backward, mixed precision,
// gradients reduced asynchronously. It is here to compare with, quirks included; Orrery's own prices are in
// sim/cost.
//
// For a global batch of B sequences in c micro-batches, a layer split t ways by tensor or u by Ulysses
// parallelism, g = max(t, u), k by context and d by data, D = d u k, b = floor(floor(B / c) / d) sequences:
//   forward F = line(b / g), backward K = 2 F, or 3 F recomputed; gradients C = (D-1)/D P/t / bandwidth(D);
//   K and C together: max(K, C) + (o - 1) min(K, C); 6 all-gathers or 4 all-to-alls of b s h 2 bytes, half as
//   many again recomputed; ZeRO-3: C / 2 more; messages of a p-stage pipeline: 2 p b s h 2 bytes / bandwidth
//   / layers.
#pragma once
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "planner/galvatron/profile.h"
#include "sim/base/quantity.h"

namespace orrery::galvatron {

// Ordered by how much they shard; ddp only where there is one data-parallel rank.
enum class Sharding : std::uint8_t { ddp, zero2, zero3 };

struct Strategy {
  int tp = 1, sp = 1, cp = 1, dp = 1;  // at most one of tp and sp (Ulysses) is above 1
  Sharding sharding = Sharding::ddp;
  bool recompute = false;  // of layers only

  int split() const { return tp > sp ? tp : sp; }
  int shards() const { return dp * sp * cp; }
  auto operator<=>(const Strategy&) const = default;
};

// How a step is divided; micro_batches >= stages.
struct Division {
  std::int64_t batch = 0, micro_batches = 1;  // sequences of the step
  int stages = 1;
  bool operator==(const Division&) const = default;
};

// Of one layer, or of what is beside the layers on one stage.
struct Cost {
  double synchronised = 0, plain = 0;  // s of a micro-batch, with and without reducing gradients
  double states = 0, activation = 0;   // MB
};

class CostModel {
 public:
  // `profile` must outlive the model.
  explicit CostModel(const Profile& profile) : profile_(profile) {}
  const Profile& profile() const { return profile_; }

  // Whether the profile has what a layer, or what is beside the layers, needs of this strategy.
  bool knows_layer(const Strategy&) const;
  bool knows_beside(const Strategy&, int stages) const;

  // Require what they need to be known.
  Cost layer(const Division&, const Strategy&, int stage) const;
  Cost beside(const Division&, const Strategy&, int stage) const;
  // MB that Megatron's sequence parallelism gathers into, for the widest split of a plan.
  std::int64_t gather_buffer(const Division&, int widest) const;

 private:
  const Profile& profile_;
  double message(double sequences) const;       // MB of activations
  double gradient_rate(const Strategy&) const;  // ms/MB of an all-reduce
  double all_gather(const Division&, const Strategy&) const;
};

// MB of a GPU that a plan may fill: Galvatron leaves a fifth to the allocator above 20 GB.
std::int64_t usable(std::int64_t megabytes);

// A stage's micro-batch without reduction, and with it for its layers alone.
struct StageTime {
  Tick plain{}, synchronised{};
  bool operator==(const StageTime&) const = default;
};

// What ends a step. Galvatron looks at the first and the last stage for the one that all wait for, so that a
// slow middle stage costs next to nothing; `every_stage` looks at all of them, and is never less.
enum class Bottleneck : std::uint8_t { ends, every_stage };

// With S, R the two times of a stage, Q = sum of S_1 ..., c >= p micro-batches:
//   ends:         A = max(sum S + (c-1) S_last, max((p-1) S_0, Q) + (c+1-p) S_0)
//   every_stage:  A = sum S + (c-1) max S
//   step = A + max(0, max_i(R_i - S_0 - ... - S_i))
Tick step_time(std::span<const StageTime>, std::int64_t micro_batches, Bottleneck);

}  // namespace orrery::galvatron
