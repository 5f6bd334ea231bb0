// Measurements and fits as people read them.
#pragma once
#include <span>
#include <string>

#include "profiler/import/calibrate.h"

namespace orrery {

// A table a source: what was measured under which conditions, how often, median and quartiles. `all`: else
// the first rows of each kind, and how many more there are.
std::string profile_tables(std::span<const Source>, bool all);

// What was fitted and how well; what was not, and why.
std::string fit_table(const ImportFit&);

}  // namespace orrery
