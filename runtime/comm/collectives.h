// The algorithms, written once over a Call. Segment i of a buffer of n members is what member i ends up
// reducing or owning.
//   ring:               n-1 steps to reduce, n-1 to gather, each moving one segment to the next member:
//   2(n-1)/n
//                       of the buffer in all, the least possible (Patarasuk & Yuan 2009)
//   recursive doubling: log2 n exchanges of the whole buffer, for small ones and n a power of two
//   tree:               binomial, 2 log2 n hops of the whole buffer, for small ones of other n; broadcast
//   pairwise:           in step k to the k-th next member: all-to-all
//   rank order:         each segment is summed by its owner, member 0's first
// Every result is the same bits on all members and for any timing.
#pragma once
#include "runtime/backend.h"
#include "runtime/comm/call.h"
#include "runtime/comm/task.h"

namespace orrery::comm {

// All-reduces of at most this many bytes are a matter of latency.
inline constexpr std::size_t small_bytes = 16 << 10;

// Coroutine over `call`, which with the transfers outlives it. `fixed_order`: sums in rank order.
Task carry_out(Call& call, Kind, std::span<const Transfer>, bool fixed_order);

}  // namespace orrery::comm
