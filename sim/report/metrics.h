// A report as one flat list of named metrics: what CSV prints, JSON holds and comparisons line up.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/report.h"

namespace orrery {

struct Quantified {
  std::string name;  // "step_time", "where.matmul", "stages.3.memory.peak"
  double value = 0;
  std::string unit;  // "s", "B", "1", "tokens/s", "FLOP/s", "USD", "kWh", "W"
  Evidence evidence = Evidence::assumed;
  double low = 0, high = 0;  // the value itself where no error is stated
  bool operator==(const Quantified&) const = default;
};

// In a fixed order. Of the whole (step_time, tokens_per_second, mfu.megatron, days ...), of where the step
// goes, and of every stage. What is unknown is left out.
std::vector<Quantified> metrics(const Report&);

}  // namespace orrery
