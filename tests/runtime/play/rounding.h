// How far training in bf16, with fp32 gradients and master weights, may be from training in fp32. Rounding is
// its own yardstick: one rank in bf16 differs from one rank in fp32 by what rounding activations and weights
// to 8 bits does. A plan rounds partial sums besides, in at most as many places again (each linear's output
// is a sum of tp rounded ones), so that its difference from fp32 is of the same size: independent errors add
// as squares, and what a tensor of few elements draws scatters.
#pragma once
#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"

namespace orrery::testing {

inline constexpr Precision in_bf16{DType::bf16, DType::bf16, DType::fp32, true};

// One rank on the CPU, in both precisions.
struct Rounded {
  Trained fp32, bf16;
};
Rounded rounded(const Draw&, const TrainOptions&);

// That every loss, gradient and weight of a run in bf16 is as close to fp32 as one rank's.
void expect_as_close(const Trained& got, const Rounded& one);

}  // namespace orrery::testing
