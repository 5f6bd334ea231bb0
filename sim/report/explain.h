// Why a metric has its value: the chain of formulas, the numbers of this run that go into them, and where the
// constants come from, down to the kernels and collectives that dominate the critical path.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"
#include "sim/report/report.h"

namespace orrery {

// A quantity, how it follows from the ones below it, and its source if it is taken from somewhere.
struct Reason {
  std::string name, value, formula, source;
  std::vector<Reason> because;
  bool operator==(const Reason&) const = default;
};

// "step_time", "memory", "mfu", "tokens_per_second", "cost".
std::span<const std::string_view> explained_metrics();

// Requires a metric of that list, and a report that make_report() made of this subject.
Reason explain(const Subject&, const Report&, std::string_view metric);

// A tree for a terminal; at most `depth` levels below the root.
std::string text(const Reason&, int depth = 8);
Json to_json(const Reason&);

}  // namespace orrery
