#include "planner/whatif/replanner.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "planner/space.h"
#include "sim/base/error.h"
#include "sim/cost/price.h"
#include "sim/engine/critical_path.h"

namespace orrery {
namespace {

constexpr std::size_t most_compiled = 12, most_paths = 4;

// Whether the search has nothing to do but to find the plan of the least step.
bool is_plain(const Scenario& s) {
  const Objective& o = s.objective;
  const bool free = o.step_time_at_most.v == 0 && o.run_at_most.v == 0 && o.cost_at_most.v == 0 &&
                    o.cost_per_token_at_most.v == 0;
  return free && o.minimize != Metric::memory && !s.search.each_layer;
}

// No less than that part.
Tick part_of(Tick t, double part) {
  return {static_cast<std::int64_t>(std::ceil(static_cast<double>(t.v) * part))};
}

// (best - lower) / best, as of a search.
double gap_of(Tick best, Tick lower) {
  return lower >= best ? 0.0 : static_cast<double>(best.v - lower.v) / static_cast<double>(best.v);
}

// Equal classes have equal digests.
std::uint64_t digest(const CostClass& c) {
  std::uint64_t d = 0xcbf29ce484222325ULL;
  for (const std::int64_t v :
       {static_cast<std::int64_t>(c.kind), static_cast<std::int64_t>(c.role),
        static_cast<std::int64_t>(c.op.name), c.op.m, c.op.n, c.op.k, c.op.batch, c.op.elements, c.bytes.v,
        std::int64_t{c.group.size}, std::int64_t{c.group.nodes}})
    d = (d ^ static_cast<std::uint64_t>(v)) * 0x100000001b3ULL;
  return d;
}

}  // namespace

std::array<double, 4> Replanner::reserved(const Calibration& c) {
  return {static_cast<double>(c.context.v), static_cast<double>(c.workspace.v),
          static_cast<double>(c.communicator.v), c.fragmentation};
}

bool Replanner::is_of(const Scenario& s, const Calibration& c) const {
  if (!of_) return false;
  Search search = s.search;
  search.top = of_->search.top;
  return of_->model == s.model && of_->training == s.training && same_program(of_->cluster, s.cluster) &&
         of_->search == search && of_->base == s.plan && of_->reserved == reserved(c);
}

void Replanner::add_to_pool(Candidate& to, const Program& p) {
  for (const CostClass& c : p.classes) {
    const std::uint64_t key = digest(c);
    const auto [begin, end] = in_pool_.equal_range(key);
    const auto known = std::find_if(begin, end, [&](const auto& entry) { return pool_[entry.second] == c; });
    if (known != end) {
      to.pooled.push_back(known->second);
      continue;
    }
    to.pooled.push_back(static_cast<std::uint32_t>(pool_.size()));
    in_pool_.emplace(key, to.pooled.back());
    pool_.push_back(c);
  }
}

// False: stopped on the way.
bool Replanner::build(const Scenario& s, const Calibration& c, Watch& watch) {
  of_.reset();
  candidates_.clear();
  pool_.clear();
  in_pool_.clear();
  recent_.clear();
  topology_.emplace(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, c, *topology_};
  Evaluator evaluator;
  for (const Plan& plan : uniform_plans(s)) {
    if (watch.stop()) return false;
    if (evaluator.compile(problem, plan)) continue;
    ++compiled_;
    candidates_.push_back({plan, evaluator.memory(), {}, {}, {}});
    add_to_pool(candidates_.back(), evaluator.program());
    if (!fits(candidates_.back().memory, s.objective.memory_at_most)) continue;
    evaluator.simulate(Replay::static_only);
    learn(candidates_.back(), evaluator);
  }
  of_ = Space{s.model, s.training, s.cluster, s.search, s.plan, reserved(c)};
  return true;
}

void Replanner::price_classes(const Candidate& of, const Calibration& c, const Cluster& cluster) {
  for (const std::uint32_t k : of.pooled) {
    if (priced_[k]) continue;
    prices_[k] = price(pool_[k], c, cluster);
    if (of.plan.graph) prices_[k].launch = {};  // as of all plans of a space
    priced_[k] = true;
  }
}

Tick Replanner::length(const Path& path) const {
  Tick sum{};
  for (const Path::Runs& r : path.runs) {
    const Price& price = prices_[r.pooled];
    sum.v += r.runs * price.total().v + r.launches * price.launch.v;
  }
  return sum;
}

void Replanner::set_bound(Candidate& c) const {
  c.bound = {};
  for (const Path& path : c.paths) c.bound = std::max(c.bound, length(path));
}

// Nothing: the plan breaks a rule on this cluster.
Evaluator* Replanner::compiled(std::size_t candidate, const Problem& problem) {
  const auto at = std::find_if(recent_.begin(), recent_.end(),
                               [&](const Compiled& c) { return c.candidate == candidate; });
  if (at != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, at);
    recent_.front().evaluator.reprice(problem);
    return &recent_.front().evaluator;
  }
  if (recent_.size() < most_compiled)
    recent_.emplace_front();
  else
    recent_.splice(recent_.begin(), recent_, std::prev(recent_.end()));
  recent_.front().candidate = candidate;
  if (recent_.front().evaluator.compile(problem, candidates_[candidate].plan)) {
    recent_.pop_front();
    return nullptr;
  }
  ++compiled_;
  return &recent_.front().evaluator;
}

// The static makespan in place of a path's length, and the critical path among the plan's, unless one of them
// is it. False: the plan breaks a rule on this cluster.
bool Replanner::make_exact(std::size_t index, const Problem& problem) {
  Candidate& candidate = candidates_[index];
  Evaluator* const e = compiled(index, problem);
  if (e == nullptr) return false;
  const Tick makespan = e->bound();
  if (makespan != candidate.bound) {
    e->simulate(Replay::static_only);
    learn(candidate, *e);
    candidate.bound = makespan;
  }
  return true;
}

std::optional<Replanner::Step> Replanner::simulate(std::size_t index, const Scenario& s,
                                                   const Calibration& c) {
  const Candidate& candidate = candidates_[index];
  Evaluator* const e = compiled(index, {s.model, s.cluster, s.training, c, *topology_});
  if (e == nullptr) return std::nullopt;
  ++simulated_;
  const Simulation played = e->simulate();
  return Step{answer_of(s, c, candidate.plan, played.makespan,
                        candidate.memory[fullest(candidate.memory)].peak, is_shared(played.chosen)),
              step_at_scale(played.makespan, c, s.cluster.ranks())};
}

// The Evaluator's Timeline is static.
void Replanner::learn(Candidate& candidate, const Evaluator& e) {
  const Subject subject = e.subject();
  const CriticalPath path = critical_path(subject.program, subject.prices, subject.timeline);
  Path kept;
  for (std::uint32_t k = 0; k < path.runs.size(); ++k)
    if (path.runs[k] + path.launches[k] > 0)
      kept.runs.push_back({candidate.pooled[k], path.runs[k], path.launches[k]});
  const auto known = std::find(candidate.paths.begin(), candidate.paths.end(), kept);
  if (known != candidate.paths.end()) candidate.paths.erase(known);
  if (candidate.paths.size() == most_paths) candidate.paths.erase(candidate.paths.begin());
  candidate.paths.push_back(std::move(kept));
}

// The plans that fit, each with the longest of its paths. Nothing: one of them breaks a rule on this cluster.
std::optional<std::vector<Replanner::Open>> Replanner::open_plans(const Scenario& s, const Calibration& c,
                                                                  Watch& watch) {
  const Problem problem{s.model, s.cluster, s.training, c, *topology_};
  prices_.resize(pool_.size());
  priced_.assign(pool_.size(), false);
  std::vector<Open> open;
  for (std::size_t i = 0; i < candidates_.size() && !watch.stop(); ++i) {
    Candidate& candidate = candidates_[i];
    if (s.cluster.groups.size() == 1)
      for (StageMemory& m : candidate.memory) m.limit = s.cluster.groups.front().node.device.memory;
    if (!fits(candidate.memory, s.objective.memory_at_most)) continue;
    if (candidate.paths.empty()) {
      Evaluator* const e = compiled(i, problem);
      if (e == nullptr) return std::nullopt;
      e->simulate(Replay::static_only);
      learn(candidate, *e);
    }
    price_classes(candidate, c, s.cluster);
    set_bound(candidate);
    open.push_back({candidate.bound, false, i});
  }
  return open;
}

Replanned Replanner::ask(const Scenario& s, const Calibration& c, Executor& executor, Watch& watch,
                         double gap_at_most) {
  const auto search = [&] {
    ++searched_;
    return replan(s, c, executor, watch);
  };
  const auto stopped = [&] { return Replanned{no_answer(s, Outcome::nothing_fits, "stopped"), {}, false}; };
  if (!is_plain(s)) return search();
  if (!is_of(s, c) && !build(s, c, watch)) return stopped();
  const auto opened = open_plans(s, c, watch);
  if (watch.stop()) return stopped();
  if (!opened || opened->empty()) return search();
  std::priority_queue<Open, std::vector<Open>, std::greater<>> open(std::greater<>(), *opened);
  const Problem problem{s.model, s.cluster, s.training, c, *topology_};
  const auto at_scale = [&](Tick t) { return step_at_scale(t, c, s.cluster.ranks()); };
  std::optional<std::pair<Tick, std::size_t>> best;  // the step, and of equal ones the first plan
  Tick enough{};  // no bound above it can improve on the best by more than the gap
  Tick last{};    // static step of the plan simulated last
  Replanned out;
  while (!open.empty() && (!best || at_scale(open.top().bound) <= enough)) {
    if (watch.stop()) return stopped();
    const Open top = open.top();
    open.pop();
    if (!top.exact) {
      if (!make_exact(top.candidate, problem)) return search();
      open.push({candidates_[top.candidate].bound, true, top.candidate});
      continue;
    }
    if (best && std::pair(at_scale(top.bound), top.candidate) > *best) continue;
    last = at_scale(top.bound);
    std::optional<Step> step = simulate(top.candidate, s, c);
    if (!step) return search();
    if (best && std::pair(step->step, top.candidate) > *best) continue;
    best = std::pair(step->step, top.candidate);
    enough = gap_at_most == 0 ? best->first : part_of(best->first, 1 - gap_at_most);
    out.answer = std::move(step->answer);
    out.plan = candidates_[top.candidate].plan;
  }
  // What was not simulated is no less than what was last, nor than enough.
  if (best) out.answer.gap = gap_of(best->first, std::max(enough, last));
  return out;
}

}  // namespace orrery
