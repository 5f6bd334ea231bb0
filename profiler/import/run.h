// A training log as a measured run, in the format that `orrery validate` reads (orrery.runs/1).
#pragma once
#include <span>
#include <string>
#include <vector>

#include "profiler/import/profile.h"

namespace orrery {

struct RunOptions {
  std::vector<std::string> set;  // "parallel.tp=8": what the log does not say; goes before what it says
  std::string
      source;  // name of the source, by which the table of stacks knows the software; empty: the format
};

// One run a source that has step times, or tokens a second from which they follow. Ends in fail() if there is
// none, and where a run lacks what a prediction needs, with all that is missing.
Json measured_runs(std::span<const Source>, const RunOptions& = {});

}  // namespace orrery
