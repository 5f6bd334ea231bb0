// Timelines for trace viewers: a process a rank, a track a stream, a counter of live memory, and arrows from
// sends to receives. A stream runs one instruction at a time, so slices of a track never overlap; a slice
// spans the wait for other members of its meeting too ("waited"). Written piece by piece to a sink, never
// held as a whole.
//
//  - Chrome trace JSON with the keys of Kineto (cat "kernel", stream, correlation, "Collective name" ...), so
//  that
//    tools for PyTorch profiles read it; distributedInfo is there when exactly one rank is written. Times are
//    microseconds with all six digits of a tick.
//  - Perfetto protobuf, with interned names, at a third of the size. Times are nanoseconds (ticks rounded
//  down).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/program/program.h"

namespace orrery {

struct TraceOptions {
  std::vector<RankId> ranks;  // to write; empty: all that the Program holds
  bool memory = true;
};

using Sink = std::function<void(std::string_view)>;

void write_chrome_trace(const Program&, const Timeline&, const TraceOptions&, const Sink&);

// Several Timelines of one Program in one file, such as a predicted and a measured one: a process a rank and
// Timeline, named after both.
struct NamedTimeline {
  std::string_view name;
  const Timeline& timeline;
};
void write_chrome_traces(const Program&, std::span<const NamedTimeline>, const TraceOptions&, const Sink&);

void write_perfetto_trace(const Program&, const Timeline&, const TraceOptions&, const Sink&);

}  // namespace orrery
