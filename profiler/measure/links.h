// Collectives and messages between ranks of one machine, and what they and compute do to each other.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "profiler/measure/device.h"
#include "profiler/measure/sizes.h"
#include "profiler/points.h"
#include "sim/base/interfaces.h"

namespace orrery {

// All-reduce, reduce-scatter, all-gather, all-to-all, broadcast in groups of each of `ranks` (2 or more), and
// messages (Kind::send) between two: one way of a round trip. Each follows a matrix product and precedes one,
// as in a step; its time is what it adds to the products, the mean over batches, on the rank that came last.
// Beside it stands what the communication library expects of the collective, where it says so.
std::vector<CollectivePoint> measure_links(const WithRanks&, std::span<const int> ranks, Watch&,
                                           const LinkOptions& = {});

// What so many ranks compute together over what one computes alone: at most their number (Node::cores).
double measure_cores(const WithRanks&, std::uint32_t ranks, const LinkOptions& = {});

// Factors of at least 1 on the time of compute while an all-reduce of two ranks runs, and of the all-reduce
// while both compute.
struct Overlap {
  double compute = 1, communication = 1;
};
Overlap measure_overlap(const WithRanks&, const LinkOptions& = {});

}  // namespace orrery
