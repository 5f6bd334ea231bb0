#include "profiler/calibrate.h"

#include <algorithm>

#include "sim/cost/constants.h"

namespace orrery {
namespace {

void record(Calibration& c, const std::string& name, Evidence evidence, const std::string& source) {
  c.provenance[name] = {evidence, source};
}

}  // namespace

std::vector<FitLine> calibrate_kernels(Calibration& c, const Device& device, const KernelPoints& points) {
  std::vector<FitLine> lines;
  if (!points.matmuls.empty()) {
    const std::string prefix = points.fp8 ? "matmul8" : "matmul16";
    MatmulConstants& constants = points.fp8 ? c.matmul8 : c.matmul16;
    const MatmulFit found = fit_matmul(points.matmuls, device, points.fp8, constants);
    constants = {rounded(found.constants.efficiency), {rounded(found.constants.epilogue.v)},
                 rounded(found.constants.tile_exponent), rounded(found.constants.memory_efficiency)};
    for (const char* name : {".efficiency", ".epilogue", ".tile_exponent", ".memory_efficiency"})
      record(c, prefix + name, Evidence::calibrated, points.source);
    lines.push_back({prefix, found.after});
  }
  for (const CurveFit& found : fit_curves(points.collectives)) {
    const Curve curve{found.curve.kind, found.curve.ranks, {rounded(found.curve.latency.v)},
                      {rounded(found.curve.bandwidth.v)}, {rounded(found.curve.ramp.v)}};
    const std::string key = curve_key(curve);
    const auto old = std::find_if(c.curves.begin(), c.curves.end(), [&](const Curve& x) { return curve_key(x) == key; });
    if (old == c.curves.end()) c.curves.push_back(curve);
    else *old = curve;
    record(c, key, Evidence::measured, points.source);
    lines.push_back({key, found.after});
  }
  return lines;
}

}  // namespace orrery
