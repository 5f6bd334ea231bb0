#include "planner/whatif/replan.h"

namespace orrery {
namespace {

std::string nearest_miss(const SearchResult& r) {
  if (r.rejected.empty()) return "there is no plan in the space";
  return summary(r.rejected.front().plan) + ": " + r.rejected.front().message;
}

}  // namespace

Replanned replan(const Scenario& scenario, const Calibration& calibration, Executor& executor, Watch& watch) {
  Scenario one = scenario;
  one.search.top = 1;
  const SearchResult found = search(one, calibration, {}, executor, watch);
  Replanned out;
  out.complete = found.complete;
  if (found.best.empty()) {
    out.answer = no_answer(scenario, Outcome::nothing_fits, nearest_miss(found));
    return out;
  }
  const auto& [plan, report] = found.best.front();
  out.plan = plan;
  out.answer = answer_of(scenario, calibration, plan, report.makespan,
                         report.stages[report.fullest()].memory.peak, report.origin.replay == "shared");
  out.answer.gap = found.certificate.gap;
  return out;
}

}  // namespace orrery
