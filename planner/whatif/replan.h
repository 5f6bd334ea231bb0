// A point where the plan is free: the best of the scenario's space.
#pragma once
#include <optional>

#include "planner/search.h"
#include "planner/whatif/answer.h"

namespace orrery {

struct Replanned {
  Answer answer;
  std::optional<Plan> plan;  // of an answer that is ok
  bool complete = true;      // false: the Watch stopped the search; the answer is the best so far
};
Replanned replan(const Scenario&, const Calibration&, Executor&, Watch&);

}  // namespace orrery
