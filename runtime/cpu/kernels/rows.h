// Elements of tensors as fp32: where they are if they are fp32, else through scratch. So each kernel is one
// loop over floats, whatever the element types.
#pragma once
#include <cstring>

#include "runtime/arithmetic/pointwise.h"
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

// partial[0] = all of the first 2 * half combined.
template <std::int64_t half, class Combine>
void fold(float* partial, const Combine& combine) {
#pragma omp simd
  for (std::int64_t j = 0; j < half; ++j) partial[j] = combine(partial[j], partial[j + half]);
  if constexpr (half > 1) fold<half / 2>(partial, combine);
}

// combine() over term(0) ... term(n - 1) in lanes, so that no addition waits for the one before it.
template <class Term, class Combine>
float reduce(std::int64_t n, float start, const Term& term, const Combine& combine) {
  constexpr std::int64_t lanes = 64, few = 16;
  float partial[lanes];
  fill(partial, lanes, start);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
#pragma omp simd
    for (std::int64_t j = 0; j < lanes; ++j) partial[j] = combine(partial[j], term(i + j));
  for (; i + few <= n; i += few)
#pragma omp simd
    for (std::int64_t j = 0; j < few; ++j) partial[j] = combine(partial[j], term(i + j));
  fold<lanes / 2>(partial, combine);
  for (; i < n; ++i) partial[0] = combine(partial[0], term(i));
  return partial[0];
}

template <class Term>
float sum_of(std::int64_t n, const Term& term) {
  return reduce(n, 0, term, [](float a, float b) { return a + b; });
}

inline float maximum_of(const float* x, std::int64_t n) {
  return reduce(
      n, -HUGE_VALF, [x](std::int64_t i) { return x[i]; }, [](float a, float b) { return b > a ? b : a; });
}

}  // namespace orrery::ORRERY_ISA
