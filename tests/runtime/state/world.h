// All ranks of a plan, as far as their state goes: which flat ranges each holds, by the compiled Program. The
// data ranks of a unit that ZeRO doesn't cut share the writing of it.
#pragma once
#include <algorithm>
#include <map>
#include <vector>

#include "runtime/state/layout.h"
#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery::testing {

struct World {
  Model model;
  Plan plan;
  Program program;

  World(Model m, Plan p)
      : model(std::move(m)),
        plan(std::move(p)),
        program(compile(model, cluster(plan.ranks(), plan.ranks()), training(32, 8), plan)) {}

  // The placements of each unit that a rank holds a part of; offsets count from the part's start.
  std::vector<std::vector<Placement>> parts(int rank) const {
    const int tensor = rank % plan.tp, data = rank / plan.tp % plan.dp, stage = rank / (plan.tp * plan.dp);
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> units;  // their elements
    for (const Weight& w : program.weights)
      if (static_cast<int>(w.virtual_stage) % plan.pp == stage) {
        std::int64_t& end = units[{w.virtual_stage, w.home}];
        end = std::max(end, w.offset + w.elements);
      }
    std::vector<std::vector<Placement>> out;
    for (const auto& [unit, elements] : units) {
      const std::int64_t shard = (elements + plan.dp - 1) / plan.dp;
      out.push_back(within(place(model, program.weights, unit.first, unit.second, plan.tp, tensor),
                           data * shard, std::min(elements, (data + 1) * shard)));
    }
    return out;
  }
};

inline std::int64_t extent(const std::vector<Placement>& part) {
  return part.empty() ? 0 : part.back().offset + part.back().slice.elements();
}

}  // namespace orrery::testing
