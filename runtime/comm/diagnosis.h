// The board read as a graph of who waits for whom.
#pragma once
#include <cstdint>
#include <string>

#include "runtime/comm/board.h"

namespace orrery::comm {

// Whom `rank` waits for in the end: "rank 3 has not come", "ranks 1, 2 wait for each other", ...
std::string culprit(const Board&, std::uint32_t rank);

// "\n  rank 0 waits for rank 3 in all_reduce 17 of group 3 (...)", a line for each rank that waits.
std::string who_waits(const Board&);

}  // namespace orrery::comm
