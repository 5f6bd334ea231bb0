// Plans drawn at random over all that a Plan can say, as far as they are legal and can be executed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/program/fixtures.h"

namespace orrery::testing {

struct Draw {
  const Model* model = nullptr;
  Training training;
  Plan plan;
  std::string name;  // the plan as a file, for messages
};

// Six layers; GPT tied and untied, with dropout; Llama with as many and with fewer key/value heads.
const std::vector<Model>& drawn_models();

// `count` distinct ones of 1 to 8 ranks, a function of the seed; in fp32.
std::vector<Draw> drawn_plans(std::size_t count, std::uint64_t seed = 1);

// What they are compared with: the whole batch at once.
Plan one_rank(const Training&);

}  // namespace orrery::testing
