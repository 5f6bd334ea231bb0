// The tables of a report as cells, shared by the terminal, Markdown and comparisons. Internal to sim/report.
#pragma once
#include <string>
#include <vector>

#include "sim/report/report.h"

namespace orrery::report {

using Cells = std::vector<std::vector<std::string>>;  // the first row is the heading

std::string headline(const Report&);    // "gpt3-175b on 1,024 x a100-80, 128 nodes"
std::string speed_line(const Report&);  // "17.2 s   489 k tokens/s   ..."
std::string memory_line(const Report&);
std::string evidence_line(const Report&);
std::string error_line(const Report&);
std::vector<std::string> cost_lines(const Report&);     // empty if no tokens are asked for
std::vector<std::string> goodput_lines(const Report&);  // empty if failures are not modelled

// Parts of the step that are not zero, largest kinds in the order of Category.
struct Part {
  Category category;
  Tick time;
  int tenths;
};
std::vector<Part> parts(const Breakdown&);

Cells communication_table(const Report&);  // of the critical stage: total, hidden, exposed
Cells memory_table(const Report&);         // GiB by stage; alike neighbours share a row
Cells stage_table(const Report&);          // what each stage's time goes to
Cells efficiency_table(const Report&);

std::string_view title(FlopConvention);  // "Korthikanti et al. 2022 (whole attention square)"

}  // namespace orrery::report
