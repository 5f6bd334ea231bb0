// The time of communication. One rank: nothing. Inside a node: the measured curve of the calibration for the
// operation and number of ranks, T = latency + x + sqrt(ramp x), x = f S / B; without a curve, NCCL's model. Over
// nodes: a ring, or for all-reduces NCCL's tree where that is faster (unless Calibration::nccl is "none"),
//   T = base + (steps - far) near_step + far far_step + f S / min(B_node, r B_nic efficiency)
// with latency linear in ranks, as NCCL's is. f = 2(n-1)/n and steps = 2(n-1) for an all-reduce, (n-1)/n and n-1 for a
// gather or scatter. r is the share of NICs: a ring of q members a node can use min(q, NICs), and since the node's
// other ranks run the same collective in groups of their own, NICs q / GPUs of them.
#pragma once
#include "sim/cost/calibration.h"

namespace orrery {

// fixed: latency, that nothing shares; flow: what stretches while links are shared.
struct TransferTime {
  Seconds fixed{}, flow{};
  Seconds total() const { return {fixed.v + flow.v}; }
};

// Bytes that a rank sends for each byte of the buffer: 2(n-1)/n, (n-1)/n, or 1 for broadcast and messages.
double bus_factor(Kind, std::uint32_t ranks);

// NICs that one ring of the group can count on.
double nic_share(const GroupSignature&, const Node&);

// A collective or exchange in a group, or a message (send, receive). bytes: the whole buffer.
TransferTime transfer_time(Kind, Bytes, const GroupSignature&, const Calibration&, const Node&);

// The curve that a group inside one node goes by: of its number of ranks, else of the next larger one tabulated,
// else of the largest. nullptr: none is tabulated for this operation.
const Curve* curve_for(const Calibration&, Kind, std::uint32_t ranks);

}  // namespace orrery
