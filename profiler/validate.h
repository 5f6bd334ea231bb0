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

// In the order of `runs`; the same for any number of workers. A run that can't be compiled or priced is not
// supported, with the reason. Ends in fail() only on inputs of ours: a stack's cluster or calibration.
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

// In order of first appearance. Runs of quality C (doubtful by their own source) count in nothing but
// `doubtful`.
struct Accuracy {
  std::vector<SourceAccuracy> sources, families;
  SourceAccuracy total;
  std::size_t doubtful = 0;
};
Accuracy accuracy(std::span<const ValidatedRun>);

}  // namespace orrery
