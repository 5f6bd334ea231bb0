// The critical path of a Timeline: what one would have to shorten. Walked back from the last end: an instruction
// began when the last member of its meeting had started, and that one started when the last of what it waited for
// had ended (the earlier instruction of its stream before others, where they ended together), or when its host
// issued it. So the steps lie back to back from 0 to the makespan and sum to it exactly.
//
// Under static replay, makespan = sum over classes of runs * price + launches * launch, and as the path stays one
// under other prices, these counts are the derivatives of the makespan (one-sided where the path is not unique), and
// the same sum is a lower bound of it at any prices.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery {

enum class StepKind : std::uint8_t {
  run,    // the instruction runs; a meeting: from its begin
  issue,  // the host issues instructions of the rank, up to this one
  wait    // nothing explains the time before this instruction's start (in measured Timelines)
};

struct PathStep {
  InstructionId instruction;
  std::uint32_t cost_class = 0;         // of a meeting: its dearest member's
  StepKind kind = StepKind::run;
  Tick begin{}, end{};
  bool operator==(const PathStep&) const = default;
};

struct CriticalPath {
  std::vector<PathStep> steps;          // in order of time
  std::vector<Tick> time;               // by class: of runs
  std::vector<std::uint32_t> runs, launches;  // by class: how often they lie on the path
  Tick stretched{};                     // part of the runs beyond their prices: links shared, compute slowed
  Tick issue{}, wait{};                 // of these kinds
};

// Prices as the Timeline was predicted with. Cost: the Program's calls and rows once, then the steps.
CriticalPath critical_path(const Program&, std::span<const Price>, const Timeline&);

}  // namespace orrery
