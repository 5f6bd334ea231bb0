// The back end of `orrery calibrate` for kernels and collectives: replaces the constants of a calibration that the
// given points determine, and says how well they fit. Constants are rounded to four digits, as a file shows them.
#pragma once
#include <string>
#include <vector>

#include "profiler/fit_kernels.h"

namespace orrery {

struct KernelPoints {
  std::vector<MatmulPoint> matmuls;
  std::vector<CollectivePoint> collectives;
  bool fp8 = false;                   // the matrix products have FP8 inputs
  std::string source;                 // recorded as provenance: "XLA matrix-product table, bf16"
};

struct FitLine {
  std::string what;                   // "matmul16", "curves.all_reduce.8"
  Errors errors;                      // after the fit
};

std::vector<FitLine> calibrate_kernels(Calibration& calibration, const Device& device, const KernelPoints& points);

}  // namespace orrery
