// Which elements a kernel drops, as runtime/kernel.h defines it.
#pragma once
#include "runtime/cuda/kernels/view.cuh"
#include "runtime/cuda/launch.h"

namespace orrery::cuda {

struct Dropout {
  std::uint32_t threshold = 0;  // of 2^32; 0: nothing is dropped
  float scale = 1;
  std::uint64_t key = 0;
};
inline Dropout dropout_of(const Kernel& k) {
  const float rate = k.step && k.step->evaluate ? 0.0F : k.attributes.dropout;
  return {static_cast<std::uint32_t>(static_cast<double>(rate) * 4294967296.0), 1.0F / (1.0F - rate),
          k.attributes.dropout_key};
}

// The words of elements 4 * block ... 4 * block + 3.
__device__ inline Words dropout_words(const Dropout& d, const StepValues& step, std::uint64_t block) {
  const std::uint64_t stream = dropout_stream(step.step, d.key);
  return philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                 static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                static_cast<std::uint32_t>(step.seed), static_cast<std::uint32_t>(step.seed >> 32));
}

// 0 or 1 / (1 - dropout).
__device__ inline float dropout_factor(const Dropout& d, const StepValues* step, std::uint64_t element) {
  if (d.threshold == 0) return 1;
  const Words w = dropout_words(d, *step, element / 4);
  const std::uint32_t low = element % 2 == 0 ? w.w0 : w.w1, high = element % 2 == 0 ? w.w2 : w.w3;
  return (element % 4 < 2 ? low : high) < d.threshold ? 0.0F : d.scale;
}

template <int width>
__device__ Floats<width> dropout_factors(const Dropout& d, const StepValues* step, std::uint64_t element) {
  Floats<width> out;
  if (width == 4 && element % 4 == 0 && d.threshold != 0) {
    const Words w = dropout_words(d, *step, element / 4);
    const std::uint32_t words[4] = {w.w0, w.w1, w.w2, w.w3};
    for (int i = 0; i < width; ++i) out.v[i] = words[i] < d.threshold ? 0.0F : d.scale;
    return out;
  }
  for (int i = 0; i < width; ++i) out.v[i] = dropout_factor(d, step, element + static_cast<std::uint64_t>(i));
  return out;
}

// Global element of column 0 of a row, of all kernels but attention's.
__host__ __device__ inline std::uint64_t first_element(Int first_token, Int row, Int global_columns) {
  return static_cast<std::uint64_t>((first_token + row) * global_columns);
}

// Of attention: where the probabilities of this rank's sequences and heads lie in the global tensor.
struct AttentionPlace {
  Int first_sequence = 0, all_heads = 0, first_head = 0, sequence = 0;
  // Of key 0 for one query.
  __host__ __device__ std::uint64_t first_element(Int of_sequence, Int head, Int query) const {
    const Int global_head = (first_sequence + of_sequence) * all_heads + first_head + head;
    return static_cast<std::uint64_t>((global_head * sequence + query) * sequence);
  }
};
inline AttentionPlace place_of(const KernelAttributes& a) {
  return {a.first_token / a.sequence, a.all_heads, a.first_head, a.sequence};
}

}  // namespace orrery::cuda
