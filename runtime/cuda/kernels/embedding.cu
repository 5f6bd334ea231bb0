// Rows of a table by token, and their gradient: tokens of one row are chained in their order, and the first
// of each chain sums it, so that no order depends on the GPU.
#include "runtime/cuda/check.h"
#include "runtime/cuda/kernels/kernels.h"
#include "runtime/cuda/kernels/view.cuh"

namespace orrery::cuda {
namespace {

constexpr unsigned threads = 256;

struct Lookup {
  Int tokens, columns, table_rows, first_row, sequence;
};

template <int width>
__global__ void embedding_kernel(const Int* ids, View table, View positions, View out, Lookup s) {
  const Int i = (static_cast<Int>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
  if (i >= s.tokens * s.columns) return;
  const Int t = i / s.columns, c = i % s.columns, row = ids[t] - s.first_row;
  Floats<width> x{};
  if (row >= 0 && row < s.table_rows) x = load<width>(table, row * s.columns + c);
  if (positions) {
    const Floats<width> p = load<width>(positions, t % s.sequence * s.columns + c);
    for (int j = 0; j < width; ++j) x.v[j] += p.v[j];
  }
  store(out, i, x);
}

// next[t]: the next token of the same row after t, or -1; first[t]: whether there is none before it.
__global__ void chain_kernel(const Int* ids, Int tokens, std::int32_t* next, std::uint8_t* first) {
  __shared__ Int tile[threads];
  const Int t = static_cast<Int>(blockIdx.x) * threads + threadIdx.x;
  const Int mine = t < tokens ? ids[t] : -1;
  Int after = tokens;
  bool before = false;
  for (Int start = 0; start < tokens; start += threads) {
    __syncthreads();
    if (start + threadIdx.x < tokens) tile[threadIdx.x] = ids[start + threadIdx.x];
    __syncthreads();
    const Int end = tokens - start < threads ? tokens - start : Int{threads};
    for (Int j = 0; j < end; ++j) {
      if (tile[j] != mine) continue;
      if (start + j < t) before = true;
      if (start + j > t && start + j < after) after = start + j;
    }
  }
  if (t >= tokens) return;
  next[t] = after < tokens ? static_cast<std::int32_t>(after) : -1;
  first[t] = before ? 0 : 1;
}

// A row of blocks a token, a thread a column.
__global__ void scatter_kernel(const Int* ids, const std::int32_t* next, const std::uint8_t* first, View dy,
                               View d_table, Lookup s, bool add) {
  const Int t = blockIdx.x, c = static_cast<Int>(blockIdx.y) * blockDim.x + threadIdx.x;
  const Int row = ids[t] - s.first_row;
  if (c >= s.columns || first[t] == 0 || row < 0 || row >= s.table_rows) return;
  float sum = 0;
  for (std::int32_t at = static_cast<std::int32_t>(t); at >= 0; at = next[at])
    sum += load(dy, at * s.columns + c);
  store(d_table, row * s.columns + c, sum, add);
}

__global__ void positions_kernel(View dy, View d_positions, Int n, Lookup s, bool add) {
  const Int i = static_cast<Int>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const Int p = i / s.columns, c = i % s.columns;
  float sum = 0;
  if (p < s.sequence)
    for (Int t = p; t < s.tokens; t += s.sequence) sum += load(dy, t * s.columns + c);
  store(d_positions, i, sum, add);
}

const Int* ids_of(const TensorRef& t) { return static_cast<const Int*>(t.data); }

void table_gradient(const Kernel& k, const Launch& at, const Lookup& s) {
  const TensorRef &dy = k.in[0], &d_table = k.out[0];
  if (!k.attributes.add)
    cudaMemsetAsync(d_table.data, 0, static_cast<std::size_t>(d_table.elements() * size_of(d_table.dtype)),
                    at.stream);
  if (s.tokens == 0) return;
  auto* const next = at.scratch.take<std::int32_t>(s.tokens);
  auto* const first = at.scratch.take<std::uint8_t>(s.tokens);
  const Int* const ids = ids_of(k.in[1]);
  chain_kernel<<<blocks_for(s.tokens, threads), threads, 0, at.stream>>>(ids, s.tokens, next, first);
  check(cudaGetLastError(), "its launch");  // chains that nobody made lead out of memory
  const unsigned wide = s.columns < 128 ? 32 : 128;
  const dim3 blocks(static_cast<unsigned>(s.tokens), blocks_for(s.columns, wide));
  scatter_kernel<<<blocks, wide, 0, at.stream>>>(ids, next, first, view(dy), view(d_table), s,
                                                 k.attributes.add);
}

}  // namespace

void embedding(const Kernel& k, const Launch& at) {
  const TensorRef &table = k.in[1], &positions = k.in[2], &out = k.out[0];
  const Lookup s{out.rows, out.columns, table.rows, k.attributes.first_row, k.attributes.sequence};
  if (out.elements() == 0) return;
  const auto run = [&]<int width>() {
    embedding_kernel<width><<<blocks_for(out.elements() / width, threads), threads, 0, at.stream>>>(
        ids_of(k.in[0]), view(table), view(positions), view(out), s);
  };
  by_four(out.columns, {table, positions, out}) ? run.operator()<4>() : run.operator()<1>();
}

void embedding_gradient(const Kernel& k, const Launch& at) {
  const TensorRef &dy = k.in[0], &d_table = k.out[0], &d_positions = k.out[1];
  const Lookup s{dy.rows, dy.columns, d_table.rows, k.attributes.first_row, k.attributes.sequence};
  if (d_table) table_gradient(k, at, s);
  if (!d_positions) return;
  positions_kernel<<<blocks_for(d_positions.elements(), threads), threads, 0, at.stream>>>(
      view(dy), view(d_positions), d_positions.elements(), s, k.attributes.add);
}

}  // namespace orrery::cuda
