#include "profiler/validate.h"

#include <algorithm>
#include <optional>

#include "sim/base/error.h"
#include "sim/cost/read.h"
#include "sim/scenario.h"

namespace orrery {

MappedRuns map_runs(std::span<const MeasuredRun> runs, const ValidationInputs& in) {
  std::map<std::string, Cluster, std::less<>> clusters;
  const auto cluster = [&](std::string_view name) {
    const auto at = clusters.find(name);
    return at != clusters.end() ? at->second
                                : clusters.emplace(name, find_cluster(in.library, name)).first->second;
  };
  MappedRuns out;
  for (const MeasuredRun& run : runs) {
    out.runs.push_back(map_run(run, in.stacks, cluster));
    if (!out.runs.back().scenario) continue;
    RunScenario& s = *out.runs.back().scenario;
    if (!in.calibration.empty()) s.calibration = in.calibration;
    if (out.calibrations.count(s.calibration) != 0) continue;
    const std::string path = in.library.locate(Library::Kind::calibration, s.calibration, {});
    out.calibrations.emplace(s.calibration, read_calibration(in.files, path));
  }
  return out;
}

Predicted predict(const RunScenario& s, const Calibration& calibration, Evaluator& evaluator) {
  const Topology topology(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, calibration, topology};
  if (const auto broken = evaluator.compile(problem, s.plan)) fail({"", broken->pointer, 0}, broken->message);
  const std::vector<StageMemory>& memory = evaluator.memory();
  const Bytes peak = memory[fullest(memory)].peak;
  const Simulation& played = evaluator.simulate();
  return {to_seconds(step_at_scale(played.makespan, calibration, s.cluster.ranks())).v, peak};
}

std::vector<ValidatedRun> validate(std::span<const MeasuredRun> runs, const ValidationInputs& in,
                                   Executor& executor, Watch& watch) {
  const MappedRuns mapped = map_runs(runs, in);
  std::vector<ValidatedRun> out(runs.size());
  std::vector<Evaluator> evaluators(executor.workers());
  std::vector<std::size_t> done(executor.workers());
  executor.run(runs.size(), [&](std::size_t i, std::size_t worker) {
    ValidatedRun& v = out[i];
    v.run = runs[i];
    v.reason = mapped.runs[i].reason;
    if (!mapped.runs[i].scenario || watch.stop()) return;
    const RunScenario& s = *mapped.runs[i].scenario;
    v.stack = s.stack;
    v.calibration = s.calibration;
    v.plan = summary(s.plan);
    try {
      const Predicted p = predict(s, mapped.calibrations.at(s.calibration), evaluators[worker]);
      v.predicted_s = p.step_s;
      v.predicted_mem_gib = static_cast<double>(p.memory.v) / (std::int64_t{1} << 30);
      v.supported = true;
    } catch (const InputError& error) {
      v.reason = error.what();
    }
    if (worker == 0) watch.progress(done[worker] += executor.workers(), runs.size(), "runs");
  });
  return out;
}

}  // namespace orrery
