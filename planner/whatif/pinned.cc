#include "planner/whatif/pinned.h"

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
  if (!topology_ || wired_.groups != cluster.groups || wired_.fabric != cluster.fabric) {
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

void Pinned::play(const Scenario& s, const Calibration& calibration, Replay replay) {
  Played now{s.cluster.groups, calibration, replay};
  if (played_ == now) return;
  played_.reset();
  ++simulated_;
  if (replay == Replay::static_only) {
    makespan_ = evaluator_.bound();
    shared_ = false;
  } else {
    const Simulation& step = evaluator_.simulate(replay);
    makespan_ = step.makespan;
    shared_ = is_shared(step.chosen);
  }
  played_ = std::move(now);
}

Answer Pinned::ask(const Scenario& s, const Calibration& calibration, const Plan& plan, Replay replay) {
  const bool fixed = replay == Replay::static_only;
  // Static replay asks nothing of the links.
  const Topology& topology = fixed && topology_ ? *topology_ : topology_of(s.cluster);
  const Problem problem{s.model, s.cluster, s.training, calibration, topology};
  if (is_of(s, plan)) {
    evaluator_.reprice(problem);
  } else {
    of_.reset();
    played_.reset();
    memory_.clear();
    if (const auto broken = evaluator_.compile(problem, plan))
      return no_answer(s, broken->unsupported ? Outcome::unsupported : Outcome::illegal, broken->message);
    of_ = Compiled{s.model, s.training, s.cluster, plan};
    ++compiled_;
  }
  const std::vector<StageMemory>& memory = memory_of(s.cluster, calibration);
  if (!fits(memory, s.objective.memory_at_most)) return no_answer(s, Outcome::memory, shortage(memory));
  const Bytes peak = memory[fullest(memory)].peak;
  play(s, calibration, replay);
  return answer_of(s, calibration, plan, makespan_, peak, shared_);
}

}  // namespace orrery
