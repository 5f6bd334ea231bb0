// Predicted against measured: every published run that can be simulated is, with the calibration of its
// software stack, and the errors are summed up by source. Runs that set constants and runs that only test are
// told apart.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "profiler/fit.h"
#include "profiler/runs.h"
#include "profiler/runs_scenario.h"
#include "sim/base/interfaces.h"
#include "sim/base/library.h"
#include "sim/evaluate.h"

namespace orrery {

struct ValidatedRun {
  MeasuredRun run;
  bool supported = false;
  std::string reason;                    // why not
  std::string stack, calibration, plan;  // plan: its summary
  double predicted_s = 0;
  double predicted_mem_gib = 0;  // of the fullest device
  bool has_error() const { return supported && run.measured_s > 0; }
  bool has_memory_error() const { return supported && run.measured_mem_gib > 0; }
  double error_pct() const { return 100 * (predicted_s / run.measured_s - 1); }
  double memory_error_pct() const { return 100 * (predicted_mem_gib / run.measured_mem_gib - 1); }
};

// What validation reads besides the runs.
struct ValidationInputs {
  Files& files;
  Library& library;  // clusters, calibrations
  Stacks stacks;
  std::string calibration;  // a preset or path for all runs instead of their stack's; empty: the stack's
};

// Each run as the simulator takes it, or why it can't be, and the calibrations of those that can. Ends in
// fail() only on inputs of ours: a stack's cluster or calibration.
struct MappedRuns {
  std::vector<MappedRun> runs;
  std::map<std::string, Calibration> calibrations;  // by RunScenario::calibration
};
MappedRuns map_runs(std::span<const MeasuredRun>, const ValidationInputs&);

// In the order of `runs`; the same for any number of workers. A run that can't be compiled or priced is not
// supported, with the reason. Fails as map_runs() does.
std::vector<ValidatedRun> validate(std::span<const MeasuredRun> runs, const ValidationInputs&, Executor&,
                                   Watch&);

// The step time in seconds and memory in bytes of a mapped run.
struct Predicted {
  double step_s = 0;
  Bytes memory{};
};
Predicted predict(const RunScenario&, const Calibration&, Evaluator&);

// Runs that are alike in source, release, device, precision and length of sequence.
struct SourceAccuracy {
  std::string name;              // "NVIDIA dgxc-benchmarking v25.04.02, FP8"
  Errors all, held_out, fitted;  // of step times; held out: runs that set no constant
  Errors memory;
  std::map<std::string, std::size_t> unsupported;  // by reason
  std::size_t unsupported_runs() const;
};

// The held-out runs under a calibration: what Calibration::held_out is to state of it.
struct CalibrationAccuracy {
  std::string name;
  Errors held_out;
  double within =
      0;  // the error that nine in ten measured steps are within, of the prediction; 0: under nine runs
};

// The error that `share` of measured steps, and one more with that chance, are within: the
// ceil(share (n + 1))-th least of |measured / predicted - 1|; 0 if there are too few for it.
double error_within(double share, std::span<const double> predicted, std::span<const double> measured);

// In order of first appearance; calibrations by name. Runs of quality C (doubtful by their own source) count
// in nothing but `doubtful`.
struct Accuracy {
  std::vector<SourceAccuracy> sources, families;
  std::vector<CalibrationAccuracy> calibrations;  // that any run has an error under
  SourceAccuracy total;
  std::size_t doubtful = 0;
};
Accuracy accuracy(std::span<const ValidatedRun>);

}  // namespace orrery
