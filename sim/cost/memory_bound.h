// The time of a memory-bound op: bytes for each of its elements, as this software stack's kernels move them, over
// the achieved memory rate. A layer's ops share the stack's multiplier; optimizer, loss and embedding do not.
#pragma once
#include "sim/cost/calibration.h"

namespace orrery {

// Moved for each of Op::elements; recompute counts as forward.
double bytes_per_element(const Op&, const Calibration&);

// Without gaps.
Seconds memory_bound_time(const Op&, const Calibration&, BytesPerSecond memory);

// The entry of the stack's table for an op: that of the forward pass for recompute.
const OpConstants& op_constants(const Calibration&, const Op&);

}  // namespace orrery
