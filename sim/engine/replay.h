// Static replay: the longest path through a Program under constant prices, in one pass over its calls. Exact
// while no price depends on what else runs (see shared.h for the rest). Streams, waits, meetings and the host's
// issue order are all predecessors: end = price + max(ends of predecessors). Complexity: one visit an
// instruction; no allocation after the workspace has grown. Re-entrant; the caller owns the workspace.
#pragma once
#include <span>
#include <vector>

#include "sim/cost/price.h"
#include "sim/program/program.h"

namespace orrery {

struct Workspace {
  std::vector<std::int64_t> price;          // by class
  std::vector<std::int64_t> launch;         // by class
  std::vector<std::int64_t> stream_end;     // by player of all teams and stream
  std::vector<std::int64_t> host_end;       // by player
  std::vector<std::int64_t> meeting;        // scratch of a row
  std::vector<std::int64_t> row_end;        // scratch of a block
  std::vector<std::uint32_t> first_player;  // by team
};

// Fills `out` (resized to program.size()) and returns the makespan.
Tick replay(const Program&, std::span<const Price>, Workspace&, Timeline& out);

}  // namespace orrery
