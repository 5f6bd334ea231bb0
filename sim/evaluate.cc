#include "sim/evaluate.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/units.h"
#include "sim/cost/price.h"
#include "sim/engine/shared_input.h"

namespace orrery {

std::optional<Violation> Evaluator::compile(const Problem& problem, const Plan& plan, Ranks ranks) {
  if (auto broken = violation(problem.model, problem.cluster, problem.training, plan)) return broken;
  problem_.emplace(problem);
  plan_ = plan;
  memory_.clear();
  prices_.clear();
  links_.reset();
  timeline_.start.clear();
  timeline_.end.clear();
  const std::uint64_t size =
      compiler_.run(problem.model, problem.cluster, problem.training, plan, ranks, program_);
  if (size <= most_instructions) return {};
  return Violation{"",
                   "not supported: a step of " + std::to_string(size) + " instructions, more than " +
                       std::to_string(most_instructions),
                   true};
}

void Evaluator::reprice(const Problem& problem) {
  problem_.emplace(problem);
  memory_.clear();
  prices_.clear();
}

namespace {

// Ends in fail() if the step could last longer than simulated time reaches: all instructions one after the
// other.
void check_duration(const Program& p, std::span<const Price> prices) {
  constexpr double longest = 4e18;  // ticks; 2^63 is 9.2e18
  std::vector<double> by_block;
  for (const Block& b : p.blocks) {
    double sum = 0;
    for (std::uint32_t r = 0; r < b.rows; ++r) {
      const Price& price = prices[p.rows[b.first_row + r].cost_class];
      sum += static_cast<double>(price.total().v) + static_cast<double>(price.launch.v);
    }
    by_block.push_back(sum);
  }
  double total = 0;
  for (std::size_t c = 0; c < p.call_count(); ++c) total += by_block[p.calls[c].block];
  if (total > longest) fail({}, "not supported: a step of up to " + text(Seconds{total * 1e-12}));
}

}  // namespace

const Problem& Evaluator::problem() const {
  ORRERY_CHECK(problem_.has_value());
  return *problem_;
}

const std::vector<StageMemory>& Evaluator::memory() {
  if (memory_.empty()) memory_ = stage_memories(program_, problem().cluster, problem().calibration);
  return memory_;
}

void Evaluator::price_classes() {
  const Problem& p = problem();
  if (!prices_.empty()) return;
  price(program_, p.calibration, p.cluster, plan_.graph, prices_);
  check_duration(program_, prices_);
}

Tick Evaluator::bound() {
  price_classes();
  return makespan(program_, prices_, workspace_.fixed);
}

const std::vector<Price>& Evaluator::prices() {
  price_classes();
  return prices_;
}

SharedInput Evaluator::shared() {
  const Problem& p = problem();
  price_classes();
  std::vector<double> slowdown;
  for (const CostClass& c : program_.classes) slowdown.push_back(compute_slowdown(c, p.calibration));
  if (!links_) links_ = engine::link_use(program_, p.cluster, p.topology);
  return shared_input(*links_, program_, prices_, p.cluster, p.topology, slowdown);
}

const Simulation& Evaluator::simulate(Replay replay) {
  price_classes();
  const SharedInput input = replay == Replay::static_only ? SharedInput{} : shared();
  simulation_ = orrery::simulate(program_, prices_, input, replay, workspace_, timeline_);
  return simulation_;
}

Subject Evaluator::subject() const {
  const Problem& p = problem();
  return {p.model, p.cluster, p.training, plan_, program_, p.calibration, prices_, timeline_};
}

Report Evaluator::report(Origin origin) {
  origin.replay = is_shared(simulation_.chosen) ? "shared" : "static";
  return make_report(subject(), std::move(origin));
}

bool same_program(const Cluster& a, const Cluster& b) {
  if (a.groups.size() > 1 || b.groups.size() > 1) return a == b;
  const NodeGroup &x = a.groups.front(), &y = b.groups.front();
  return x.nodes == y.nodes && x.node.gpus == y.node.gpus && x.node.intra.kind == y.node.intra.kind &&
         x.node.intra.per_switch == y.node.intra.per_switch && x.node.nics.count == y.node.nics.count &&
         a.fabric == b.fabric;
}

std::size_t fullest(const std::vector<StageMemory>& stages) {
  const auto less = [](const StageMemory& a, const StageMemory& b) { return a.room() < b.room(); };
  return static_cast<std::size_t>(std::min_element(stages.begin(), stages.end(), less) - stages.begin());
}

bool fits(const std::vector<StageMemory>& stages, double share) {
  return std::all_of(stages.begin(), stages.end(), [share](const StageMemory& m) {
    return static_cast<double>(m.peak.v) <= static_cast<double>(m.limit.v) * share;
  });
}

}  // namespace orrery
