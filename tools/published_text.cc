#include "tools/published_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/base/units.h"
#include "sim/plan/read.h"

namespace orrery {
namespace {

std::vector<double> sorted_times(const PublishedPlans& p) {
  std::vector<double> out;
  for (const PublishedPlan& x : p.plans)
    if (x.best) out.push_back(x.times());
  std::sort(out.begin(), out.end());
  return out;
}

double median(const std::vector<double>& sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 != 0 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

std::string summed_up(const PublishedPlans& p) {
  std::string out = fmt::format("{} runs, {} compared", p.plans.size(), p.compared());
  const std::vector<double> times = sorted_times(p);
  if (times.empty()) return out + "\n";
  out += fmt::format(": the best plan found is {:.3f} to {:.3f} times as fast as the published one, median {:.3f}\n",
                     times.front(), times.back(), median(times));
  if (p.faster() > 0) out += fmt::format("{} published plans that fit are faster than the best found\n", p.faster());
  for (const PublishedPlan& x : p.plans)
    if (x.best && x.excess.v > 0)
      out += fmt::format("{}: does not fit by prediction, short by {}\n", x.run.id, text(x.excess));
  return out;
}

std::string not_compared(const PublishedPlans& p) {
  std::map<std::string, std::size_t> reasons;
  for (const PublishedPlan& x : p.plans)
    if (!x.best) ++reasons[x.reason.empty() ? "no plan was found" : x.reason];
  std::string out;
  for (const auto& [reason, count] : reasons) out += fmt::format("  {} not compared: {}\n", count, reason);
  return out;
}

Json plan_json(const Plan& plan, Tick step) {
  return Json::object(
      {{"summary", summary(plan)}, {"plan", write_plan(plan)}, {"step_s", to_seconds(step).v}});
}

Json run_json(const PublishedPlan& x) {
  Json out = Json::object({{"id", x.run.id}, {"source", x.run.source}, {"reason", x.reason}});
  out.set("measured_s", x.run.measured_s > 0 ? Json(x.run.measured_s) : Json());
  out.set("published", x.reason.empty() ? plan_json(x.plan, x.step).set("excess_bytes", x.excess.v) : Json());
  out.set("best", x.best ? plan_json(x.best->plan, x.best->report.step) : Json());
  out.set("times", x.best ? Json(x.times()) : Json());
  out.set("plans", x.certificate.plans).set("gap", x.best ? Json(x.certificate.gap) : Json());
  return out;
}

}  // namespace

Table published_table(const PublishedPlans& p) {
  Table table({"run", ">measured", ">predicted", ">best", ">times", "published plan", "best plan"});
  for (const PublishedPlan& x : p.plans)
    if (x.best)
      table.row({x.run.id, x.run.measured_s > 0 ? text(Seconds{x.run.measured_s}) : "", text(to_seconds(x.step)),
                 text(to_seconds(x.best->report.step)), fmt::format("{:.3f}", x.times()), summary(x.plan),
                 summary(x.best->plan)});
  return table;
}

std::string published_text(const PublishedPlans& p) {
  return (p.compared() > 0 ? published_table(p).text() + "\n" : "") + summed_up(p) + not_compared(p);
}

Json published_json(const PublishedPlans& p, const Origin& origin) {
  Json runs = Json::array();
  for (const PublishedPlan& x : p.plans) runs.push(run_json(x));
  const std::vector<double> times = sorted_times(p);
  const bool any = !times.empty();
  Json sum = Json::object({{"runs", p.plans.size()}, {"compared", p.compared()}, {"published_faster", p.faster()}});
  sum.set("least_times", any ? Json(times.front()) : Json()).set("greatest_times", any ? Json(times.back()) : Json());
  sum.set("median_times", any ? Json(median(times)) : Json());
  return Json::object({{"schema", "orrery.published/1"}, {"version", origin.version}})
      .set("runs", std::move(runs))
      .set("summary", std::move(sum));
}

}  // namespace orrery
