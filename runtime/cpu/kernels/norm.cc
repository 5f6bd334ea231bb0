// LayerNorm (Ba et al. 2016) and RMSNorm (Zhang & Sennrich 2019). The gradient computes the statistics again,
// so that nothing but x is kept between the passes.
#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {
namespace {

struct Statistics {
  float mean = 0, inverse = 0;  // 1 / standard deviation, or 1 / root mean square
};

Statistics statistics(const KernelAttributes& a, const float* x, std::int64_t h) {
  const float n = static_cast<float>(h);
  float mean = 0;
  if (a.norm == Norm::layer) mean = sum_of(h, [x](std::int64_t i) { return x[i]; }) / n;
  const float squares = sum_of(h, [x, mean](std::int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  return {mean, 1.0F / std::sqrt(squares / n + a.epsilon)};
}

}  // namespace

void norm(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &x = k.in[0], &weight = k.in[1], &bias = k.in[2], &out = k.out[0];
  const std::int64_t h = x.columns;
  float* x_row = workspace.floats(h);
  float* out_row = workspace.floats(h);
  const float* w = read(weight, 0, h, workspace.floats(h));
  float* no_bias = workspace.floats(h);
  fill(no_bias, h, 0);
  const float* b = bias ? read(bias, 0, h, no_bias) : no_bias;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    const float* from = read(x, t * h, h, x_row);
    const Statistics s = statistics(k.attributes, from, h);
    float* to = place(out, t * h, out_row);
#pragma omp simd
    for (std::int64_t i = 0; i < h; ++i) to[i] = w[i] * ((from[i] - s.mean) * s.inverse) + b[i];
    write(out, t * h, h, to);
  }
}

// With y = w n + b, n = (x - mean) / sigma and g = w dy: dx = (g - mean(g) - n mean(g n)) / sigma, where the
// mean of g is left out for RMSNorm.
void norm_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &dy = k.in[0], &x = k.in[1], &weight = k.in[2], &dx = k.out[0];
  const std::int64_t h = x.columns;
  float* dy_row = workspace.floats(h);
  float* x_row = workspace.floats(h);
  float* dx_row = workspace.floats(h);
  float* d_weight = workspace.floats(h);
  float* d_bias = workspace.floats(h);
  const float* w = read(weight, 0, h, workspace.floats(h));
  fill(d_weight, h, 0);
  fill(d_bias, h, 0);
  for (std::int64_t t = 0; t < x.rows; ++t) {
    const float* d = read(dy, t * h, h, dy_row);
    const float* from = read(x, t * h, h, x_row);
    const Statistics s = statistics(k.attributes, from, h);
    const auto hat = [from, s](std::int64_t i) { return (from[i] - s.mean) * s.inverse; };
    const float n = static_cast<float>(h);
    const float mean = k.attributes.norm == Norm::layer
                           ? sum_of(h, [w, d](std::int64_t i) { return w[i] * d[i]; }) / n
                           : 0.0F;
    const float along = sum_of(h, [&](std::int64_t i) { return w[i] * d[i] * hat(i); }) / n;
    float* to = place(dx, t * h, dx_row);
#pragma omp simd
    for (std::int64_t i = 0; i < h; ++i) {
      const float n_i = hat(i), d_i = d[i];
      d_weight[i] += d_i * n_i;
      d_bias[i] += d_i;
      to[i] = (w[i] * d_i - mean - n_i * along) * s.inverse;
    }
    write(dx, t * h, h, to);
  }
  write(k.out[1], 0, h, d_weight, k.attributes.add);
  if (k.out[2]) write(k.out[2], 0, h, d_bias, k.attributes.add);
}

}  // namespace orrery::ORRERY_ISA
