// For a plan that doesn't fit: the nearest one that does.
#pragma once
#include "sim/plan/plan.h"

namespace orrery {

// How far apart two uniform plans are for whoever has to change one into the other; 0 for equal ones. Recomputation
// and ZeRO are switches, the micro-batch changes kernels, degrees change the layout of the job: each counts more than
// all before it together.
int distance(const Plan&, const Plan&);

}  // namespace orrery
