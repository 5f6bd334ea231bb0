// Kernels that reduce rows or columns: norms (Ba et al. 2016; Zhang & Sennrich 2019), softmax, sums of
// columns. A block works through a row, or down a strip of columns.
#include "runtime/cuda/kernels/dropout.cuh"
#include "runtime/cuda/kernels/kernels.h"

namespace orrery::cuda {
namespace {

struct Statistics {
  float mean, inverse;  // 1 / standard deviation, or 1 / root mean square
};

struct NormShape {
  Int rows, columns;
  bool centred;  // LayerNorm
  float epsilon;
};

__device__ Statistics statistics(const View& x, Int first, const NormShape& s) {
  const float n = static_cast<float>(s.columns);
  float mean = 0;
  if (s.centred) mean = reduce(s.columns, Plus{}, [&](Int i) { return load(x, first + i); }) / n;
  const float squares = reduce(s.columns, Plus{}, [&](Int i) {
    const float centred = load(x, first + i) - mean;
    return centred * centred;
  });
  return {mean, 1.0F / std::sqrt(squares / n + s.epsilon)};
}

template <int width>
__global__ void norm_kernel(View x, View weight, View bias, View out, NormShape s) {
  const Int first = blockIdx.x * s.columns;
  const Statistics of_row = statistics(x, first, s);
  for (Int i = threadIdx.x * width; i < s.columns; i += blockDim.x * width) {
    Floats<width> y = load<width>(x, first + i);
    const Floats<width> w = load<width>(weight, i);
    for (int j = 0; j < width; ++j) y.v[j] = w.v[j] * ((y.v[j] - of_row.mean) * of_row.inverse);
    if (bias) {
      const Floats<width> b = load<width>(bias, i);
      for (int j = 0; j < width; ++j) y.v[j] += b.v[j];
    }
    store(out, first + i, y);
  }
}

// With y = w n + b, n = (x - mean) / sigma and g = w dy: dx = (g - mean(g) - n mean(g n)) / sigma, where the
// mean of g is left out for RMSNorm.
__global__ void norm_gradient_kernel(View dy, View x, View weight, View dx, Statistics* rows, NormShape s) {
  const Int first = blockIdx.x * s.columns;
  const Statistics of_row = statistics(x, first, s);
  if (threadIdx.x == 0) rows[blockIdx.x] = of_row;
  const auto hat = [&](Int i) { return (load(x, first + i) - of_row.mean) * of_row.inverse; };
  const auto g = [&](Int i) { return load(weight, i) * load(dy, first + i); };
  const float n = static_cast<float>(s.columns);
  const float mean = s.centred ? reduce(s.columns, Plus{}, g) / n : 0.0F;
  const float along = reduce(s.columns, Plus{}, [&](Int i) { return g(i) * hat(i); }) / n;
  for (Int i = threadIdx.x; i < s.columns; i += blockDim.x)
    store(dx, first + i, (g(i) - mean - hat(i) * along) * of_row.inverse);
}

// A block sums a strip of 32 columns: its rows of threads each take every blockDim.y-th row, and are then
// summed in order.
template <class Term>
__device__ float down_columns(Int rows, const Term& term) {
  __shared__ float partial[32][33];
  float sum = 0;
  for (Int r = threadIdx.y; r < rows; r += blockDim.y) sum += term(r);
  __syncthreads();
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0) return 0;
  for (unsigned y = 1; y < blockDim.y; ++y) sum += partial[y][threadIdx.x];
  return sum;
}

__global__ void __launch_bounds__(1024) column_sum_kernel(View x, View out, Int rows, Int columns, bool add) {
  const Int c = blockIdx.x * Int{32} + threadIdx.x;
  const bool there = c < columns;
  const float sum = down_columns(rows, [&](Int r) { return there ? load(x, r * columns + c) : 0.0F; });
  if (there && threadIdx.y == 0) store(out, c, sum, add);
}

__global__ void __launch_bounds__(1024)
    norm_weights_kernel(View dy, View x, const Statistics* rows, View d_weight, View d_bias, NormShape s,
                        bool add) {
  const Int c = blockIdx.x * Int{32} + threadIdx.x;
  const bool there = c < s.columns;
  const float weight = down_columns(s.rows, [&](Int r) {
    if (!there) return 0.0F;
    return load(dy, r * s.columns + c) * ((load(x, r * s.columns + c) - rows[r].mean) * rows[r].inverse);
  });
  if (there && threadIdx.y == 0) store(d_weight, c, weight, add);
  if (!d_bias) return;
  const float bias = down_columns(s.rows, [&](Int r) { return there ? load(dy, r * s.columns + c) : 0.0F; });
  if (there && threadIdx.y == 0) store(d_bias, c, bias, add);
}

dim3 strip(Int rows) {
  unsigned y = 1;
  while (y < 32 && y * 4 < rows) y *= 2;
  return {32, y, 1};
}

NormShape shape_of(const Kernel& k, const TensorRef& x) {
  return {x.rows, x.columns, k.attributes.norm == Norm::layer, k.attributes.epsilon};
}

struct SoftmaxShape {
  Int sequence, heads;
  bool causal;
  AttentionPlace place;
  Dropout dropout;

  // Global element of key 0 of a row of (sequences, heads, queries).
  __device__ std::uint64_t first_element(Int row) const {
    return place.first_element(row / sequence / heads, row / sequence % heads, row % sequence);
  }
};

SoftmaxShape shape_of(const Kernel& k) {
  const KernelAttributes& a = k.attributes;
  return {a.sequence, a.heads, a.causal, place_of(a), dropout_of(k)};
}

__global__ void softmax_kernel(View scores, View out, View dropped, std::uint8_t* mask, SoftmaxShape s,
                               const StepValues* step) {
  const Int row = blockIdx.x, n = s.sequence, first = row * n;
  const Int seen = s.causal ? row % n + 1 : n;
  const float maximum = reduce(seen, Largest{}, [&](Int i) { return load(scores, first + i); });
  const float inverse =
      1.0F / reduce(seen, Plus{}, [&](Int i) { return fast_exp(load(scores, first + i) - maximum); });
  const std::uint64_t element = s.first_element(row);
  for (Int i = threadIdx.x; i < n; i += blockDim.x) {
    const float p = i < seen ? fast_exp(load(scores, first + i) - maximum) * inverse : 0.0F;
    store(out, first + i, p);
    if (!dropped && mask == nullptr) continue;
    const float factor = dropout_factor(s.dropout, step, element + static_cast<std::uint64_t>(i));
    if (dropped) store(dropped, first + i, p * factor);
    if (mask != nullptr) mask[first + i] = factor != 0 ? 1 : 0;
  }
}

// d scores = p (d - sum of p d), d being the gradient before dropout.
__global__ void softmax_gradient_kernel(View probabilities, View d_scores, const std::uint8_t* mask,
                                        SoftmaxShape s, const StepValues* step) {
  const Int row = blockIdx.x, n = s.sequence, first = row * n;
  const std::uint64_t element = s.first_element(row);
  const auto d = [&](Int i) {
    const float factor = mask != nullptr
                             ? (mask[first + i] != 0 ? s.dropout.scale : 0.0F)
                             : dropout_factor(s.dropout, step, element + static_cast<std::uint64_t>(i));
    return load(d_scores, first + i) * factor;
  };
  const float along = reduce(n, Plus{}, [&](Int i) { return load(probabilities, first + i) * d(i); });
  for (Int i = threadIdx.x; i < n; i += blockDim.x)
    store(d_scores, first + i, load(probabilities, first + i) * (d(i) - along));
}

}  // namespace

void column_sum(const Kernel& k, const Launch& at) {
  const TensorRef& x = k.in[0];
  column_sum_kernel<<<blocks_for(x.columns, 32), strip(x.rows), 0, at.stream>>>(
      view(x), view(k.out[0]), x.rows, x.columns, k.attributes.add);
}

void norm(const Kernel& k, const Launch& at) {
  const TensorRef &x = k.in[0], &weight = k.in[1], &bias = k.in[2], &out = k.out[0];
  if (x.rows == 0) return;
  const auto run = [&]<int width>() {
    norm_kernel<width><<<static_cast<unsigned>(x.rows), threads_for(x.columns), 0, at.stream>>>(
        view(x), view(weight), view(bias), view(out), shape_of(k, x));
  };
  by_four(x.columns, {x, weight, bias, out}) ? run.operator()<4>() : run.operator()<1>();
}

void norm_gradient(const Kernel& k, const Launch& at) {
  const TensorRef &dy = k.in[0], &x = k.in[1];
  auto* const rows = at.scratch.take<Statistics>(x.rows);
  const NormShape s = shape_of(k, x);
  if (x.rows > 0)
    norm_gradient_kernel<<<static_cast<unsigned>(x.rows), threads_for(x.columns), 0, at.stream>>>(
        view(dy), view(x), view(k.in[2]), view(k.out[0]), rows, s);
  norm_weights_kernel<<<blocks_for(x.columns, 32), strip(x.rows), 0, at.stream>>>(
      view(dy), view(x), rows, view(k.out[1]), view(k.out[2]), s, k.attributes.add);
}

void softmax(const Kernel& k, const Launch& at) {
  if (k.in[0].rows == 0) return;
  softmax_kernel<<<static_cast<unsigned>(k.in[0].rows), threads_for(k.attributes.sequence), 0, at.stream>>>(
      view(k.in[0]), view(k.out[0]), view(k.out[1]), static_cast<std::uint8_t*>(k.out[2].data), shape_of(k),
      at.step);
}

void softmax_gradient(const Kernel& k, const Launch& at) {
  if (k.out[0].rows == 0) return;
  softmax_gradient_kernel<<<static_cast<unsigned>(k.out[0].rows), threads_for(k.attributes.sequence), 0,
                            at.stream>>>(
      view(k.in[0]), view(k.out[0]), static_cast<const std::uint8_t*>(k.in[1].data), shape_of(k), at.step);
}

}  // namespace orrery::cuda
