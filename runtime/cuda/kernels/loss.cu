// Cross-entropy over a vocabulary that may be cut by columns over tensor ranks (Shoeybi et al. 2019, section
// 3). A block works through the logits of a token.
#include <algorithm>

#include "runtime/cuda/kernels/kernels.h"
#include "runtime/cuda/kernels/view.cuh"

namespace orrery::cuda {
namespace {

struct Vocabulary {
  Int columns, counted, first_row;  // of this rank; those that are not padding
};

__global__ void cross_entropy_kernel(View logits, const Int* labels, float* exponentials, float* sums,
                                     Vocabulary v) {
  const Int t = blockIdx.x, tokens = gridDim.x, first = t * v.columns;
  const float maximum = reduce(v.counted, Largest{}, [&](Int i) { return load(logits, first + i); });
  float* const e = exponentials + first;
  const float sum =
      reduce(v.counted, Plus{}, [&](Int i) { return e[i] = fast_exp(load(logits, first + i) - maximum); });
  for (Int i = v.counted + threadIdx.x; i < v.columns; i += blockDim.x) e[i] = 0;
  if (threadIdx.x > 0) return;
  const Int label = labels[t] - v.first_row;
  const bool here = labels[t] >= 0 && label >= 0 && label < v.counted;
  sums[t] = maximum;
  sums[tokens + t] = maximum;
  sums[2 * tokens + t] = sum;
  sums[3 * tokens + t] = here ? load(logits, first + label) : 0.0F;
}

__global__ void cross_entropy_shift_kernel(float* sums, Int tokens) {
  const Int t = static_cast<Int>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (t < tokens) sums[2 * tokens + t] *= fast_exp(sums[t] - sums[tokens + t]);
}

__global__ void cross_entropy_gradient_kernel(const float* exponentials, const float* sums, const Int* labels,
                                              View out, Vocabulary v, float scale) {
  const Int t = blockIdx.x, tokens = gridDim.x, first = t * v.columns;
  const Int label = labels[t], here = label - v.first_row;
  const bool counted = label >= 0;
  const float factor = counted ? scale * fast_exp(sums[t] - sums[tokens + t]) / sums[2 * tokens + t] : 0.0F;
  for (Int i = threadIdx.x; i < v.columns; i += blockDim.x) {
    const float d = exponentials[first + i] * factor;
    store(out, first + i, counted && i == here ? d - scale : d);
  }
}

// One block: the loss of all tokens.
__global__ void loss_kernel(const float* sums, const Int* labels, float* out, Int tokens, bool add) {
  __shared__ double partial[1024];
  double loss = 0;
  for (Int t = threadIdx.x; t < tokens; t += blockDim.x)
    if (labels[t] >= 0)
      loss += static_cast<double>(sums[tokens + t] + std::log(sums[2 * tokens + t]) - sums[3 * tokens + t]);
  partial[threadIdx.x] = loss;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (unsigned i = 1; i < blockDim.x; ++i) loss += partial[i];
  *out = static_cast<float>(loss) + (add ? *out : 0.0F);
}

const Int* ids_of(const TensorRef& t) { return static_cast<const Int*>(t.data); }
float* floats_of(const TensorRef& t) { return static_cast<float*>(t.data); }

}  // namespace

void cross_entropy(const Kernel& k, const Launch& at) {
  const TensorRef& logits = k.in[0];
  if (logits.rows == 0) return;
  const Int beyond = k.attributes.vocab - k.attributes.first_row;
  const Vocabulary v{logits.columns, std::clamp<Int>(beyond, 0, logits.columns), k.attributes.first_row};
  cross_entropy_kernel<<<static_cast<unsigned>(logits.rows), threads_for(v.columns), 0, at.stream>>>(
      view(logits), ids_of(k.in[1]), floats_of(k.out[0]), floats_of(k.out[1]), v);
}

void cross_entropy_shift(const Kernel& k, const Launch& at) {
  const Int tokens = k.out[0].columns;
  if (tokens == 0) return;
  cross_entropy_shift_kernel<<<blocks_for(tokens, 128), 128, 0, at.stream>>>(floats_of(k.out[0]), tokens);
}

void cross_entropy_gradient(const Kernel& k, const Launch& at) {
  const TensorRef& exponentials = k.in[0];
  const Vocabulary v{exponentials.columns, exponentials.columns, k.attributes.first_row};
  const Int tokens = exponentials.rows;
  if (tokens > 0)
    cross_entropy_gradient_kernel<<<static_cast<unsigned>(tokens), threads_for(v.columns), 0, at.stream>>>(
        floats_of(exponentials), floats_of(k.in[1]), ids_of(k.in[2]), view(k.out[0]), v, k.attributes.scale);
  loss_kernel<<<1, threads_for(tokens), 0, at.stream>>>(floats_of(k.in[1]), ids_of(k.in[2]),
                                                        floats_of(k.out[1]), tokens, k.attributes.add);
}

}  // namespace orrery::cuda
