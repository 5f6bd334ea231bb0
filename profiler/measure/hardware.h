// What one device does alone: matrix products over shapes, its memory's rate, and the cost of an instruction
// that does nothing.
#pragma once
#include <vector>

#include "profiler/measure/samples.h"
#include "profiler/points.h"
#include "runtime/backend.h"
#include "sim/base/interfaces.h"

namespace orrery {

// The time of one kernel of `turn`, which are played in turn `rounds` times after a round that does not
// count.
Repeats time_kernels(Backend&, const std::vector<Kernel>& turn, int rounds);

// Device memory that the measurements below take.
Bytes hardware_memory();

// y = x W^T over tokens, outputs and inputs of transformers small to middling, on operands that caches do not
// hold from the time before.
std::vector<MatmulPoint> measure_matmuls(Backend&, DType, Watch&);
// Copies of blocks that no cache holds: bytes read and written.
BytesPerSecond measure_memory_rate(Backend&);
Seconds measure_launch(Backend&);

}  // namespace orrery
