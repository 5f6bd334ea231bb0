// Time and memory of one layer of each kind by batch and sequence, as Galvatron profiles a model: the
// difference of the model with two layers of the kind and with one. Times are sums over the measured ops.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "profiler/measure/ops.h"

namespace orrery {

struct LayerCost {
  std::size_t kind = 0;  // of Model::kinds
  int tp = 1;
  std::int64_t micro_batch = 1, sequence = 0;
  Seconds forward{}, input_gradient{}, weight_gradient{};  // of one micro-batch
  Bytes states{};                                          // weights, gradients, optimizer
  Bytes activations{};                                     // of one micro-batch, kept for its backward pass
  bool operator==(const LayerCost&) const = default;
};

// Of cases with one stage and one replica. Kinds of which an op is not measured are left out.
std::vector<LayerCost> layer_costs(const Model&, std::span<const OpCase>, const MeasuredOps&);

}  // namespace orrery
