// Reports side by side: what the step, its parts, memory and cost are in each, and by how much the others
// differ from the first. The parts' differences sum to that of the step exactly.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "sim/base/json.h"
#include "sim/report/report.h"

namespace orrery {

std::string compare_text(std::span<const Report>);
std::string compare_markdown(std::span<const Report>);
// "orrery.comparison/1": runs, and for each metric of the whole its unit, values and changes against the
// first.
Json compare_json(std::span<const Report>);

// One sentence a report after the first: "B is 4.2 % faster than A: -0.31 s bubble, -0.12 s matmul".
std::vector<std::string> verdicts(std::span<const Report>);

}  // namespace orrery
