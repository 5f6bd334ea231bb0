// How well the numbers are founded: the time on the critical path by the evidence of the prices that fill it.
#pragma once
#include <array>
#include <string>

#include "sim/cost/calibration.h"
#include "sim/engine/critical_path.h"
#include "sim/program/program.h"

namespace orrery {

using EvidenceShares = std::array<double, 4>;  // by Evidence; they sum to 1, or are all 0

// Time that the host issues in is priced by the stack's launch times, which are calibrated; time that nothing
// explains (measured Timelines) was measured.
EvidenceShares evidence_shares(const CriticalPath&, const Program&, const Calibration&);

Evidence dominant(const EvidenceShares&);          // the largest share; of equals the weaker
std::string evidence_text(const EvidenceShares&);  // "calibrated 71.0 %, datasheet 22.0 %, assumed 7.0 %"

}  // namespace orrery
