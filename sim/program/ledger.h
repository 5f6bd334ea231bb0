// The memory of a rank, without prices. A buffer lives from the first to the last instruction that names it,
// in id order; the ledger adds at first use and subtracts after last use. A message or a reduction that may
// still be under way by then is in the arena (arena.h), which holds at any timing. Constants of a software
// stack (context, communicators, fragmentation) are a calibration's and not here.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace orrery {

using ByComponent = std::array<Bytes, component_count>;
Bytes total(const ByComponent&);

struct Ledger {
  Bytes peak{};
  ByComponent at_peak{};
  InstructionId peak_at{};         // of the team's player 0
  std::uint32_t peak_stashes = 0;  // most stashes (micro-batch and virtual stage) held at once
};

// By team (pipeline stage). Complexity: one visit a row, and one a call.
std::vector<Ledger> ledgers(const Program&);

// Live bytes of a team after each of its calls, for timelines of memory: (call, bytes).
struct LiveBytes {
  std::uint32_t call = 0;
  Bytes peak{}, after{};
};
std::vector<LiveBytes> live_bytes(const Program&, std::uint32_t team);

}  // namespace orrery
