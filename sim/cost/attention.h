// The time of fused (flash) attention from tables of achieved rates by kernel generation, head dimension and
// sequence. Rates are interpolated linearly in log2 of the sequence (above 16k the last one holds, below 512 the
// rate goes as s^0.4) and of the head dimension; a head smaller than the smallest tabulated one loses in
// proportion. Backward costs 2.5 times the FLOPs of forward, since it recomputes Q K^T.
// Tables: figures of the FlashAttention 2 and 3 repositories. The exponent 0.4 is assumed.
#pragma once
#include <vector>

#include "sim/cost/calibration.h"

namespace orrery {

// The achieved rate of `kernel`, forward and backward together or forward only as its tables say. Tables for
// another mask are used when there are none for this one. Nothing tabulated: 0.
struct AttentionRate {
  FlopsPerSecond rate{};
  bool forward_only = false;
  const AttentionRates* nearest = nullptr;  // the table row that counted most
};
AttentionRate attention_rate(const Calibration&, int head_dim, double sequence, bool causal);

// Of an op of kind attention in its pass (forward, recompute, input_gradient); 0 when the kernel has no table.
Seconds attention_time(const Op&, const Calibration&);

}  // namespace orrery
