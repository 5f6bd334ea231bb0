#include "planner/whatif/pinned.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace orrery {
namespace {

std::string shortage(const std::vector<StageMemory>& memory) {
  const std::size_t stage = fullest(memory);
  return "stage " + std::to_string(stage) + " short by " + text(memory[stage].peak - memory[stage].limit);
}

}  // namespace

bool Pinned::is_of(const Scenario& s, const Plan& plan) const {
  return of_ && of_->plan == plan && of_->model == s.model && of_->training == s.training &&
         same_program(of_->cluster, s.cluster);
}

const Topology& Pinned::topology_of(const Cluster& cluster) {
  if (!topology_ || !same_program(wired_, cluster)) {
    topology_.emplace(cluster);
    wired_ = cluster;
  }
  return *topology_;
}

// The Program's peaks, which no rate and no price changes, against the devices of this cluster.
const std::vector<StageMemory>& Pinned::memory_of(const Cluster& cluster, const Calibration& c) {
  const Reserved now{c.context, c.workspace, c.communicator, c.fragmentation};
  if (memory_.empty() || reserved_ != now) {
    memory_ = evaluator_.memory();
    reserved_ = now;
  }
  // Of several groups, clusters of the same Program are equal.
  if (cluster.groups.size() == 1)
    for (StageMemory& m : memory_) m.limit = cluster.groups.front().node.device.memory;
  return memory_;
}

bool Pinned::takes(const Scenario& s, const Plan& plan) const {
  return waiting_.empty() || (is_of(s, plan) && questions_.size() < lane_count);
}

// The lane of an equal question, or of a new one. The Evaluator is of this point.
std::size_t Pinned::lane_of(const Scenario& s, const Calibration& calibration, Replay replay) {
  Question now{s.cluster.groups, calibration, replay};
  const auto known = std::find(questions_.rbegin(), questions_.rend(), now);
  if (known != questions_.rend()) return static_cast<std::size_t>(questions_.rend() - known) - 1;
  prices_.push_back(evaluator_.prices());
  shared_.push_back(replay == Replay::static_only ? SharedInput{} : evaluator_.shared());
  questions_.push_back(std::move(now));
  return questions_.size() - 1;
}

// Questions of one replay are neighbours.
void Pinned::simulate() {
  while (steps_.size() < questions_.size()) {
    const std::size_t first = steps_.size();
    std::size_t end = first;
    while (end < questions_.size() && questions_[end].replay == questions_[first].replay) ++end;
    steps_.resize(end);
    simulate_lanes(evaluator_.program(), std::span(prices_).subspan(first, end - first),
                   std::span(shared_).subspan(first, end - first), questions_[first].replay, workspace_,
                   std::span(steps_).subspan(first));
    simulated_ += end - first;
  }
}

std::optional<Answer> Pinned::put(const Scenario& s, const Calibration& calibration, const Plan& plan,
                                  Replay replay) {
  ORRERY_CHECK(takes(s, plan));
  const Problem problem{s.model, s.cluster, s.training, calibration, topology_of(s.cluster)};
  if (is_of(s, plan)) {
    evaluator_.reprice(problem);
  } else {
    of_.reset();
    forget(0);
    memory_.clear();
    if (const auto broken = evaluator_.compile(problem, plan))
      return no_answer(s, broken->unsupported ? Outcome::unsupported : Outcome::illegal, broken->message);
    of_ = Compiled{s.model, s.training, s.cluster, plan};
    ++compiled_;
  }
  const std::vector<StageMemory>& memory = memory_of(s.cluster, calibration);
  if (!fits(memory, s.objective.memory_at_most)) return no_answer(s, Outcome::memory, shortage(memory));
  const Bytes peak = memory[fullest(memory)].peak;
  waiting_.push_back({&s, &calibration, &plan, peak, lane_of(s, calibration, replay)});
  return std::nullopt;
}

std::vector<Answer> Pinned::play() {
  simulate();
  std::vector<Answer> out;
  for (const Waiting& w : waiting_) {
    const Simulation& step = steps_[w.lane];
    out.push_back(
        answer_of(*w.scenario, *w.calibration, *w.plan, step.makespan, w.memory, is_shared(step.chosen)));
  }
  waiting_.clear();
  forget(1);
  return out;
}

// All questions but the latest `keep`.
void Pinned::forget(std::size_t keep) {
  const auto drop = [keep](auto& v) {
    v.erase(v.begin(), v.end() - static_cast<std::ptrdiff_t>(std::min(keep, v.size())));
  };
  drop(questions_);
  drop(prices_);
  drop(shared_);
  drop(steps_);
}

Answer Pinned::ask(const Scenario& s, const Calibration& calibration, const Plan& plan, Replay replay) {
  ORRERY_CHECK(waiting_.empty());
  if (auto answer = put(s, calibration, plan, replay)) return *answer;
  return play().front();
}

}  // namespace orrery
