// What the passes of fused attention share (Dao et al. 2022): tiles of queries against tiles of keys in
// shared memory, as fp32. A block is 16 x 16 threads; each holds R x C elements of a tile, 16 apart in both
// directions.
#pragma once
#include "runtime/cuda/kernels/dropout.cuh"

namespace orrery::cuda {

constexpr int side = 16;  // of a block of threads
constexpr unsigned attention_threads = side * side;

struct AttentionShape {
  Int sequences, sequence, heads, kv_heads, head_dim;
  bool causal;
  float scale;
  AttentionPlace place;
  Dropout dropout;

  __host__ __device__ Int group() const { return heads / kv_heads; }
  __host__ __device__ Int width() const { return (heads + 2 * kv_heads) * head_dim; }
  // First columns in a row of qkv.
  __host__ __device__ Int key_column(Int kv_head) const { return (heads + kv_head) * head_dim; }
  __host__ __device__ Int value_column(Int kv_head) const { return (heads + kv_heads + kv_head) * head_dim; }
  // Whether a query sees a key.
  __device__ bool sees(Int query, Int key) const {
    return key < sequence && query < sequence && (!causal || key <= query);
  }
};

inline AttentionShape attention_shape(const Kernel& k, const TensorRef& qkv) {
  const KernelAttributes& a = k.attributes;
  return {qkv.rows / a.sequence,
          a.sequence,
          a.heads,
          a.kv_heads,
          a.head_dim,
          a.causal,
          1.0F / std::sqrt(static_cast<float>(a.head_dim)),
          place_of(a),
          dropout_of(k)};
}

// Rows [first, first + tile) of one head of one sequence, in columns up to the next multiple of 16; what lies
// beyond the sequence or head_dim is zero.
template <int tile, int stride>
__device__ void load_tile(float* to, const View& from, const AttentionShape& s, Int sequence, Int first,
                          Int columns, Int first_column) {
  const Int padded = (s.head_dim + side - 1) / side * side;
  for (Int i = threadIdx.x; i < tile * padded; i += attention_threads) {
    const Int r = i / padded, c = i % padded, row = first + r;
    const bool there = row < s.sequence && c < s.head_dim;
    to[r * stride + c] =
        there ? load(from, (sequence * s.sequence + row) * columns + first_column + c) : 0.0F;
  }
}

// Element (r, c) of this thread in out is the product of row y + 16 r of a and row x + 16 c of b.
template <int R, int stride>
__device__ void multiply_rows(const float* a, const float* b, Int inner, float (&out)[R][R]) {
  const int x = threadIdx.x % side, y = threadIdx.x / side;
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < R; ++c) out[r][c] = 0;
  for (Int i = 0; i < inner; ++i) {
    float left[R], right[R];
    for (int r = 0; r < R; ++r) left[r] = a[(y + side * r) * stride + i];
    for (int c = 0; c < R; ++c) right[c] = b[(x + side * c) * stride + i];
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < R; ++c) out[r][c] = multiply_add(left[r], right[c], out[r][c]);
  }
}

// sum += p b, or, transposed, sum += p^T b, for p of tile x tile and the columns x + 16 c of b, of `columns`.
template <bool transposed, int R, int C, int tile, int stride>
__device__ void accumulate(const float* p, const float* b, Int columns, float (&sum)[R][C]) {
  const int x = threadIdx.x % side, y = threadIdx.x / side;
  for (int i = 0; i < tile; ++i) {
    float left[R];
    for (int r = 0; r < R; ++r)
      left[r] = transposed ? p[i * (tile + 1) + y + side * r] : p[(y + side * r) * (tile + 1) + i];
#pragma unroll
    for (int c = 0; c < C; ++c) {
      if (side * c >= columns) break;
      const float right = b[i * stride + x + side * c];
      for (int r = 0; r < R; ++r) sum[r][c] = multiply_add(left[r], right, sum[r][c]);
    }
  }
}

template <int R, int tile>
__device__ void store_square(float* to, const float (&p)[R][R]) {
  const int x = threadIdx.x % side, y = threadIdx.x / side;
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < R; ++c) to[(y + side * r) * (tile + 1) + x + side * c] = p[r][c];
}

// This thread's elements of rows [first, first + tile) of one head of one sequence.
template <int R, int C>
__device__ void store_tile(const View& to, const AttentionShape& s, Int sequence, Int first, Int columns,
                           Int first_column, const float (&x)[R][C]) {
  const int tx = threadIdx.x % side, ty = threadIdx.x / side;
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) {
      const Int row = first + ty + side * r, column = tx + side * c;
      if (row < s.sequence && column < s.head_dim)
        store(to, (sequence * s.sequence + row) * columns + first_column + column, x[r][c]);
    }
}

}  // namespace orrery::cuda
