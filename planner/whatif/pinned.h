// One plan at many points: compiled where model, batch or the shape of the cluster change, repriced
// elsewhere.
#pragma once
#include <optional>

#include "planner/whatif/answer.h"
#include "sim/evaluate.h"
#include "sim/scenario.h"

namespace orrery {

// Thread-compatible: one a thread.
class Pinned {
 public:
  // Ends in fail() when something can't be priced. With Replay::static_only no Timeline is made.
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
  // What the step was last simulated with; all that its length depends on, with the Program.
  struct Played {
    std::vector<NodeGroup> groups;
    Calibration calibration;
    Replay replay;
    bool operator==(const Played&) const = default;
  };
  // Of a calibration, what is memory.
  struct Reserved {
    Bytes context{}, workspace{}, communicator{};
    double fragmentation = 0;
    bool operator==(const Reserved&) const = default;
  };
  bool is_of(const Scenario&, const Plan&) const;
  void play(const Scenario&, const Calibration&, Replay);
  const Topology& topology_of(const Cluster&);
  const std::vector<StageMemory>& memory_of(const Cluster&, const Calibration&);

  Evaluator evaluator_;
  std::optional<Compiled> of_;
  std::optional<Topology> topology_;
  Cluster wired_;                    // that topology_ is of
  std::vector<StageMemory> memory_;  // of the Program; empty: not yet
  Reserved reserved_;                // that memory_ counts
  std::optional<Played> played_;
  Tick makespan_{};
  bool shared_ = false;
  std::size_t compiled_ = 0, simulated_ = 0;
};

}  // namespace orrery
