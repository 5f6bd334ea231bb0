// The update of parameters: all segments of a rank in one kernel.
#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {
namespace {

TensorRef gradient_of(const Segment& s) { return {s.gradient, s.gradient_type, 1, s.count}; }
TensorRef weight_of(const Segment& s) { return {s.weight, s.weight_type, 1, s.count}; }

// body(segment, first, count) for all pieces of all segments.
template <class Body>
void in_pieces(const Kernel& k, const Body& body) {
  for (const Segment& s : k.segments)
    for (std::int64_t first = 0; first < s.count; first += piece)
      body(s, first, s.count - first < piece ? s.count - first : piece);
}

float scalar(const TensorRef& t) { return *static_cast<const float*>(t.data); }

}  // namespace

void sum_of_squares(const Kernel& k, KernelWorkspace& workspace) {
  float* scratch = workspace.floats(piece);
  double total = 0;  // of fp32 sums of pieces
  in_pieces(k, [&](const Segment& s, std::int64_t first, std::int64_t count) {
    const float* g = read(gradient_of(s), first, count, scratch);
    total += static_cast<double>(sum_of(count, [g](std::int64_t i) { return g[i] * g[i]; }));
  });
  *static_cast<float*>(k.out[0].data) = static_cast<float>(total);
}

void clip(const Kernel& k, KernelWorkspace& workspace) {
  const float squares = scalar(k.in[0]), factor = k.step->clip / (std::sqrt(squares) + 1e-6F);
  if (k.step->clip == 0 || !std::isfinite(squares) || factor >= 1) return;
  float* scratch = workspace.floats(piece);
  in_pieces(k, [&](const Segment& s, std::int64_t first, std::int64_t count) {
    const float* g = read(gradient_of(s), first, count, scratch);
    float* to = place(gradient_of(s), first, scratch);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) to[i] = g[i] * factor;
    write(gradient_of(s), first, count, to);
  });
}

void adamw(const Kernel& k, KernelWorkspace& workspace) {
  if (k.step->evaluate || (k.in[0] && !std::isfinite(scalar(k.in[0])))) return;
  const StepArguments& step = *k.step;
  const double t = static_cast<double>(step.step + 1);
  const double correction2 = 1 - std::pow(static_cast<double>(step.beta2), t);
  AdamW rule{.learning_rate = step.learning_rate,
             .beta1 = step.beta1,
             .beta2 = step.beta2,
             .epsilon = step.epsilon,
             .decay = 0,
             .correction1 = static_cast<float>(1 - std::pow(static_cast<double>(step.beta1), t)),
             .root_correction2 = static_cast<float>(std::sqrt(correction2))};
  float* gradient_scratch = workspace.floats(piece);
  float* weight_scratch = workspace.floats(piece);
  in_pieces(k, [&](const Segment& s, std::int64_t first, std::int64_t count) {
    rule.decay = s.decay ? step.weight_decay : 0;
    const TensorRef exact = s.master != nullptr ? TensorRef{s.master, DType::fp32, 1, s.count} : weight_of(s);
    const float* g = read(gradient_of(s), first, count, gradient_scratch);
    const float* before = read(exact, first, count, weight_scratch);
    float* after = place(exact, first, weight_scratch);
    float* first_moment = s.first_moment + first;
    float* second_moment = s.second_moment + first;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      float weight = before[i];
      orrery::adamw(rule, g[i], first_moment[i], second_moment[i], weight);
      after[i] = weight;
    }
    write(exact, first, count, after);
    if (s.master != nullptr) write(weight_of(s), first, count, after);
  });
}

}  // namespace orrery::ORRERY_ISA
