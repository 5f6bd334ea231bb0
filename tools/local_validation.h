// Predicted against measured on this machine: plans of a scenario's space, executed on the CPU or on a
// plug-in's backend.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json.h"
#include "tools/question.h"

namespace orrery {

struct LocalRun {
  std::string plan;
  int ranks = 1;
  double predicted = 0, measured = 0,
         spread = 0;  // seconds a step; spread: half the middle half of the measured
  double predicted_memory = 0, measured_memory = 0;  // bytes of the plan's tensors on the fullest rank
  double error() const { return predicted / measured - 1; }
};

struct LocalValidation {
  std::vector<LocalRun> runs;
  double mape = 0, worst = 0;     // of step times
  std::optional<double> kendall;  // over pairs that differ by more than their spreads
  double memory_mape = 0;
};

struct LocalOptions {
  std::vector<int> ranks{1, 2};
  std::size_t plans = 12;  // of each number of ranks, spread over the space
  int passes = 3;          // over all plans: a machine's speed changes from minute to minute
  int steps = 5;           // of a pass, measured after two that are not
  std::string plug_in{};   // the library of a backend; empty: the CPU
};

// The scenario's cluster with one node of each number of ranks. Progress goes to stderr.
LocalValidation validate_locally(const Question&, const LocalOptions&);

std::string text(const LocalValidation&);
Json to_json(const LocalValidation&);

}  // namespace orrery
