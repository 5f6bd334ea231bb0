// Plays any Program on all its ranks with nothing but waits: the same calls of Backend that a Player makes,
// but without kernels' operands, so that what can be simulated can be rehearsed.
#pragma once
#include <span>
#include <string>

#include "runtime/rehearsal/clock.h"
#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery::rehearsal {

// Measured, from 0 at the first start. `program` is of all ranks. Throws DeviceError in a deadlock.
Timeline rehearse(const Program& program, std::span<const Price>, Clock);

// "send of 4096 bytes (forward, micro-batch 3, virtual stage 1, layer 5, instruction 812)".
std::string label(const Program&, const Instruction&);

// By how much to stretch a step so that the median instruction takes `least`; at least 1.
double stretch_for(const Program&, std::span<const Price>, Seconds least);

}  // namespace orrery::rehearsal
