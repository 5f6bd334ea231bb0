// Elements of tensors as fp32: where they are if they are fp32, else through scratch. So each kernel is one
// loop over floats, whatever the element types.
#pragma once
#include <cstring>

#include "runtime/cpu/kernels/pointwise.h"
#include "runtime/kernel.h"

namespace orrery::ORRERY_ISA {

// Elementwise kernels work in pieces of this many elements, which stay in the first-level cache.
inline constexpr std::int64_t piece = 2048;

inline float* floats_at(const TensorRef& t, std::int64_t first) {
  return static_cast<float*>(t.data) + first;
}
inline Bf16* halves_at(const TensorRef& t, std::int64_t first) { return static_cast<Bf16*>(t.data) + first; }

// Elements first ... first + count - 1.
inline const float* read(const TensorRef& t, std::int64_t first, std::int64_t count, float* scratch) {
  if (t.dtype == DType::fp32) return floats_at(t, first);
  const Bf16* from = halves_at(t, first);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) scratch[i] = to_float(from[i]);
  return scratch;
}

// Where to compute elements from `first` on, for write() to store.
inline float* place(const TensorRef& t, std::int64_t first, float* scratch) {
  return t.dtype == DType::fp32 ? floats_at(t, first) : scratch;
}

inline void write(const TensorRef& t, std::int64_t first, std::int64_t count, const float* from) {
  if (t.dtype == DType::fp32) {
    float* to = floats_at(t, first);
    if (to != from) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  Bf16* to = halves_at(t, first);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = to_bf16(from[i]);
}

// Adds to what is there, rounding once.
inline void write_sum(const TensorRef& t, std::int64_t first, std::int64_t count, const float* from) {
  if (t.dtype == DType::fp32) {
    float* to = floats_at(t, first);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
    return;
  }
  Bf16* to = halves_at(t, first);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = to_bf16(to_float(to[i]) + from[i]);
}

inline void write(const TensorRef& t, std::int64_t first, std::int64_t count, const float* from, bool add) {
  if (add)
    write_sum(t, first, count, from);
  else
    write(t, first, count, from);
}

inline void fill(float* to, std::int64_t count, float value) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = value;
}

inline void accumulate(float* to, const float* from, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

}  // namespace orrery::ORRERY_ISA
