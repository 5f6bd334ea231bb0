// What one device does alone: matrix products over shapes, its memory's rate, and the cost of an instruction
// that does nothing.
#pragma once
#include <vector>

#include "profiler/measure/samples.h"
#include "profiler/measure/sizes.h"
#include "profiler/points.h"
#include "runtime/backend.h"
#include "sim/base/interfaces.h"

namespace orrery {

// The time of one kernel of `turn`, which are played in turn `rounds` times after a round that does not
// count.
Repeats time_kernels(Backend&, const std::vector<Kernel>& turn, int rounds);

// Device memory that the measurements below take.
Bytes hardware_memory(const HardwareSizes& = {});

// y = x W^T over tokens, outputs and inputs of `sizes`, on operands that caches do not hold from the time
// before.
std::vector<MatmulPoint> measure_matmuls(Backend&, DType, Watch&, const HardwareSizes& = {});
// Copies of blocks that no cache holds: bytes read and written.
BytesPerSecond measure_memory_rate(Backend&, const HardwareSizes& = {});
// From host memory to the device's.
BytesPerSecond measure_host_rate(Backend&, const HardwareSizes& = {});
// From the start of an instruction that does nothing to the start of the next; with a tracer of kernels,
// without what the kernel itself takes.
Seconds measure_launch(Backend&, const HardwareSizes& = {});
// What the device says of itself after products of the largest shape have run for HardwareSizes::load, while
// more run.
std::vector<Fact> facts_under_load(Backend&, DType, const HardwareSizes& = {});

}  // namespace orrery
