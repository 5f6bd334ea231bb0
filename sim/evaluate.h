// From a plan to its predicted step, in one place: legality, compile, memory, prices, replay, report. Planner,
// simulate, compare, explain and validate all come through here.
//
//   const Topology topology(cluster);
//   const Problem problem{model, cluster, training, calibration, topology};
//   Evaluator evaluator;                                   // keeps its memory from one plan to the next
//   if (const auto broken = evaluator.compile(problem, plan)) ...
//   if (fits(evaluator.memory())) evaluator.simulate();
//   const Report report = evaluator.report(origin);
#pragma once
#include <optional>
#include <vector>

#include "sim/cluster/topology.h"
#include "sim/cost/calibration.h"
#include "sim/engine/simulate.h"
#include "sim/plan/plan.h"
#include "sim/program/compile.h"
#include "sim/program/program.h"
#include "sim/report/memory.h"
#include "sim/report/report.h"

namespace orrery {

// What a plan is evaluated against. References must outlive every use.
struct Problem {
  const Model& model;
  const Cluster& cluster;
  const Training& training;
  const Calibration& calibration;
  const Topology& topology;            // of `cluster`, or of one of the same Program; immutable: threads can share it
};

// Thread-compatible: one a thread.
class Evaluator {
 public:
  // The rule that the plan breaks; if none, the plan is compiled and the calls below are about it. `plan` is copied.
  std::optional<Violation> compile(const Problem&, const Plan& plan, Ranks = Ranks::folded);

  // The compiled plan against another problem of the same Program (same_program()): prices and memory limits change,
  // nothing is compiled.
  void reprice(const Problem&);

  // By pipeline stage, with the calibration's constants; needs no prices. Computed once a plan.
  const std::vector<StageMemory>& memory();
  // The step as if nothing were shared: the static makespan, found without a Timeline. No replay is shorter: streams
  // and meetings keep their order in all of them, and sharing only makes instructions longer. Both this and simulate()
  // end in fail() when something can't be priced.
  Tick bound();
  // Prices the classes and plays the step.
  const Simulation& simulate(Replay = Replay::automatic);

  // What simulate() plays: the prices of the classes, and what can be shared under them.
  const std::vector<Price>& prices();
  SharedInput shared();

  // After simulate(). Origin::replay is filled.
  Report report(Origin);
  // What simulate() played, for traces and explanations; valid until the next compile().
  Subject subject() const;

  const Plan& plan() const { return plan_; }
  const Program& program() const { return program_; }
  const Simulation& simulation() const { return simulation_; }

 private:
  const Problem& problem() const;
  void price_classes();

  std::optional<Problem> problem_;
  Plan plan_;
  Compiler compiler_;
  Program program_;
  std::vector<StageMemory> memory_;
  std::vector<Price> prices_;          // of the compiled plan; empty until asked for
  std::optional<engine::LinkUse> links_;  // of the compiled plan; empty until asked for
  SimulationWorkspace workspace_;
  Timeline timeline_;
  Simulation simulation_;
};

// Whether every plan has the same Program on both clusters: they differ in rates, sizes and prices at most. Clusters
// of several groups of nodes must be equal, as a slowest group may be another one.
bool same_program(const Cluster&, const Cluster&);

// The pipeline stage with the least room, and whether it has any.
std::size_t fullest(const std::vector<StageMemory>&);
bool fits(const std::vector<StageMemory>&, double share_of_memory = 1);

}  // namespace orrery
