// The best uniform plan at many points that differ in rates, sizes or prices: what replan() finds, found
// again soon.
//
// All that no rate changes is kept from one point to the next: which plans are legal, their memory, their
// classes (one pool for all plans, priced once a point). Of every plan that fits, paths through its step are
// kept too: a path that was critical under other prices is still a path, so its length under these is a lower
// bound of the static step, and that one of any replay.
//
// Plans come in order of their bounds: of one whose bound is a path, the static step is found instead (which
// leaves the path that was missing, so that nearby points rarely need it); one whose static step is the least
// of all is simulated. That ends when no bound is below the best step by more than the gap asked for. So
// plans are simulated in order of their static steps, and neither the answer nor its gap depends on which
// paths were known, that is on which points were asked before.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "planner/whatif/replan.h"
#include "sim/evaluate.h"

namespace orrery {

// Thread-compatible: one a thread.
class Replanner {
 public:
  // As replan(), but for a gap, (best - lower bound) / best, that may be left unproven: 0.02 for 2 %. What
  // this can't do itself (a strategy for each layer, limits besides memory, memory as the objective, nothing
  // that fits), the search does, and leaves its own gap.
  Replanned ask(const Scenario&, const Calibration&, Executor&, Watch&, double gap_at_most = 0);
  std::size_t compiled() const { return compiled_; }
  std::size_t simulated() const { return simulated_; }
  std::size_t searched() const { return searched_; }  // points that the search was asked

 private:
  struct Path {
    struct Runs {
      std::uint32_t pooled = 0, runs = 0, launches = 0;
      bool operator==(const Runs&) const = default;
    };
    std::vector<Runs> runs;
    bool operator==(const Path&) const = default;
  };
  struct Candidate {
    Plan plan;
    std::vector<StageMemory> memory;
    std::vector<std::uint32_t> pooled;  // by class of its Program: its place in the pool
    std::vector<Path> paths;            // the latest last
    Tick bound{};                       // of the present point
  };
  // All that the candidates depend on.
  struct Space {
    Model model;
    Training training;
    Cluster cluster;
    Search search;
    std::optional<Plan> base;
    std::array<double, 4> reserved{};  // memory of the calibration
    bool operator==(const Space&) const = default;
  };
  struct Compiled {
    std::size_t candidate;
    Evaluator evaluator;
  };
  static std::array<double, 4> reserved(const Calibration&);
  bool is_of(const Scenario&, const Calibration&) const;
  bool build(const Scenario&, const Calibration&, Watch&);
  void add_to_pool(Candidate&, const Program&);
  void price_classes(const Candidate&, const Calibration&, const Cluster&);
  Tick length(const Path&) const;
  void set_bound(Candidate&) const;
  // A plan that was not simulated: by its static step if that is exact, else by a path. In order of search.
  struct Open {
    Tick bound{};
    bool exact = false;
    std::size_t candidate = 0;
    auto operator<=>(const Open&) const = default;
  };
  std::optional<std::vector<Open>> open_plans(const Scenario&, const Calibration&, Watch&);
  bool make_exact(std::size_t candidate, const Problem&);
  Evaluator* compiled(std::size_t candidate, const Problem&);
  static void learn(Candidate&, const Evaluator&);
  struct Step {
    Answer answer;
    Tick step{};
  };
  std::optional<Step> simulate(std::size_t candidate, const Scenario&, const Calibration&);

  std::optional<Space> of_;
  std::optional<Topology> topology_;
  std::vector<Candidate> candidates_;  // that are legal
  std::vector<CostClass> pool_;
  std::multimap<std::uint64_t, std::uint32_t> in_pool_;  // by digest
  std::vector<Price> prices_;                            // of the pool, where this point has them
  std::vector<bool> priced_;
  std::list<Compiled> recent_;  // the latest used first
  std::size_t compiled_ = 0, simulated_ = 0, searched_ = 0;
};

}  // namespace orrery
