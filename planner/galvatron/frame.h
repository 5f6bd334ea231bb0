// What is fixed before layers get their strategies: how the step is divided, and how wide a layer may be
// split, which decides the buffer that every stage keeps. Galvatron enumerates the same frames; a plan
// belongs to the tightest.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "planner/galvatron/front.h"
#include "planner/galvatron/pipeline.h"
#include "planner/galvatron/plan.h"

namespace orrery::galvatron {

// even: Galvatron's own (plan.h), a step by its own formula. any: every cut with a layer a stage at least;
// since the formula looks at the first and the last stage only, it would hide layers in the middle, so a step
// is then the one that every stage can delay.
enum class Cuts : std::uint8_t { even, any };

struct Options {
  std::int64_t memory = 0;  // MB of a GPU; part is left to the allocator (usable())
  Cuts cuts = Cuts::even;
  bool whole_batches = false;     // only data-parallel degrees that divide the micro-batch
  std::size_t most = 20'000'000;  // mixtures, and pipelines, that one frame may hold before it stays open
};

inline Bottleneck bottleneck(Cuts cuts) {
  return cuts == Cuts::even ? Bottleneck::ends : Bottleneck::every_stage;
}

class Frame {
 public:
  // `widest`: of the splits, tensor parallelism among them; 0: none is tensor-parallel.
  Frame(const CostModel&, const Division&, int widest, const Options&);

  const Division& division() const { return division_; }
  // The strategies for embedding and head; the frame is solved for each.
  std::size_t besides() const { return besides_.size(); }
  bool empty() const { return besides_.empty() || layers_.empty(); }
  double log10_plans() const;  // of one of them

  // A lower bound of the step, memory aside; and with memory, where layers may mix in fractions.
  std::int64_t quick_bound(std::size_t beside) const;
  struct Relaxed {
    std::int64_t bound = never;
    std::optional<Plan> guess;  // a plan near it that fits
  };
  Relaxed relax(std::size_t beside) const;

  struct Solved {
    std::optional<Plan> plan;    // the best below `incumbent`
    std::int64_t bound = never;  // nothing of this frame is below it and the plan
    bool complete = true;
    std::size_t mixtures = 0;  // that were kept for it
  };
  Solved solve(std::size_t beside, std::int64_t incumbent);

 private:
  struct Beside {
    Strategy strategy;
    std::vector<std::int64_t> time, room;  // by stage: of a micro-batch; MB for layers
  };
  struct Stage {
    std::vector<Choice> choices;  // those that none dominates, by memory, then the others
    std::size_t undominated;
    Hull plain, synchronised;
    std::int64_t room, least_beside;  // the most and the least of all besides
  };

  int most_layers(int stage) const;
  int least_layers(int stage) const;
  void add_stage(const CostModel&, int stage);
  Pipeline relaxed(const Beside&) const;
  Pipeline exact(const Beside&, const std::vector<Fronts>&, bool same_plain) const;
  std::vector<Fronts> fronts(std::int64_t incumbent, bool same_plain) const;
  bool hopeless(const Mixture&, int layers, int stage, std::int64_t incumbent) const;
  Plan plan_of(const Beside&, const std::vector<std::vector<int>>& counts) const;

  Division division_;
  int total_layers_;
  Options options_;
  std::vector<Strategy> layers_;
  std::vector<int> cuts_;
  std::vector<Beside> besides_;
  std::vector<Stage> stages_;
  std::int64_t least_plain_ = never;           // of a layer
  std::optional<std::vector<Fronts>> fronts_;  // kept for the next beside
};

}  // namespace orrery::galvatron
