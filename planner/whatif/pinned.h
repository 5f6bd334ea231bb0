// One plan at many points: compiled where model, batch or the shape of the cluster change, repriced
// elsewhere. Points of one Program are replayed together, in lanes (sim/engine/simulate_lanes.h).
#pragma once
#include <optional>

#include "planner/whatif/answer.h"
#include "sim/engine/simulate_lanes.h"
#include "sim/evaluate.h"
#include "sim/scenario.h"

namespace orrery {

// Thread-compatible: one a thread.
class Pinned {
 public:
  // Whether put() can take this point beside those that wait: it is of their Program, and a lane is free.
  bool takes(const Scenario&, const Plan&) const;
  // The answer, if it needs no replay; else nothing, and the point waits for play(), until when scenario,
  // calibration and plan must live. Ends in fail(), with nothing changed for those that wait, when something
  // can't be priced.
  std::optional<Answer> put(const Scenario&, const Calibration&, const Plan&, Replay = Replay::automatic);
  // The answers of those that wait, in order of put().
  std::vector<Answer> play();
  // put() and play() of one point; none may wait.
  Answer ask(const Scenario&, const Calibration&, const Plan&, Replay = Replay::automatic);
  std::size_t compiled() const { return compiled_; }  // how often
  std::size_t simulated() const { return simulated_; }

 private:
  // What the Evaluator's Program is of.
  struct Compiled {
    Model model;
    Training training;
    Cluster cluster;
    Plan plan;
  };
  // What a step is simulated with: all that its length depends on, with the Program.
  struct Question {
    std::vector<NodeGroup> groups;
    Calibration calibration;
    Replay replay;
    bool operator==(const Question&) const = default;
  };
  struct Waiting {
    const Scenario* scenario;
    const Calibration* calibration;
    const Plan* plan;
    Bytes memory;      // peak of the fullest device
    std::size_t lane;  // of questions_
  };
  // Of a calibration, what is memory.
  struct Reserved {
    Bytes context{}, workspace{}, communicator{};
    double fragmentation = 0;
    bool operator==(const Reserved&) const = default;
  };
  bool is_of(const Scenario&, const Plan&) const;
  std::size_t lane_of(const Scenario&, const Calibration&, Replay);
  void simulate();
  void forget(std::size_t keep);
  const Topology& topology_of(const Cluster&);
  const std::vector<StageMemory>& memory_of(const Cluster&, const Calibration&);

  Evaluator evaluator_;
  std::optional<Compiled> of_;
  std::optional<Topology> topology_;
  Cluster wired_;                    // that topology_ is of
  std::vector<StageMemory> memory_;  // of the Program; empty: not yet
  Reserved reserved_;                // that memory_ counts
  // Different ones, by lane. Those that steps_ has are simulated: after play() the latest is kept, for more
  // points may ask it.
  std::vector<Question> questions_;
  std::vector<std::vector<Price>> prices_;
  std::vector<SharedInput> shared_;
  std::vector<Simulation> steps_;
  std::vector<Waiting> waiting_;
  LaneSimulationWorkspace workspace_;
  std::size_t compiled_ = 0, simulated_ = 0;
};

}  // namespace orrery
