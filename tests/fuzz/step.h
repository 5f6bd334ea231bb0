// From bytes to a step: a small model, cluster and plan; if the plan is legal, the Program that it compiles
// to keeps the rules, and its folded and unfolded replays take the same time.
#pragma once
#include <string_view>

namespace orrery::fuzz {

void step(std::string_view bytes);

}  // namespace orrery::fuzz
