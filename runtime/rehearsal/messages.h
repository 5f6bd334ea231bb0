// A rehearsal whose messages are real: every kernel waits for as long as its class is priced at, every
// communication moves its bytes by the engine that trains, with each rank behind a link of known rate and
// latency. So it holds the prices of communications to what their algorithms do.
#pragma once
#include <span>

#include "runtime/comm/delay_line.h"
#include "runtime/play/rank.h"
#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery::rehearsal {

// The second of two steps, from 0 at its first start. Ranks are threads of this process, with their tensors;
// all durations, those of the link too, last `stretch` times as long. Requires !not_executable(...). Throws
// DeviceError.
Timeline rehearse_messages(const Setup&, const Program&, std::span<const Price>, double stretch,
                           const comm::Link& of_each_rank);

}  // namespace orrery::rehearsal
