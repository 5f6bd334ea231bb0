// Calibration from whole runs: the few constants of a cluster and its software that no kernel measurement gives
// (sustained clock, memory efficiency, and the like), fitted to measured step times. The caller predicts; here is the
// choice of values. Refused when it would need a knob a run.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "profiler/fit.h"
#include "sim/cost/calibration.h"

namespace orrery {

struct RunFitOptions {
  std::string source;                 // recorded as the provenance of what is fitted
  double prior = 0.02;                // see FitOptions
  std::size_t runs_a_constant = 1;    // fewest
};

struct RunFit {
  Calibration calibration;
  std::vector<std::string> names;     // of the constants
  std::vector<double> values;
  Errors before, after;
  std::vector<double> predicted;      // by run, with the fitted calibration
};

// The step time of run `run` under a calibration.
using PredictRun = std::function<double(std::size_t run, const Calibration&)>;

// Constants that runs can tell: name and the range that a fit may move them in.
std::span<const Parameter> run_constants();

// Ends in fail() for a name that is not one of run_constants(), a start of 0, and too few runs.
RunFit fit_runs(const Calibration& start, std::span<const std::string> names, std::span<const double> measured_seconds,
                const PredictRun& predict, const RunFitOptions& options = {});

}  // namespace orrery
