// Cross-entropy over a vocabulary that may be cut by columns over tensor ranks (Shoeybi et al. 2019, section
// 3).
#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {
namespace {

std::int64_t label_of(const TensorRef& labels, std::int64_t t) {
  return static_cast<const std::int64_t*>(labels.data)[t];
}

}  // namespace

void cross_entropy(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef& logits = k.in[0];
  const std::int64_t columns = logits.columns, tokens = logits.rows,
                     beyond = k.attributes.vocab - k.attributes.first_row;
  const std::int64_t counted = beyond < 0 ? 0 : (beyond < columns ? beyond : columns);
  float* row = workspace.floats(columns);
  float* sums = static_cast<float*>(k.out[1].data);
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float* x = read(logits, t * columns, columns, row);
    const std::int64_t label = label_of(k.in[1], t) - k.attributes.first_row;
    const bool here = label_of(k.in[1], t) >= 0 && label >= 0 && label < counted;
    const float logit = here ? x[label] : 0.0F;
    const float maximum = maximum_of(x, counted);
    float* e = floats_at(k.out[0], t * columns);
    const float sum =
        sum_of(counted, [x, e, maximum](std::int64_t i) { return e[i] = fast_exp(x[i] - maximum); });
    fill(e + counted, columns - counted, 0);
    sums[t] = maximum;
    sums[tokens + t] = maximum;
    sums[2 * tokens + t] = sum;
    sums[3 * tokens + t] = logit;
  }
}

void cross_entropy_shift(const Kernel& k, KernelWorkspace&) {
  const std::int64_t tokens = k.out[0].columns;
  float* sums = static_cast<float*>(k.out[0].data);
#pragma omp simd
  for (std::int64_t t = 0; t < tokens; ++t) sums[2 * tokens + t] *= fast_exp(sums[t] - sums[tokens + t]);
}

void cross_entropy_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &exponentials = k.in[0], &out = k.out[0];
  const std::int64_t columns = exponentials.columns, tokens = exponentials.rows;
  const float* sums = static_cast<const float*>(k.in[1].data);
  float* row = workspace.floats(columns);
  double loss = 0;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float own_maximum = sums[t], maximum = sums[tokens + t], sum = sums[2 * tokens + t];
    const std::int64_t label = label_of(k.in[2], t), here = label - k.attributes.first_row;
    const bool counted = label >= 0;
    if (counted) loss += static_cast<double>(maximum + std::log(sum) - sums[3 * tokens + t]);
    const float factor = counted ? k.attributes.scale * std::exp(own_maximum - maximum) / sum : 0.0F;
    const float* e = floats_at(exponentials, t * columns);
    float* to = place(out, t * columns, row);
#pragma omp simd
    for (std::int64_t i = 0; i < columns; ++i) to[i] = e[i] * factor;
    if (counted && here >= 0 && here < columns) to[here] -= k.attributes.scale;
    write(out, t * columns, columns, to);
  }
  float& total = *static_cast<float*>(k.out[1].data);
  total = static_cast<float>(loss) + (k.attributes.add ? total : 0.0F);
}

}  // namespace orrery::ORRERY_ISA
