// Elements of tensors as fp32, whatever their type, one or four at a time; sums and maxima over a block of
// threads.
#pragma once
#include <cuda_runtime.h>

#include "runtime/arithmetic/pointwise.h"
#include "runtime/kernel.h"

namespace orrery::cuda {

using Int = std::int64_t;

struct View {
  void* data = nullptr;
  bool half = false;  // bf16, else fp32
  __host__ __device__ explicit operator bool() const { return data != nullptr; }
};
inline View view(const TensorRef& t) { return {t.data, t.dtype == DType::bf16}; }

template <int width>
struct Floats {
  float v[width];
};

__device__ inline float load(const View& t, Int i) {
  return t.half ? to_float(static_cast<const Bf16*>(t.data)[i]) : static_cast<const float*>(t.data)[i];
}
__device__ inline void store(const View& t, Int i, float x) {
  if (t.half)
    static_cast<Bf16*>(t.data)[i] = to_bf16(x);
  else
    static_cast<float*>(t.data)[i] = x;
}
// Written, or added to what is there and rounded once.
__device__ inline void store(const View& t, Int i, float x, bool add) {
  store(t, i, add ? load(t, i) + x : x);
}

// Elements i ... i + width - 1; aligned to so many elements.
template <int width>
__device__ Floats<width> load(const View& t, Int i) {
  Floats<width> out;
  if constexpr (width == 1) {
    out.v[0] = load(t, i);
  } else {
    static_assert(width == 4);
    if (t.half) {
      const uint2 bits = *reinterpret_cast<const uint2*>(static_cast<const Bf16*>(t.data) + i);
      out.v[0] = to_float(Bf16{static_cast<std::uint16_t>(bits.x)});
      out.v[1] = to_float(Bf16{static_cast<std::uint16_t>(bits.x >> 16)});
      out.v[2] = to_float(Bf16{static_cast<std::uint16_t>(bits.y)});
      out.v[3] = to_float(Bf16{static_cast<std::uint16_t>(bits.y >> 16)});
    } else {
      const float4 x = *reinterpret_cast<const float4*>(static_cast<const float*>(t.data) + i);
      out.v[0] = x.x;
      out.v[1] = x.y;
      out.v[2] = x.z;
      out.v[3] = x.w;
    }
  }
  return out;
}

template <int width>
__device__ void store(const View& t, Int i, const Floats<width>& x) {
  if constexpr (width == 1) {
    store(t, i, x.v[0]);
  } else if (t.half) {
    const auto pack = [](float low, float high) {
      return std::uint32_t{to_bf16(low).bits} | std::uint32_t{to_bf16(high).bits} << 16;
    };
    *reinterpret_cast<uint2*>(static_cast<Bf16*>(t.data) + i) =
        uint2{pack(x.v[0], x.v[1]), pack(x.v[2], x.v[3])};
  } else {
    *reinterpret_cast<float4*>(static_cast<float*>(t.data) + i) = float4{x.v[0], x.v[1], x.v[2], x.v[3]};
  }
}

// Whether tensors may be read four elements at a time from every multiple of `columns`.
inline bool by_four(Int columns, std::initializer_list<TensorRef> tensors) {
  if (columns % 4 != 0) return false;
  for (const TensorRef& t : tensors)
    if (reinterpret_cast<std::uintptr_t>(t.data) % (4 * static_cast<std::uintptr_t>(size_of(t.dtype))) != 0)
      return false;
  return true;
}

struct Plus {
  static constexpr float start = 0;
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Largest {
  static constexpr float start = -HUGE_VALF;
  __device__ float operator()(float a, float b) const { return b > a ? b : a; }
};

// All threads of a one-dimensional block of whole warps give a value and get the result.
template <class Combine>
__device__ float over_block(float x, Combine combine) {
  __shared__ float partial[32];
  for (int distance = 16; distance > 0; distance /= 2)
    x = combine(x, __shfl_xor_sync(0xffffffffU, x, distance));
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  __syncthreads();  // partial may still be read from a call before
  if (lane == 0) partial[warp] = x;
  __syncthreads();
  x = lane < warps ? partial[lane] : Combine::start;
  for (int distance = 16; distance > 0; distance /= 2)
    x = combine(x, __shfl_xor_sync(0xffffffffU, x, distance));
  return x;
}

// combine() over term(0) ... term(n - 1), by all threads of the block.
template <class Combine, class Term>
__device__ float reduce(Int n, Combine combine, const Term& term) {
  float x = Combine::start;
  for (Int i = threadIdx.x; i < n; i += blockDim.x) x = combine(x, term(i));
  return over_block(x, combine);
}

// Threads of a block that works through rows of n elements.
inline unsigned threads_for(Int n) {
  unsigned threads = 32;
  while (threads < 512 && threads * 4 < n) threads *= 2;
  return threads;
}

inline unsigned blocks_for(Int n, unsigned threads) {
  return static_cast<unsigned>((n + threads - 1) / threads);
}

}  // namespace orrery::cuda
