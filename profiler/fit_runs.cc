#include "profiler/fit_runs.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/reader.h"
#include "sim/cost/constants.h"

namespace orrery {
namespace {

const std::vector<Parameter>& table() {
  static const std::vector<Parameter> constants{
      {"clock16", 1, 0.4, 1.06},          {"clock8", 1, 0.4, 1.06},
      {"memory_efficiency", 0.75, 0.4, 0.95}, {"memory_multiplier", 1, 0.5, 6},
      {"attention_multiplier", 1, 0.3, 3},{"pipelined_exposed", 0.4, 0.02, 1},
      {"curve_multiplier", 1, 0.1, 1.2},
      {"network_efficiency", 0.92, 0.2, 1},{"slowdown_nvlink", 1.3, 1, 2},
      {"slowdown_network", 1.03, 1, 2},   {"tensor_launch_doubling", 5e-5, 1e-6, 1e-3},
      {"optimizer_fixed", 1e-3, 1e-5, 0.1},{"jitter", 0.005, 1e-4, 0.05},
      {"misaligned", 10, 1, 40},          {"message_far", 20e-6, 1e-6, 1e-2},
      {"message_near", 1e-5, 1e-6, 1e-2}, {"launch_multiplier", 1, 0.1, 10},
      {"accumulate_bytes", 6, 0.5, 20},   {"kernel_gap", 2.5e-6, 2e-7, 5e-5},
      {"ops.cross_entropy.forward.bytes", 38, 4, 80}};
  return constants;
}

Parameter parameter(const Calibration& start, const std::string& name) {
  std::vector<std::string> names;
  for (Parameter p : table()) {
    names.push_back(p.name);
    if (p.name != name) continue;
    double value = 0;
    get_constant(start, name, value);
    if (value <= 0) fail({start.name, "", 0}, "a start above 0 for the constant \"" + name + "\"");
    p.start = std::clamp(value, p.low, p.high);
    return p;
  }
  const auto close = nearest(name, names);
  fail({start.name, "", 0}, "a constant that runs can tell" + (close ? ", such as \"" + *close + "\"" : ""), "\"" + name + "\"");
}

}  // namespace

std::span<const Parameter> run_constants() { return table(); }

RunFit fit_runs(const Calibration& start, std::span<const std::string> names, std::span<const double> measured,
                const PredictRun& predict, const RunFitOptions& options) {
  std::vector<Parameter> parameters;
  for (const std::string& name : names) parameters.push_back(parameter(start, name));
  if (measured.size() < names.size() * options.runs_a_constant)
    fail({start.name, "", 0},
         "at least " + std::to_string(names.size() * options.runs_a_constant) + " runs to fit " +
             std::to_string(names.size()) + " constants", std::to_string(measured.size()));
  RunFit out;
  out.names.assign(names.begin(), names.end());
  const auto with = [&](std::span<const double> values) {
    Calibration c = start;
    for (std::size_t j = 0; j < parameters.size(); ++j) set_constant(c, parameters[j].name, values[j]);
    return c;
  };
  FitOptions fit_options;
  fit_options.prior = options.prior;
  const Fit found = fit(parameters, measured, [&](std::span<const double> values, std::span<double> predicted) {
    const Calibration c = with(values);
    for (std::size_t i = 0; i < predicted.size(); ++i) predicted[i] = predict(i, c);
  }, fit_options);
  for (double v : found.values) out.values.push_back(rounded(v));
  out.before = found.before;
  out.calibration = with(out.values);
  for (std::size_t i = 0; i < measured.size(); ++i) out.predicted.push_back(predict(i, out.calibration));
  out.after = errors(out.predicted, measured);
  for (const std::string& name : names) out.calibration.provenance[name] = {Evidence::calibrated, options.source};
  return out;
}

}  // namespace orrery
