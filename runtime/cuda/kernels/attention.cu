// The forward pass of fused attention: a block of threads passes a tile of queries over the tiles of keys
// that they see; a running maximum and sum make the softmax exact.
#include "runtime/cuda/check.h"
#include "runtime/cuda/kernels/attention.cuh"
#include "runtime/cuda/kernels/kernels.h"
#include "sim/base/error.h"

namespace orrery::cuda {
namespace {

// combine() over the 16 threads that share rows.
template <class Combine>
__device__ float over_row(float x, Combine combine) {
  for (int distance = side / 2; distance > 0; distance /= 2)
    x = combine(x, __shfl_xor_sync(0xffffffffU, x, distance));
  return x;
}

template <int tile, int depth>
constexpr std::size_t shared_floats = 2 * tile*(depth + 1) + tile*(tile + 1);

// Scores of a tile to exponentials relative to the row's maximum so far; the sums before shrink to it.
template <int R, int C>
__device__ void exponentials(const AttentionShape& s, const StepValues* step, Int sequence, Int head,
                             Int first_query, Int first_key, float (&p)[R][R], float (&sum)[R][C],
                             float (&maximum)[R], float (&total)[R]) {
  const int x = threadIdx.x % side, y = threadIdx.x / side;
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const Int query = first_query + y + side * r;
    float highest = maximum[r];
    for (int c = 0; c < R; ++c) {
      p[r][c] = s.sees(query, first_key + x + side * c) ? p[r][c] * s.scale : -HUGE_VALF;
      highest = p[r][c] > highest ? p[r][c] : highest;
    }
    highest = over_row(highest, Largest{});
    if (highest == -HUGE_VALF) highest = 0;  // a row beyond the sequence sees nothing
    float of_tile = 0;
    for (int c = 0; c < R; ++c) of_tile += p[r][c] = fast_exp(p[r][c] - highest);
    const float shrunk = fast_exp(maximum[r] - highest);
    total[r] = total[r] * shrunk + over_row(of_tile, Plus{});
    maximum[r] = highest;
    for (int c = 0; c < C; ++c) sum[r][c] *= shrunk;
    if (s.dropout.threshold == 0) continue;
    const std::uint64_t element = s.place.first_element(sequence, head, query);
    for (int c = 0; c < R; ++c)
      p[r][c] *=
          dropout_factor(s.dropout, step, element + static_cast<std::uint64_t>(first_key + x + side * c));
  }
}

template <int tile, int depth>
__global__ void attention_kernel(View qkv, View core, float* log_sum_exp, AttentionShape s,
                                 const StepValues* step) {
  constexpr int R = tile / side, C = depth / side, stride = depth + 1;
  extern __shared__ float shared[];
  float *const queries = shared, *const other = queries + tile * stride,
               *const square = other + tile * stride;
  const Int first_query = Int{blockIdx.x} * tile, head = blockIdx.y, sequence = blockIdx.z;
  const Int kv_head = head / s.group();
  load_tile<tile, stride>(queries, qkv, s, sequence, first_query, s.width(), head * s.head_dim);
  float sum[R][C] = {}, maximum[R], total[R] = {};
  for (float& m : maximum) m = -HUGE_VALF;
  const Int end = s.causal ? first_query + tile : s.sequence;
  for (Int first_key = 0; first_key < end && first_key < s.sequence; first_key += tile) {
    __syncthreads();
    load_tile<tile, stride>(other, qkv, s, sequence, first_key, s.width(), s.key_column(kv_head));
    __syncthreads();
    float p[R][R];
    multiply_rows<R, stride>(queries, other, s.head_dim, p);
    exponentials(s, step, sequence, head, first_query, first_key, p, sum, maximum, total);
    store_square<R, tile>(square, p);
    __syncthreads();
    load_tile<tile, stride>(other, qkv, s, sequence, first_key, s.width(), s.value_column(kv_head));
    __syncthreads();
    accumulate<false, R, C, tile, stride>(square, other, s.head_dim, sum);
  }
  for (int r = 0; r < R; ++r) {
    const Int query = first_query + threadIdx.x / side + side * r;
    for (int c = 0; c < C; ++c) sum[r][c] *= 1.0F / total[r];
    if (query < s.sequence && threadIdx.x % side == 0)
      log_sum_exp[(sequence * s.heads + head) * s.sequence + query] = maximum[r] + std::log(total[r]);
  }
  store_tile(core, s, sequence, first_query, s.heads * s.head_dim, head * s.head_dim, sum);
}

template <int tile, int depth>
void run(const Kernel& k, const Launch& at, const AttentionShape& s) {
  constexpr std::size_t bytes = shared_floats<tile, depth> * sizeof(float);
  if constexpr (bytes > 48 << 10)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(attention_kernel<tile, depth>),
                               cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
          "shared memory of attention");
  const dim3 blocks(blocks_for(s.sequence, tile), static_cast<unsigned>(s.heads),
                    static_cast<unsigned>(s.sequences));
  attention_kernel<tile, depth><<<blocks, attention_threads, bytes, at.stream>>>(
      view(k.in[0]), view(k.out[0]), static_cast<float*>(k.out[1].data), s, at.step);
}

}  // namespace

void attention(const Kernel& k, const Launch& at) {
  const AttentionShape s = attention_shape(k, k.in[0]);
  if (s.sequences == 0) return;
  if (s.head_dim > 256)
    throw DeviceError("not supported: fused attention with heads of " + std::to_string(s.head_dim) +
                      " dimensions; at most 256 are");
  if (s.head_dim > 128) return run<32, 256>(k, at, s);
  if (s.head_dim > 64) return run<64, 128>(k, at, s);
  s.sequence > 32 ? run<64, 64>(k, at, s) : run<16, 64>(k, at, s);
}

}  // namespace orrery::cuda
