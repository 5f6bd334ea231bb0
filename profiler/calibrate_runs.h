// The back end of `orrery calibrate` for whole runs: fits constants of one calibration to the runs that its stacks
// map to it, by simulating each of them. Only runs whose split may set constants are used; the others are reported
// with the errors that the fitted calibration has on them.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "profiler/fit_runs.h"
#include "profiler/validate.h"

namespace orrery {

struct RunCalibration {
  RunFit fit;
  std::vector<std::string> used;      // ids of the runs that set the constants
  Errors held_out;                    // of the runs that did not
};

// `preset`: the calibration to start from, as the table of stacks names it. Ends in fail() where fit_runs() does.
RunCalibration calibrate_runs(std::span<const MeasuredRun> runs, const ValidationInputs& in, const std::string& preset,
                              std::span<const std::string> constants, const RunFitOptions& options);

}  // namespace orrery
