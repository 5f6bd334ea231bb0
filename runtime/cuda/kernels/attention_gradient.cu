// The gradient of fused attention. With p = exp(scale q k - log-sum-exp), f the factors of dropout and D =
// sum over columns of core * d core: dV = (p f)^T dO, dS = scale p (f dO V^T - D), dQ = dS K, dK = dS^T Q.
// One kernel goes from tiles of queries over keys for dQ, one from tiles of keys over the queries of all
// heads that share them for dK and dV: each computes the scores again, and none adds to what another block
// writes.
#include "runtime/cuda/check.h"
#include "runtime/cuda/kernels/attention.cuh"
#include "runtime/cuda/kernels/kernels.h"
#include "sim/base/error.h"

namespace orrery::cuda {
namespace {

struct Operands {
  View d_core, qkv, core, d_qkv;
  const float* log_sum_exp;
  float* along;  // D by (sequence, head, query)
};

// A warp a row.
__global__ void along_kernel(Operands o, AttentionShape s) {
  const Int row = (static_cast<Int>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  const Int query = row % s.sequence, head = row / s.sequence % s.heads,
            sequence = row / s.sequence / s.heads;
  const bool there = sequence < s.sequences;
  const Int first = ((sequence * s.sequence + query) * s.heads + head) * s.head_dim;
  float sum = 0;
  for (Int i = threadIdx.x % 32; there && i < s.head_dim; i += 32)
    sum += load(o.core, first + i) * load(o.d_core, first + i);
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, distance);
  if (there && threadIdx.x % 32 == 0) o.along[row] = sum;
}

// Scores of a tile to p f, d = dO V^T to dS.
template <int R>
__device__ void differentiate(const AttentionShape& s, const Operands& o, const StepValues* step,
                              Int sequence, Int head, Int first_query, Int first_key, float (&p)[R][R],
                              float (&d)[R][R]) {
  const int x = threadIdx.x % side, y = threadIdx.x / side;
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const Int query = first_query + y + side * r, row = (sequence * s.heads + head) * s.sequence + query;
    const float log_sum_exp = query < s.sequence ? o.log_sum_exp[row] : 0.0F;
    const float along = query < s.sequence ? o.along[row] : 0.0F;
    const std::uint64_t element = s.place.first_element(sequence, head, query);
    for (int c = 0; c < R; ++c) {
      const Int key = first_key + x + side * c;
      const float seen = s.sees(query, key) ? fast_exp(p[r][c] * s.scale - log_sum_exp) : 0.0F;
      const float factor = dropout_factor(s.dropout, step, element + static_cast<std::uint64_t>(key));
      p[r][c] = seen * factor;
      d[r][c] = s.scale * seen * (d[r][c] * factor - along);
    }
  }
}

template <int tile, int depth>
constexpr std::size_t shared_floats(int squares) {
  return 4 * tile * (depth + 1) + squares * tile * (tile + 1);
}

template <int tile, int depth>
__global__ void queries_kernel(Operands o, AttentionShape s, const StepValues* step) {
  constexpr int R = tile / side, C = depth / side, stride = depth + 1;
  extern __shared__ float shared[];
  float *const q = shared, *const d_core = q + tile * stride, *const k = d_core + tile * stride,
               *const v = k + tile * stride, *const square = v + tile * stride;
  const Int first_query = Int{blockIdx.x} * tile, head = blockIdx.y, sequence = blockIdx.z;
  const Int kv_head = head / s.group();
  load_tile<tile, stride>(q, o.qkv, s, sequence, first_query, s.width(), head * s.head_dim);
  load_tile<tile, stride>(d_core, o.d_core, s, sequence, first_query, s.heads * s.head_dim,
                          head * s.head_dim);
  float sum[R][C] = {};
  const Int end = s.causal ? first_query + tile : s.sequence;
  for (Int first_key = 0; first_key < end && first_key < s.sequence; first_key += tile) {
    __syncthreads();
    load_tile<tile, stride>(k, o.qkv, s, sequence, first_key, s.width(), s.key_column(kv_head));
    load_tile<tile, stride>(v, o.qkv, s, sequence, first_key, s.width(), s.value_column(kv_head));
    __syncthreads();
    float p[R][R], d[R][R];
    multiply_rows<R, stride>(q, k, s.head_dim, p);
    multiply_rows<R, stride>(d_core, v, s.head_dim, d);
    differentiate(s, o, step, sequence, head, first_query, first_key, p, d);
    store_square<R, tile>(square, d);
    __syncthreads();
    accumulate<false, R, C, tile, stride>(square, k, s.head_dim, sum);
  }
  store_tile(o.d_qkv, s, sequence, first_query, s.width(), head * s.head_dim, sum);
}

template <int tile, int depth>
__global__ void keys_kernel(Operands o, AttentionShape s, const StepValues* step) {
  constexpr int R = tile / side, C = depth / side, stride = depth + 1;
  extern __shared__ float shared[];
  float *const q = shared, *const d_core = q + tile * stride, *const k = d_core + tile * stride,
               *const v = k + tile * stride, *const square_p = v + tile * stride,
               *const square_d = square_p + tile * (tile + 1);
  const Int first_key = Int{blockIdx.x} * tile, kv_head = blockIdx.y, sequence = blockIdx.z;
  load_tile<tile, stride>(k, o.qkv, s, sequence, first_key, s.width(), s.key_column(kv_head));
  load_tile<tile, stride>(v, o.qkv, s, sequence, first_key, s.width(), s.value_column(kv_head));
  float d_keys[R][C] = {}, d_values[R][C] = {};
  for (Int head = kv_head * s.group(); head < (kv_head + 1) * s.group(); ++head)
    for (Int first_query = s.causal ? first_key : 0; first_query < s.sequence; first_query += tile) {
      __syncthreads();
      load_tile<tile, stride>(q, o.qkv, s, sequence, first_query, s.width(), head * s.head_dim);
      load_tile<tile, stride>(d_core, o.d_core, s, sequence, first_query, s.heads * s.head_dim,
                              head * s.head_dim);
      __syncthreads();
      float p[R][R], d[R][R];
      multiply_rows<R, stride>(q, k, s.head_dim, p);
      multiply_rows<R, stride>(d_core, v, s.head_dim, d);
      differentiate(s, o, step, sequence, head, first_query, first_key, p, d);
      store_square<R, tile>(square_p, p);
      store_square<R, tile>(square_d, d);
      __syncthreads();
      accumulate<true, R, C, tile, stride>(square_p, d_core, s.head_dim, d_values);
      accumulate<true, R, C, tile, stride>(square_d, q, s.head_dim, d_keys);
    }
  store_tile(o.d_qkv, s, sequence, first_key, s.width(), s.key_column(kv_head), d_keys);
  store_tile(o.d_qkv, s, sequence, first_key, s.width(), s.value_column(kv_head), d_values);
}

template <class Function>
void allow_shared(Function* kernel, std::size_t bytes) {
  if (bytes > 48 << 10)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
          "shared memory of attention's gradient");
}

template <int tile, int depth>
void run(const Operands& o, const Launch& at, const AttentionShape& s) {
  constexpr std::size_t of_queries = shared_floats<tile, depth>(1) * sizeof(float),
                        of_keys = shared_floats<tile, depth>(2) * sizeof(float);
  allow_shared(queries_kernel<tile, depth>, of_queries);
  allow_shared(keys_kernel<tile, depth>, of_keys);
  const unsigned tiles = blocks_for(s.sequence, tile), sequences = static_cast<unsigned>(s.sequences);
  queries_kernel<tile, depth>
      <<<dim3(tiles, static_cast<unsigned>(s.heads), sequences), attention_threads, of_queries, at.stream>>>(
          o, s, at.step);
  keys_kernel<tile, depth>
      <<<dim3(tiles, static_cast<unsigned>(s.kv_heads), sequences), attention_threads, of_keys, at.stream>>>(
          o, s, at.step);
}

}  // namespace

void attention_gradient(const Kernel& k, const Launch& at) {
  const AttentionShape s = attention_shape(k, k.in[1]);
  if (s.sequences == 0) return;
  if (s.head_dim > 256)
    throw DeviceError("not supported: fused attention with heads of " + std::to_string(s.head_dim) +
                      " dimensions; at most 256 are");
  const Int rows = s.sequences * s.heads * s.sequence;
  const Operands o{view(k.in[0]),
                   view(k.in[1]),
                   view(k.in[2]),
                   view(k.out[0]),
                   static_cast<const float*>(k.in[3].data),
                   at.scratch.take<float>(rows)};
  along_kernel<<<blocks_for(rows * 32, 128), 128, 0, at.stream>>>(o, s);
  if (s.head_dim > 128) return run<16, 256>(o, at, s);
  if (s.head_dim > 64) return run<32, 128>(o, at, s);
  s.sequence > 32 ? run<64, 64>(o, at, s) : run<16, 64>(o, at, s);
}

}  // namespace orrery::cuda
