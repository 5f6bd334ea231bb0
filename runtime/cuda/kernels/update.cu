// The update of parameters: all segments of a rank in one launch, a block a piece.
#include "runtime/cuda/kernels/kernels.h"
#include "runtime/cuda/kernels/view.cuh"

namespace orrery::cuda {
namespace {

constexpr unsigned threads = 256;

// The piece of this block.
struct Range {
  const Segment& segment;
  Int first, last;
};
__device__ Range range_of(const Segment* segments, const Tables::Piece* pieces) {
  const Tables::Piece p = pieces[blockIdx.x];
  const Segment& s = segments[p.segment];
  return {s, p.first, p.first + Tables::piece < s.count ? p.first + Tables::piece : s.count};
}
__device__ View gradient_of(const Segment& s) { return {s.gradient, s.gradient_type == DType::bf16}; }
__device__ View weight_of(const Segment& s) { return {s.weight, s.weight_type == DType::bf16}; }

__global__ void sum_of_squares_kernel(const Segment* segments, const Tables::Piece* pieces, float* partial) {
  const Range r = range_of(segments, pieces);
  const View gradient = gradient_of(r.segment);
  const float sum = reduce(r.last - r.first, Plus{}, [&](Int i) {
    const float g = load(gradient, r.first + i);
    return g * g;
  });
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One block: sums in a fixed order, in double.
__global__ void total_kernel(const float* partial, std::uint32_t n, float* out) {
  __shared__ double sums[threads];
  double sum = 0;
  for (std::uint32_t i = threadIdx.x; i < n; i += threads) sum += static_cast<double>(partial[i]);
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (unsigned i = 1; i < threads; ++i) sum += sums[i];
  *out = static_cast<float>(sum);
}

__device__ bool finite(float x) { return x - x == 0; }

__global__ void clip_kernel(const Segment* segments, const Tables::Piece* pieces, const float* squares,
                            const StepValues* step) {
  const float factor = step->clip / (std::sqrt(*squares) + 1e-6F);
  if (step->clip == 0 || !finite(*squares) || factor >= 1) return;
  const Range r = range_of(segments, pieces);
  const View gradient = gradient_of(r.segment);
  for (Int i = r.first + threadIdx.x; i < r.last; i += threads)
    store(gradient, i, load(gradient, i) * factor);
}

__global__ void adamw_kernel(const Segment* segments, const Tables::Piece* pieces, const float* squares,
                             const StepValues* step) {
  if (step->evaluate != 0 || (squares != nullptr && !finite(*squares))) return;
  const Range r = range_of(segments, pieces);
  const Segment& s = r.segment;
  const AdamW rule{step->learning_rate,
                   step->beta1,
                   step->beta2,
                   step->epsilon,
                   s.decay ? step->weight_decay : 0.0F,
                   step->correction1,
                   step->root_correction2};
  const View gradient = gradient_of(s), weight = weight_of(s);
  for (Int i = r.first + threadIdx.x; i < r.last; i += threads) {
    float first = s.first_moment[i], second = s.second_moment[i];
    float value = s.master != nullptr ? s.master[i] : load(weight, i);
    orrery::adamw(rule, load(gradient, i), first, second, value);
    s.first_moment[i] = first;
    s.second_moment[i] = second;
    if (s.master != nullptr) s.master[i] = value;
    store(weight, i, value);
  }
}

float* floats_of(const TensorRef& t) { return static_cast<float*>(t.data); }

}  // namespace

void sum_of_squares(const Kernel& k, const Launch& at) {
  const Tables::Segments& s = at.tables.segments(k.segments);
  auto* const partial = at.scratch.take<float>(s.count);
  if (s.count > 0) sum_of_squares_kernel<<<s.count, threads, 0, at.stream>>>(s.segments, s.pieces, partial);
  total_kernel<<<1, threads, 0, at.stream>>>(partial, s.count, floats_of(k.out[0]));
}

void clip(const Kernel& k, const Launch& at) {
  const Tables::Segments& s = at.tables.segments(k.segments);
  if (s.count > 0)
    clip_kernel<<<s.count, threads, 0, at.stream>>>(s.segments, s.pieces, floats_of(k.in[0]), at.step);
}

void adamw(const Kernel& k, const Launch& at) {
  const Tables::Segments& s = at.tables.segments(k.segments);
  if (s.count > 0)
    adamw_kernel<<<s.count, threads, 0, at.stream>>>(s.segments, s.pieces, floats_of(k.in[0]), at.step);
}

}  // namespace orrery::cuda
