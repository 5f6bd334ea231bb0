// compile(): the only place that knows what a schedule, a ZeRO stage or a recompute policy means.
#pragma once
#include <memory>

#include "sim/cluster/cluster.h"
#include "sim/plan/plan.h"
#include "sim/program/program.h"

namespace orrery {

// Of a Program: a timeline of 16 GiB.
inline constexpr std::uint64_t most_instructions = std::uint64_t{1} << 30;

enum class Ranks : std::uint8_t { folded, all };

// Keeps its memory from one compile to the next: a compiler in fresh memory is tens of times slower.
class Compiler {
 public:
  Compiler();
  ~Compiler();
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;

  // Requires !violation(...). Fills `out`, whose memory is reused. Returns the count of instructions; above
  // most_instructions the ids of `out` have wrapped, and it is good for nothing.
  std::uint64_t run(const Model&, const Cluster&, const Training&, const Plan&, Ranks, Program& out);

  struct Work;

 private:
  std::unique_ptr<Work> work_;
};

Program compile(const Model&, const Cluster&, const Training&, const Plan&, Ranks = Ranks::folded);

}  // namespace orrery
