// Plays a Program on all its ranks as threads of this process, on the CPU backend or on one of a plug-in.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/cpu/backend.h"
#include "runtime/play/player.h"
#include "sim/cluster/cluster.h"

namespace orrery::testing {

// The whole tensors of a model, by canonical name.
using Tensors = std::map<std::string, std::vector<float>>;

struct Trained {
  std::vector<double> losses;         // a token's mean, by step
  std::vector<float> gradient_norms;  // before clipping
  std::vector<Tensors> gradients;     // by step, as the optimizer saw them
  Tensors weights;                    // after the last step
};

struct TrainOptions {
  int steps = 5;
  std::uint64_t seed = 7;
  bool fixed_order = false;  // of sums over ranks
  std::string plug_in{};     // empty: the CPU
  // A large epsilon: else gradients that are zero but for rounding (biases of keys) become whole updates.
  StepArguments arguments{0, 7, 1e-2F, 0.9F, 0.95F, 1e-3F, 0.1F, 1.0F};
};

// Token `i` of a sequence, by its number in the run.
std::int64_t token(std::int64_t sequence, std::int64_t i, std::int64_t vocab);

// Trains from InitialWeights(seed) on those tokens.
Trained train(const Model&, const Cluster&, const Training&, const Plan&, const TrainOptions&);

// The largest difference of two sets of tensors, over the largest magnitude in that tensor of the second, or
// over a thousandth of the largest in all of them (gradients of key biases are zero but for rounding); where
// it is.
struct Difference {
  double relative = 0;
  std::string tensor;
};
Difference difference(const Tensors& a, const Tensors& b);

}  // namespace orrery::testing
