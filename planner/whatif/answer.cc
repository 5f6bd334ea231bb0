#include "planner/whatif/answer.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "sim/report/goodput.h"
#include "sim/report/run_cost.h"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 6> outcomes{"ok",      "nothing fits", "memory",
                                                   "illegal", "unsupported",  "invalid"};
constexpr std::array<std::string_view, measure_count> measures{
    "gpus",   "step_time",         "days", "dollars", "dollars_per_million_tokens",
    "memory", "tokens_per_second", "mfu"};

FlopsPerSecond total_peak(const Scenario& s) {
  FlopsPerSecond sum{};
  for (const NodeGroup& g : s.cluster.groups)
    sum += dense_peak(g.node.device, s.training.precision.compute) *
           (static_cast<double>(g.nodes) * g.node.gpus);
  return sum;
}

}  // namespace

std::string_view name(Outcome o) { return outcomes[static_cast<std::size_t>(o)]; }

std::optional<Outcome> outcome_of(std::string_view name) {
  const auto at = std::find(outcomes.begin(), outcomes.end(), name);
  if (at == outcomes.end()) return std::nullopt;
  return static_cast<Outcome>(at - outcomes.begin());
}

std::string_view name(Measure m) { return measures[static_cast<std::size_t>(m)]; }
std::span<const std::string_view> measure_names() { return measures; }

Answer no_answer(const Scenario& s, Outcome outcome, std::string message) {
  Answer a;
  a.outcome = outcome;
  a.message = std::move(message);
  a.device = s.cluster.groups.front().node.device.name;
  a.gpus = s.cluster.ranks();
  return a;
}

Answer answer_of(const Scenario& s, const Calibration& c, const Plan& plan, Tick makespan, Bytes memory,
                 bool shared) {
  Answer a = no_answer(s, Outcome::ok, {});
  a.plan = summary(plan);
  a.step = to_seconds(step_at_scale(makespan, c, a.gpus));
  a.tokens_per_second = static_cast<double>(s.training.global_batch * s.training.sequence) / a.step.v;
  const Flops work =
      model_flops(s.model, s.training.global_batch, s.training.sequence, FlopConvention::megatron);
  if (const FlopsPerSecond peak = total_peak(s); peak.v > 0) a.mfu = work.v / a.step.v / peak.v;
  a.memory = memory;
  const double useful = goodput(s.cluster.reliability, a.gpus).useful;
  const RunCost run = run_cost(s.training.tokens, a.tokens_per_second, useful, a.gpus, {}, s.cluster.prices);
  a.run = run.duration;
  a.cost = run.total;
  a.per_million_tokens = {a.gpus * s.cluster.prices.gpu_hour / 3600 / (a.tokens_per_second * useful) * 1e6};
  a.shared = shared;
  return a;
}

std::optional<double> measured(const Answer& a, Measure m) {
  if (a.outcome != Outcome::ok) return std::nullopt;
  const auto known = [](double v) { return v > 0 ? std::optional(v) : std::nullopt; };
  switch (m) {
    case Measure::gpus:
      return a.gpus;
    case Measure::step_time:
      return a.step.v;
    case Measure::days:
      return known(a.run.v / 86400);
    case Measure::dollars:
      return known(a.cost.v);
    case Measure::dollars_per_million_tokens:
      return known(a.per_million_tokens.v);
    case Measure::memory:
      return static_cast<double>(a.memory.v) / (1 << 30);
    case Measure::tokens_per_second:
      return a.tokens_per_second;
    case Measure::mfu:
      return known(a.mfu);
  }
  return std::nullopt;
}

std::vector<std::size_t> pareto_front(std::span<const Answer> answers, Measure first, Measure second) {
  struct Point {
    double x, y;
    std::size_t index;
  };  // smaller is better
  std::vector<Point> points;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto x = measured(answers[i], first), y = measured(answers[i], second);
    if (x && y) points.push_back({more_is_better(first) ? -*x : *x, more_is_better(second) ? -*y : *y, i});
  }
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return std::tie(a.x, a.y, a.index) < std::tie(b.x, b.y, b.index);
  });
  std::vector<std::size_t> front;
  const Point* last = nullptr;
  for (const Point& p : points) {
    if (last && !(p.y < last->y) && !(p.x == last->x && p.y == last->y)) continue;
    front.push_back(p.index);
    last = &p;
  }
  return front;
}

bool meets(const Answer& a, const Targets& t) {
  if (a.outcome != Outcome::ok) return false;
  const auto within = [](double value, double limit) { return limit == 0 || (value > 0 && value <= limit); };
  return within(a.step.v, t.step.v) && within(a.run.v, t.run.v) && within(a.cost.v, t.cost.v) &&
         within(a.per_million_tokens.v, t.per_million_tokens.v);
}

std::optional<std::size_t> smallest(std::span<const Answer> answers, const Targets& targets) {
  std::optional<std::size_t> best;
  const auto key = [&](std::size_t i) {
    const Answer& a = answers[i];
    return std::tuple(a.gpus, a.cost.v, a.step.v, i);
  };
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (meets(answers[i], targets) && (!best || key(i) < key(*best))) best = i;
  return best;
}

}  // namespace orrery
