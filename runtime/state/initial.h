// Weights to start from, element by element: a function of the seed, the tensor's canonical name and the
// element's place alone, and so the same under any plan. Matrices and embeddings are normal with deviation
// 0.02, those that write to the residual stream (attention.out, mlp.down) scaled by 1/sqrt(2 layers) (GPT-2,
// Radford et al. 2019); norms are 1, biases 0.
//
// The random bits of element e are output e of SplitMix64 (Steele, Lea, Flood 2014) started at a hash of seed
// and name: a generator that can be entered anywhere. normal_quantile() makes them normal with + - * / and
// sqrt alone, so that every build draws the same weights.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "runtime/state/layout.h"

namespace orrery {

class InitialWeights : public WeightSource {
 public:
  InitialWeights(const Model& model, std::uint64_t seed, double deviation = 0.02);
  void read(const Slice&, std::span<float> to) const override;

 private:
  struct Tensor {
    std::int64_t columns = 1;
    double deviation = 0;  // 0: all elements are `value`
    float value = 0;
    std::uint64_t key = 0;
  };
  std::map<std::string, Tensor, std::less<>> tensors_;
};

// The inverse of the normal distribution's cumulative function at p in (0, 1): AS 241, PPND16 (Wichura 1988),
// relative accuracy about 1e-16.
double normal_quantile(double p);

}  // namespace orrery
