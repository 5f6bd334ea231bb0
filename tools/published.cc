#include "tools/published.h"

#include <algorithm>
#include <chrono>

#include "sim/base/error.h"
#include "sim/cluster/topology.h"

namespace orrery {
namespace {

// Stops when another does, or after its own time.
class TimedWatch : public Watch {
 public:
  TimedWatch(Watch& of_all, double seconds) : all_(of_all), seconds_(seconds) {}
  bool stop() override {
    const std::chrono::duration<double> passed = Clock::now() - started_;
    return all_.stop() || (seconds_ > 0 && passed.count() > seconds_);
  }
  void progress(std::size_t done, std::size_t total, std::string_view what) override {
    all_.progress(done, total, what);
  }

 private:
  using Clock = std::chrono::steady_clock;
  Watch& all_;
  double seconds_;
  Clock::time_point started_ = Clock::now();
};

// What a search starts from: the plan's options, without what it chooses.
Plan options_of(Plan plan) {
  const Plan chosen;
  plan.tp = chosen.tp, plan.cp = chosen.cp, plan.dp = chosen.dp, plan.pp = chosen.pp;
  plan.sequence_parallel = chosen.sequence_parallel;
  plan.virtual_stages = chosen.virtual_stages;
  plan.schedule = chosen.schedule;
  plan.micro_batch = chosen.micro_batch;
  plan.stage_layers = chosen.stage_layers;
  plan.layers = chosen.layers;
  return plan;
}

struct Searched {
  Scenario scenario;
  SearchResult result;
};

Scenario scenario_of(const RunScenario& run, bool each_layer) {
  Scenario s;
  s.model = run.model;
  s.cluster = run.cluster;
  s.training = run.training;
  s.plan = options_of(run.plan);
  s.calibration = run.calibration;
  s.search.each_layer = each_layer;
  s.search.top = 1;
  return s;
}

Bytes excess(const std::vector<StageMemory>& memory) {
  return std::max(Bytes{}, Bytes{} - memory[fullest(memory)].room());
}

}  // namespace

std::size_t PublishedPlans::compared() const {
  return static_cast<std::size_t>(
      std::count_if(plans.begin(), plans.end(), [](const PublishedPlan& p) { return p.best.has_value(); }));
}

std::size_t PublishedPlans::faster() const {
  return static_cast<std::size_t>(std::count_if(plans.begin(), plans.end(), [](const PublishedPlan& p) {
    return p.best && p.excess.v == 0 && p.step < p.best->report.step;
  }));
}

PublishedPlans compare_published(std::span<const MeasuredRun> runs, const ValidationInputs& in, bool each_layer,
                                 double budget, const Origin& origin, Executor& executor, Watch& watch) {
  const MappedRuns mapped = map_runs(runs, in);
  Evaluator evaluator;
  std::vector<Searched> searches;
  PublishedPlans out;
  for (std::size_t i = 0; i < runs.size() && !watch.stop(); ++i) {
    PublishedPlan& p = out.plans.emplace_back();
    p.run = runs[i];
    p.reason = mapped.runs[i].reason;
    if (!mapped.runs[i].scenario) continue;
    const RunScenario& run = *mapped.runs[i].scenario;
    const Calibration& calibration = mapped.calibrations.at(run.calibration);
    p.plan = run.plan;
    try {
      predict(run, calibration, evaluator);
      p.step = evaluator.report(origin).step;
      p.excess = excess(evaluator.memory());
      const Scenario asked = scenario_of(run, each_layer);
      auto known = std::find_if(searches.begin(), searches.end(),
                                [&](const Searched& s) { return s.scenario == asked; });
      if (known == searches.end()) {
        TimedWatch timed(watch, budget);
        searches.push_back({asked, search(asked, calibration, origin, executor, timed)});
        known = searches.end() - 1;
      }
      p.certificate = known->result.certificate;
      if (!known->result.best.empty()) p.best = known->result.best.front();
    } catch (const InputError& error) {
      p.reason = error.what();
    }
    watch.progress(i + 1, runs.size(), "runs");
  }
  return out;
}

}  // namespace orrery
