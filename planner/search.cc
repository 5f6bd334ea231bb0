#include "planner/search.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "planner/remedy.h"
#include "planner/space.h"
#include "sim/base/units.h"
#include "sim/report/run_cost.h"

namespace orrery {
namespace {

constexpr std::size_t round_size = 64;      // candidates between two looks at the Watch
constexpr std::size_t simulated_at_once = 8;  // a round of simulations; a bound found in one serves the next

// What is kept of a candidate; its Program is not.
struct Candidate {
  bool evaluated = false;
  std::optional<Rejection> rejected;
  std::string message;
  std::size_t stage = 0;
  Bytes excess{}, peak{};
  Tick bound{}, step{};               // step: 0 until simulated
};

class ExhaustiveSearch {
 public:
  ExhaustiveSearch(const Scenario& s, const Calibration& c, const Origin& origin, Executor& executor, Watch& watch)
      : s_(s), calibration_(c), origin_(origin), executor_(executor), watch_(watch), topology_(s.cluster),
        plans_(uniform_plans(s)), candidates_(plans_.size()), evaluators_(executor.workers()) {}

  SearchResult run() {
    evaluate_all();
    simulate_best();
    report_best();
    list_rejected();
    certify();
    if (s_.search.each_layer && result_.complete) choose_layers();
    return std::move(result_);
  }

 private:
  Problem problem() const { return {s_.model, s_.cluster, s_.training, calibration_, topology_}; }
  void evaluate_all();
  void evaluate(std::size_t i, Evaluator&);
  void reject_memory(Candidate&, const std::vector<StageMemory>&) const;
  void reject_slow(Candidate&, Tick step) const;
  std::optional<std::string> above_limit(Tick step) const;
  bool before(std::size_t a, std::size_t b) const;
  void simulate_best();
  void report_best();
  void list_rejected();
  void find_remedy(Rejected&) const;
  void certify();
  void choose_layers();

  const Scenario& s_;
  const Calibration& calibration_;
  const Origin& origin_;
  Executor& executor_;
  Watch& watch_;
  Topology topology_;
  std::vector<Plan> plans_;
  std::vector<Candidate> candidates_;
  std::vector<Evaluator> evaluators_;     // one a worker
  std::vector<std::size_t> fitting_;      // by what is known of them, best first
  std::vector<std::size_t> answers_;      // simulated, best first
  SearchResult result_;
};

void ExhaustiveSearch::evaluate_all() {
  for (std::size_t first = 0; first < plans_.size() && result_.complete; first += round_size) {
    const std::size_t count = std::min(round_size, plans_.size() - first);
    executor_.run(count, [&](std::size_t i, std::size_t worker) { evaluate(first + i, evaluators_[worker]); });
    watch_.progress(first + count, plans_.size(), "plans");
    result_.complete = first + count == plans_.size() || !watch_.stop();
  }
}

void ExhaustiveSearch::evaluate(std::size_t i, Evaluator& evaluator) {
  Candidate& c = candidates_[i];
  c.evaluated = true;
  if (const auto broken = evaluator.compile(problem(), plans_[i])) {
    c.rejected = broken->unsupported ? Rejection::unsupported : Rejection::illegal;
    c.message = broken->message;
    return;
  }
  const std::vector<StageMemory>& memory = evaluator.memory();
  c.peak = memory[fullest(memory)].peak;
  if (!fits(memory, s_.objective.memory_at_most)) return reject_memory(c, memory);
  c.bound = step_at_scale(evaluator.bound(), calibration_, s_.cluster.ranks());
  reject_slow(c, c.bound);
}

void ExhaustiveSearch::reject_slow(Candidate& c, Tick step) const {
  auto message = above_limit(step);
  if (!message) return;
  c.rejected = Rejection::slow;
  c.message = std::move(*message);
}

void ExhaustiveSearch::reject_memory(Candidate& c, const std::vector<StageMemory>& memory) const {
  const auto over = [&](const StageMemory& m) {
    return m.peak.v - static_cast<std::int64_t>(static_cast<double>(m.limit.v) * s_.objective.memory_at_most);
  };
  const auto worst = std::max_element(memory.begin(), memory.end(),
                                      [&](const StageMemory& a, const StageMemory& b) { return over(a) < over(b); });
  c.rejected = Rejection::memory;
  c.stage = static_cast<std::size_t>(worst - memory.begin());
  c.excess = {over(*worst)};
  c.message = "stage " + std::to_string(c.stage) + " short by " + text(c.excess);
}

std::optional<std::string> ExhaustiveSearch::above_limit(Tick step) const {
  const Objective& o = s_.objective;
  const Seconds seconds = to_seconds(step);
  if (o.step_time_at_most.v > 0 && seconds > o.step_time_at_most)
    return "a step of " + text(seconds) + ", above the limit of " + text(o.step_time_at_most);
  if (o.run_at_most.v == 0 && o.cost_at_most.v == 0 && o.cost_per_token_at_most.v == 0) return {};
  const double rate = static_cast<double>(s_.training.global_batch * s_.training.sequence) / seconds.v;
  const int ranks = s_.cluster.ranks();
  const double useful = goodput(s_.cluster.reliability, ranks).useful;
  const Dollars of_token{ranks * s_.cluster.prices.gpu_hour / 3600 / (rate * useful)};
  if (o.cost_per_token_at_most.v > 0 && of_token > o.cost_per_token_at_most)
    return text_count(of_token.v * 1e6) + " USD for a million tokens, above the limit of " +
           text_count(o.cost_per_token_at_most.v * 1e6) + " USD";
  const RunCost run = run_cost(s_.training.tokens, rate, useful, ranks, {}, s_.cluster.prices);
  if (o.run_at_most.v > 0 && run.duration > o.run_at_most)
    return "a run of " + text(run.duration) + ", above the limit of " + text(o.run_at_most);
  if (o.cost_at_most.v > 0 && run.total > o.cost_at_most)
    return "a run for " + text_count(run.total.v) + " USD, above the limit of " + text_count(o.cost_at_most.v) + " USD";
  return {};
}

// By the objective, as far as it is known: a step that was not simulated counts as its bound. On one cluster, days and
// cost are multiples of the step.
bool ExhaustiveSearch::before(std::size_t a, std::size_t b) const {
  const Candidate &x = candidates_[a], &y = candidates_[b];
  if (s_.objective.minimize == Metric::memory && x.peak != y.peak) return x.peak < y.peak;
  const Tick p = std::max(x.bound, x.step), q = std::max(y.bound, y.step);
  return p != q ? p < q : a < b;
}

void ExhaustiveSearch::simulate_best() {
  for (std::size_t i = 0; i < candidates_.size(); ++i)
    if (candidates_[i].evaluated && !candidates_[i].rejected) fitting_.push_back(i);
  const auto by_objective = [this](std::size_t a, std::size_t b) { return before(a, b); };
  std::sort(fitting_.begin(), fitting_.end(), by_objective);
  const auto top = static_cast<std::size_t>(s_.search.top);
  std::size_t next = 0;
  const auto undecided = [&] {
    return next < fitting_.size() && (answers_.size() < top || before(fitting_[next], answers_[top - 1]));
  };
  while (undecided()) {
    const std::size_t count = std::min(simulated_at_once, fitting_.size() - next);
    executor_.run(count, [&](std::size_t i, std::size_t worker) {
      Candidate& c = candidates_[fitting_[next + i]];
      Evaluator& evaluator = evaluators_[worker];
      evaluator.compile(problem(), plans_[fitting_[next + i]]);
      c.step = step_at_scale(evaluator.simulate().makespan, calibration_, s_.cluster.ranks());
      reject_slow(c, c.step);
    });
    for (std::size_t i = next; i < next + count; ++i)
      if (!candidates_[fitting_[i]].rejected) answers_.push_back(fitting_[i]);
    std::sort(answers_.begin(), answers_.end(), by_objective);
    next += count;
    result_.certificate.simulated = next;
    watch_.progress(next, fitting_.size(), "simulated");
    if (watch_.stop() && !answers_.empty()) break;
  }
  result_.complete = result_.complete && !undecided();
}

void ExhaustiveSearch::report_best() {
  result_.best.resize(std::min(answers_.size(), static_cast<std::size_t>(s_.search.top)));
  executor_.run(result_.best.size(), [&](std::size_t i, std::size_t worker) {
    Evaluator& evaluator = evaluators_[worker];
    evaluator.compile(problem(), plans_[answers_[i]]);
    evaluator.simulate();
    result_.best[i] = {plans_[answers_[i]], evaluator.report(origin_)};
  });
}

void ExhaustiveSearch::list_rejected() {
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& c = candidates_[i];
    if (!c.rejected) continue;
    result_.rejected.push_back({plans_[i], *c.rejected, c.message, c.stage, c.excess, {}, {}});
  }
  const auto order = [](const Rejected& r) {
    constexpr int by_why[] = {3, 2, 0, 1};
    return std::pair(by_why[static_cast<std::size_t>(r.why)], r.excess.v);
  };
  std::stable_sort(result_.rejected.begin(), result_.rejected.end(),
                   [&](const Rejected& a, const Rejected& b) { return order(a) < order(b); });
  executor_.run(result_.rejected.size(), [&](std::size_t i, std::size_t) { find_remedy(result_.rejected[i]); });
}

void ExhaustiveSearch::find_remedy(Rejected& r) const {
  if (r.why != Rejection::memory) return;
  int least = 0;
  for (const std::size_t i : fitting_) {  // the best comes first, so that it wins ties
    const int d = distance(r.plan, plans_[i]);
    if (r.remedy && d >= least) continue;
    least = d;
    r.remedy = plans_[i];
    r.remedy_bound = candidates_[i].bound;
  }
}

void ExhaustiveSearch::certify() {
  Certificate& c = result_.certificate;
  c.plans = plans_.size();
  for (const Candidate& candidate : candidates_) c.evaluated += candidate.evaluated;
  for (const Rejected& r : result_.rejected) {
    std::size_t* const counts[] = {&c.illegal, &c.unsupported, &c.memory, &c.slow};
    ++*counts[static_cast<std::size_t>(r.why)];
  }
  c.gap = result_.complete ? 0 : 1;
  if (!result_.complete || answers_.empty()) return;
  Tick least = candidates_[answers_.front()].step;
  for (const std::size_t i : fitting_)
    if (!candidates_[i].rejected) least = std::min(least, std::max(candidates_[i].bound, candidates_[i].step));
  result_.lower_bound = to_seconds(least);
}

void ExhaustiveSearch::choose_layers() {
  if (!has_layers_to_choose(s_) || s_.objective.minimize == Metric::memory) return;
  Evaluator& evaluator = evaluators_.front();
  std::vector<Tick> steps(plans_.size());
  for (const std::size_t i : fitting_)
    if (!candidates_[i].rejected) steps[i] = candidates_[i].bound;
  KnownSteps known{{}, steps};
  for (const Found& f : result_.best) {
    evaluator.compile(problem(), f.plan);
    const Tick step = evaluator.bound();
    if (!known.best || step < *known.best) known.best = step;
  }
  const Layered found = search_layers(s_, calibration_, topology_, known, executor_, watch_);
  result_.complete = found.complete;
  LayeredCertificate& c = result_.certificate.layered.emplace();
  c.counts = found.counts;
  c.step = found.step;
  c.lower = found.lower;
  c.static_gap = 1 - static_cast<double>(c.lower.v) / static_cast<double>(c.step.v);
  if (found.best) {
    evaluator.compile(problem(), *found.best);
    evaluator.simulate();
    result_.best.push_back({*found.best, evaluator.report(origin_)});
    std::stable_sort(result_.best.begin(), result_.best.end(),
                     [](const Found& a, const Found& b) { return a.report.step < b.report.step; });
    if (result_.best.size() > static_cast<std::size_t>(s_.search.top)) result_.best.pop_back();
  }
  if (result_.best.empty()) return;
  result_.lower_bound = to_seconds(step_at_scale(c.lower, calibration_, s_.cluster.ranks()));
  c.gap = result_.certificate.gap = std::max(0.0, 1 - result_.lower_bound.v / to_seconds(result_.best.front().report.step).v);
}

}  // namespace

SearchResult search(const Scenario& scenario, const Calibration& calibration, const Origin& origin, Executor& executor,
                    Watch& watch) {
  return ExhaustiveSearch(scenario, calibration, origin, executor, watch).run();
}

}  // namespace orrery
