// The memory of a rank as a planner's limit and a report's peak: what the ledger counts, and the constants
// that a calibration adds. The one place that adds them.
#pragma once
#include "sim/cost/calibration.h"
#include "sim/program/ledger.h"
#include "sim/report/report.h"

namespace orrery {

// By team: the ledger's peak and, as constants, the context, workspaces, a communicator for each group of
// more than one rank in which the team communicates, and fragmentation (reserved over allocated bytes). No
// prices needed.
std::vector<StageMemory> stage_memories(const Program&, const Cluster&, const Calibration&);

// The weakest evidence among those constants that are not zero.
Evidence memory_evidence(const Calibration&);

}  // namespace orrery
