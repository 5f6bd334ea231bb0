#include "profiler/calibrate_runs.h"

#include "sim/base/error.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"

namespace orrery {
namespace {

struct Case {
  RunScenario scenario;
  double measured_s = 0;
  std::string id;
};

}  // namespace

RunCalibration calibrate_runs(std::span<const MeasuredRun> runs, const ValidationInputs& in, const std::string& preset,
                              std::span<const std::string> constants, const RunFitOptions& options) {
  std::vector<Case> fitted, held_out;
  for (const MeasuredRun& run : runs) {
    if (run.measured_s <= 0 || run.quality == "C") continue;
    MappedRun m = map_run(run, in.stacks, [&](std::string_view name) { return find_cluster(in.library, name); });
    if (m.scenario && m.scenario->calibration == preset)
      (may_fit(run) ? fitted : held_out).push_back({std::move(*m.scenario), run.measured_s, run.id});
  }
  const Calibration start = read_calibration(in.files, in.library.locate(Library::Kind::calibration, preset, {}));
  Evaluator evaluator;
  std::vector<double> measured;
  RunCalibration out;
  for (const Case& c : fitted) {
    measured.push_back(c.measured_s);
    out.used.push_back(c.id);
  }
  const PredictRun predict_run = [&](std::size_t i, const Calibration& c) { return predict(fitted[i].scenario, c, evaluator).step_s; };
  out.fit = fit_runs(start, constants, measured, predict_run, options);
  std::vector<double> predicted, others;
  for (const Case& c : held_out) {
    predicted.push_back(predict(c.scenario, out.fit.calibration, evaluator).step_s);
    others.push_back(c.measured_s);
  }
  out.held_out = errors(predicted, others);
  return out;
}

}  // namespace orrery
