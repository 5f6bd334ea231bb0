// Calibration of kernels and collectives from measured points: the constants of matrix products, and the curves of
// collectives inside a node.
#pragma once
#include <span>

#include "profiler/fit.h"
#include "profiler/points.h"
#include "sim/cluster/cluster.h"

namespace orrery {

struct MatmulFit {
  MatmulConstants constants;
  Seconds launch{};                   // of one product measured alone: host launch and kernel gap together
  Errors before, after;
};
// Points measured at the device's nominal rate; `fp8`: FP8 inputs. Starts from `start`.
MatmulFit fit_matmul(std::span<const MatmulPoint>, const Device&, bool fp8, const MatmulConstants& start);

struct CurveFit {
  Curve curve;
  Errors after;
};
// One curve for each operation and number of ranks with at least 6 points of `smallest` or more: with NCCL, smaller
// buffers go by other protocols, and by the host's launch.
std::vector<CurveFit> fit_curves(std::span<const CollectivePoint>, Bytes smallest = {100'000});

}  // namespace orrery
