// Kernels whose elements do not depend on each other: a thread an element, or four of a row.
#include "runtime/cuda/kernels/dropout.cuh"
#include "runtime/cuda/kernels/kernels.h"

namespace orrery::cuda {
namespace {

constexpr unsigned threads = 256;

// The thread's first element of n; n and beyond: none.
template <int width>
__device__ Int first_of_thread() {
  return (static_cast<Int>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
}

__device__ float activate(Activation kind, float x) {
  switch (kind) {
    case Activation::gelu:
      return orrery::activate<Activation::gelu>(x);
    case Activation::gelu_tanh:
      return orrery::activate<Activation::gelu_tanh>(x);
    case Activation::relu:
      return orrery::activate<Activation::relu>(x);
    case Activation::squared_relu:
      return orrery::activate<Activation::squared_relu>(x);
    default:
      return orrery::activate<Activation::silu>(x);
  }
}

__device__ float activate_gradient(Activation kind, float x) {
  switch (kind) {
    case Activation::gelu:
      return orrery::activate_gradient<Activation::gelu>(x);
    case Activation::gelu_tanh:
      return orrery::activate_gradient<Activation::gelu_tanh>(x);
    case Activation::relu:
      return orrery::activate_gradient<Activation::relu>(x);
    case Activation::squared_relu:
      return orrery::activate_gradient<Activation::squared_relu>(x);
    default:
      return orrery::activate_gradient<Activation::silu>(x);
  }
}

// Rows of `columns` results; of gated activations, the gate of a row and then its factors.
struct ActivationShape {
  Int elements, columns;
  Activation kind;
  bool gated;
};

template <int width>
__global__ void activation_kernel(View up, View out, ActivationShape s) {
  const Int i = first_of_thread<width>();
  if (i >= s.elements) return;
  const Int gate_at = s.gated ? i + i / s.columns * s.columns : i;
  Floats<width> x = load<width>(up, gate_at);
  for (float& v : x.v) v = activate(s.kind, v);
  if (s.gated) {
    const Floats<width> factor = load<width>(up, gate_at + s.columns);
    for (int j = 0; j < width; ++j) x.v[j] *= factor.v[j];
  }
  store(out, i, x);
}

template <int width>
__global__ void activation_gradient_kernel(View dy, View up, View d_up, ActivationShape s) {
  const Int i = first_of_thread<width>();
  if (i >= s.elements) return;
  const Int gate_at = s.gated ? i + i / s.columns * s.columns : i;
  const Floats<width> d = load<width>(dy, i), x = load<width>(up, gate_at);
  Floats<width> out;
  if (!s.gated) {
    for (int j = 0; j < width; ++j) out.v[j] = d.v[j] * activate_gradient(s.kind, x.v[j]);
    store(d_up, gate_at, out);
    return;
  }
  const Floats<width> factor = load<width>(up, gate_at + s.columns);
  Floats<width> d_factor;
  for (int j = 0; j < width; ++j) {
    out.v[j] = d.v[j] * factor.v[j] * activate_gradient(s.kind, x.v[j]);
    d_factor.v[j] = d.v[j] * activate(s.kind, x.v[j]);
  }
  store(d_up, gate_at, out);
  store(d_up, gate_at + s.columns, d_factor);
}

// Where the factors of dropout come from: a mask that was kept, or the key.
struct Factors {
  Dropout dropout;
  const std::uint8_t* mask;
  Int first_token, global_columns, columns;

  template <int width>
  __device__ Floats<width> at(const StepValues* step, Int i) const {
    const Int row = i / columns, column = i % columns;
    if (mask == nullptr)
      return dropout_factors<width>(
          dropout, step,
          first_element(first_token, row, global_columns) + static_cast<std::uint64_t>(column));
    Floats<width> out;
    for (int j = 0; j < width; ++j) out.v[j] = mask[i + j] != 0 ? dropout.scale : 0.0F;
    return out;
  }
};

Factors factors_of(const Kernel& k, const TensorRef& mask) {
  const KernelAttributes& a = k.attributes;
  return {dropout_of(k), static_cast<const std::uint8_t*>(mask.data), a.first_token, a.global_columns,
          k.out[0].columns};
}

template <int width>
__global__ void residual_kernel(View stream, View branch, View bias, View out, std::uint8_t* mask, Int n,
                                Factors factors, const StepValues* step) {
  const Int i = first_of_thread<width>();
  if (i >= n) return;
  const Floats<width> x = load<width>(stream, i), factor = factors.at<width>(step, i);
  Floats<width> y = load<width>(branch, i), to;
  if (bias) {
    const Floats<width> b = load<width>(bias, i % factors.columns);
    for (int j = 0; j < width; ++j) y.v[j] += b.v[j];
  }
  for (int j = 0; j < width; ++j) to.v[j] = x.v[j] + y.v[j] * factor.v[j];
  store(out, i, to);
  if (mask == nullptr) return;
  for (int j = 0; j < width; ++j) mask[i + j] = factor.v[j] != 0 ? 1 : 0;
}

template <int width>
__global__ void residual_gradient_kernel(View dy, View out, Int n, Factors factors, const StepValues* step) {
  const Int i = first_of_thread<width>();
  if (i >= n) return;
  Floats<width> d = load<width>(dy, i);
  const Floats<width> factor = factors.at<width>(step, i);
  for (int j = 0; j < width; ++j) d.v[j] *= factor.v[j];
  store(out, i, d);
}

template <int width>
__global__ void add_kernel(View from, View to, Int n) {
  const Int i = first_of_thread<width>();
  if (i >= n) return;
  Floats<width> sum = load<width>(to, i);
  const Floats<width> x = load<width>(from, i);
  for (int j = 0; j < width; ++j) sum.v[j] += x.v[j];
  store(to, i, sum);
}

template <int width>
__global__ void convert_kernel(View from, View to, Int n) {
  const Int i = first_of_thread<width>();
  if (i < n) store(to, i, load<width>(from, i));
}

__global__ void convert_rows_kernel(View from, View to, Int n, Int columns, Int stride) {
  const Int i = first_of_thread<1>();
  if (i < n) store(to, i / columns * stride + i % columns, load(from, i));
}

struct RotaryShape {
  Int pairs, heads, columns, sequence, n;  // n: pairs of all tokens and heads
  bool inverse;
};

__global__ void rotary_kernel(View qkv, const float* table, RotaryShape s) {
  const Int i = first_of_thread<1>();
  if (i >= s.n) return;
  const Int pair = i % s.pairs, head = i / s.pairs % s.heads, token = i / s.pairs / s.heads;
  const float* cosine = table + token % s.sequence * 2 * s.pairs + pair;
  const float sine = cosine[s.pairs];
  const Int at = token * s.columns + head * 2 * s.pairs + pair;
  const Pair turned = rotate({load(qkv, at), load(qkv, at + s.pairs)}, *cosine, s.inverse ? -sine : sine);
  store(qkv, at, turned.a);
  store(qkv, at + s.pairs, turned.b);
}

__global__ void set_step_kernel(StepValues* to, StepValues values) { *to = values; }

// call.operator()<width>(blocks) for n elements in rows of `columns`.
template <class Call>
void by_width(Int n, Int columns, std::initializer_list<TensorRef> tensors, const Call& call) {
  if (n == 0) return;
  if (by_four(columns, tensors))
    call.template operator()<4>(blocks_for(n / 4, threads));
  else
    call.template operator()<1>(blocks_for(n, threads));
}

}  // namespace

void set_step(StepValues* to, const StepValues& values, cudaStream_t stream) {
  set_step_kernel<<<1, 1, 0, stream>>>(to, values);
}

void activation(const Kernel& k, const Launch& at) {
  const TensorRef &up = k.in[0], &out = k.out[0];
  const ActivationShape s{out.elements(), out.columns, k.attributes.activation, k.attributes.gated};
  by_width(s.elements, out.columns, {up, out}, [&]<int width>(unsigned blocks) {
    activation_kernel<width><<<blocks, threads, 0, at.stream>>>(view(up), view(out), s);
  });
}

void activation_gradient(const Kernel& k, const Launch& at) {
  const TensorRef &dy = k.in[0], &up = k.in[1], &d_up = k.out[0];
  const ActivationShape s{dy.elements(), dy.columns, k.attributes.activation, k.attributes.gated};
  by_width(s.elements, dy.columns, {dy, up, d_up}, [&]<int width>(unsigned blocks) {
    activation_gradient_kernel<width><<<blocks, threads, 0, at.stream>>>(view(dy), view(up), view(d_up), s);
  });
}

void residual(const Kernel& k, const Launch& at) {
  const TensorRef &stream = k.in[0], &branch = k.in[1], &bias = k.in[2], &out = k.out[0];
  const Factors factors = factors_of(k, {});
  by_width(out.elements(), out.columns, {stream, branch, bias, out}, [&]<int width>(unsigned blocks) {
    residual_kernel<width><<<blocks, threads, 0, at.stream>>>(
        view(stream), view(branch), view(bias), view(out), static_cast<std::uint8_t*>(k.out[1].data),
        out.elements(), factors, at.step);
  });
}

void residual_gradient(const Kernel& k, const Launch& at) {
  const TensorRef &dy = k.in[0], &out = k.out[0];
  const Factors factors = factors_of(k, k.in[1]);
  by_width(out.elements(), out.columns, {dy, out}, [&]<int width>(unsigned blocks) {
    residual_gradient_kernel<width>
        <<<blocks, threads, 0, at.stream>>>(view(dy), view(out), out.elements(), factors, at.step);
  });
}

void add(const Kernel& k, const Launch& at) {
  const TensorRef &from = k.in[0], &to = k.out[0];
  by_width(to.elements(), to.elements(), {from, to}, [&]<int width>(unsigned blocks) {
    add_kernel<width><<<blocks, threads, 0, at.stream>>>(view(from), view(to), to.elements());
  });
}

void convert(const TensorRef& from, const TensorRef& to, cudaStream_t stream) {
  by_width(to.elements(), to.elements(), {from, to}, [&]<int width>(unsigned blocks) {
    convert_kernel<width><<<blocks, threads, 0, stream>>>(view(from), view(to), to.elements());
  });
}
void convert(const Kernel& k, const Launch& at) { convert(k.in[0], k.out[0], at.stream); }

void convert_rows(const TensorRef& from, void* to, DType type, std::int64_t stride, cudaStream_t stream) {
  convert_rows_kernel<<<blocks_for(from.elements(), threads), threads, 0, stream>>>(
      view(from), {to, type == DType::bf16}, from.elements(), from.columns, stride);
}

void zero(const Kernel& k, const Launch& at) {
  const auto bytes = static_cast<std::size_t>(k.out[0].elements() * size_of(k.out[0].dtype));
  cudaMemsetAsync(k.out[0].data, 0, bytes, at.stream);
}

void rotary(const Kernel& k, const Launch& at) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& qkv = k.out[0];
  RotaryShape s{a.head_dim / 2, a.heads + a.kv_heads, qkv.columns, a.sequence, 0, a.inverse};
  s.n = qkv.rows * s.heads * s.pairs;
  if (s.n == 0) return;
  rotary_kernel<<<blocks_for(s.n, threads), threads, 0, at.stream>>>(
      view(qkv), at.tables.rotary(a.rotary, a.sequence, a.head_dim), s);
}

}  // namespace orrery::cuda
