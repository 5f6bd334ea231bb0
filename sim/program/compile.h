// compile(): the only place that knows what a schedule, a ZeRO stage or a recompute policy means.
#pragma once
#include <memory>

#include "sim/cluster/cluster.h"
#include "sim/plan/plan.h"
#include "sim/program/program.h"

namespace orrery {

enum class Ranks : std::uint8_t { folded, all };

// Keeps its memory from one compile to the next: a compiler in fresh memory is tens of times slower.
class Compiler {
 public:
  Compiler();
  ~Compiler();
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;

  // Requires !violation(...). Fills `out`, whose memory is reused.
  void run(const Model&, const Cluster&, const Training&, const Plan&, Ranks, Program& out);

  struct Work;

 private:
  std::unique_ptr<Work> work_;
};

Program compile(const Model&, const Cluster&, const Training&, const Plan&, Ranks = Ranks::folded);

}  // namespace orrery
