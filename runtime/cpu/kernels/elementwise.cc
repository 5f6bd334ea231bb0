// Kernels whose elements do not depend on each other.
#include <algorithm>
#include <cstring>

#include "runtime/cpu/kernels/dropout.h"
#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {
namespace {

// body(first, count) for all pieces of n elements.
template <class Body>
void in_pieces(std::int64_t n, const Body& body) {
  for (std::int64_t first = 0; first < n; first += piece) body(first, n - first < piece ? n - first : piece);
}

template <Activation kind>
void activate_row(const float* up, bool gated, std::int64_t f, float* out) {
  const float* factor = up + f;
  if (gated) {
#pragma omp simd
    for (std::int64_t i = 0; i < f; ++i) out[i] = activate<kind>(up[i]) * factor[i];
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < f; ++i) out[i] = activate<kind>(up[i]);
  }
}

template <Activation kind>
void activate_row_gradient(const float* dy, const float* up, bool gated, std::int64_t f, float* d_up) {
  const float* factor = up + f;
  float* d_factor = d_up + f;
  if (gated) {
#pragma omp simd
    for (std::int64_t i = 0; i < f; ++i) {
      const float gate = up[i], gradient = dy[i], factor_i = factor[i];
      d_up[i] = gradient * factor_i * activate_gradient<kind>(gate);
      d_factor[i] = gradient * activate<kind>(gate);
    }
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < f; ++i) d_up[i] = dy[i] * activate_gradient<kind>(up[i]);
  }
}

// call.operator()<kind>() of the activation that is asked for.
template <class Call>
void with_activation(Activation kind, const Call& call) {
  switch (kind) {
    case Activation::gelu:
      return call.template operator()<Activation::gelu>();
    case Activation::gelu_tanh:
      return call.template operator()<Activation::gelu_tanh>();
    case Activation::relu:
      return call.template operator()<Activation::relu>();
    case Activation::squared_relu:
      return call.template operator()<Activation::squared_relu>();
    case Activation::silu:
      return call.template operator()<Activation::silu>();
  }
}

}  // namespace

void activation(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &up = k.in[0], &out = k.out[0];
  float* up_row = workspace.floats(up.columns);
  float* out_row = workspace.floats(out.columns);
  with_activation(k.attributes.activation, [&]<Activation kind>() {
    for (std::int64_t t = 0; t < out.rows; ++t) {
      float* to = place(out, t * out.columns, out_row);
      activate_row<kind>(read(up, t * up.columns, up.columns, up_row), k.attributes.gated, out.columns, to);
      write(out, t * out.columns, out.columns, to);
    }
  });
}

void activation_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &dy = k.in[0], &up = k.in[1], &d_up = k.out[0];
  float* dy_row = workspace.floats(dy.columns);
  float* up_row = workspace.floats(up.columns);
  float* d_up_row = workspace.floats(up.columns);
  with_activation(k.attributes.activation, [&]<Activation kind>() {
    for (std::int64_t t = 0; t < dy.rows; ++t) {
      float* to = place(d_up, t * up.columns, d_up_row);
      activate_row_gradient<kind>(read(dy, t * dy.columns, dy.columns, dy_row),
                                  read(up, t * up.columns, up.columns, up_row), k.attributes.gated,
                                  dy.columns, to);
      write(d_up, t * up.columns, up.columns, to);
    }
  });
}

void residual(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &stream = k.in[0], &branch = k.in[1], &bias = k.in[2], &out = k.out[0];
  const std::int64_t h = out.columns;
  float* stream_row = workspace.floats(h);
  float* branch_row = workspace.floats(h);
  float* out_row = workspace.floats(h);
  float* bias_row = workspace.floats(h);
  fill(bias_row, h, 0);
  const float* b = bias ? read(bias, 0, h, bias_row) : bias_row;
  const DropoutRows factors(k, {}, h, workspace);
  for (std::int64_t t = 0; t < out.rows; ++t) {
    const float* x = read(stream, t * h, h, stream_row);
    const float* y = read(branch, t * h, h, branch_row);
    const float* factor = factors.row(t, first_element(k.attributes, t));
    float* to = place(out, t * h, out_row);
#pragma omp simd
    for (std::int64_t i = 0; i < h; ++i) to[i] = x[i] + (y[i] + b[i]) * factor[i];
    write(out, t * h, h, to);
    if (k.out[1]) write_mask(factor, h, static_cast<std::uint8_t*>(k.out[1].data) + t * h);
  }
}

void residual_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &dy = k.in[0], &out = k.out[0];
  const std::int64_t h = out.columns;
  float* dy_row = workspace.floats(h);
  float* out_row = workspace.floats(h);
  const DropoutRows factors(k, k.in[1], h, workspace);
  for (std::int64_t t = 0; t < out.rows; ++t) {
    const float* d = read(dy, t * h, h, dy_row);
    const float* factor = factors.row(t, first_element(k.attributes, t));
    float* to = place(out, t * h, out_row);
#pragma omp simd
    for (std::int64_t i = 0; i < h; ++i) to[i] = d[i] * factor[i];
    write(out, t * h, h, to);
  }
}

void add(const Kernel& k, KernelWorkspace& workspace) {
  float* row = workspace.floats(piece);
  in_pieces(k.out[0].elements(), [&](std::int64_t first, std::int64_t count) {
    write_sum(k.out[0], first, count, read(k.in[0], first, count, row));
  });
}

void convert(const Kernel& k, KernelWorkspace& workspace) {
  float* row = workspace.floats(piece);
  in_pieces(k.out[0].elements(), [&](std::int64_t first, std::int64_t count) {
    write(k.out[0], first, count, read(k.in[0], first, count, row));
  });
}

void zero(const Kernel& k, KernelWorkspace&) {
  std::memset(k.out[0].data, 0, static_cast<std::size_t>(k.out[0].elements() * size_of(k.out[0].dtype)));
}

}  // namespace orrery::ORRERY_ISA
