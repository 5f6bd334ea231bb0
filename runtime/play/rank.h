// Where a rank stands, and all that one rank needs to be bound: the setup, the Program of all ranks, and
// the rank's memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/program/arena.h"
#include "sim/program/program.h"

namespace orrery {

// Coordinates of a rank: numbered tensor fastest, then data (context ranks among them), then stages.
struct Coordinates {
  std::uint32_t rank = 0, tensor = 0, data = 0, stage = 0;
  std::uint32_t tensor_ranks = 1, data_ranks = 1;
  bool operator==(const Coordinates&) const = default;
};
Coordinates coordinates(const Plan&, std::uint32_t rank);

struct Setup {
  const Model& model;
  const Training& training;
  const Plan& plan;
};

// A rank's memory: `base` is the arena of lay_out(program, stage).
struct RankMemory {
  const Program& program;  // of all ranks
  const Arena& arena;
  std::byte* base = nullptr;
};

}  // namespace orrery
