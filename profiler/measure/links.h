// Collectives and messages between ranks of one machine, and what they and compute do to each other.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "profiler/measure/device.h"
#include "profiler/points.h"
#include "sim/base/interfaces.h"

namespace orrery {

struct LinkOptions {
  std::vector<std::int64_t> bytes{1 << 12, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 20, 1 << 22, 1 << 24};
  std::int64_t bytes_each = std::int64_t{1} << 25;  // moved in one batch, of 2 to 16 communications
  int batches = 20;                                 // after one that does not count
};

// All-reduce, reduce-scatter, all-gather, all-to-all, broadcast in groups of each of `ranks` (2 or more), and
// messages (Kind::send) between two: one way of a round trip. Each follows a matrix product and precedes one,
// as in a step; its time is what it adds to the products, the mean over batches, on the rank that came last.
std::vector<CollectivePoint> measure_links(const WithRanks&, std::span<const int> ranks, Watch&,
                                           const LinkOptions& = {});

// What so many ranks compute together over what one computes alone: at most their number (Node::cores).
double measure_cores(const WithRanks&, std::uint32_t ranks);

// Factors of at least 1 on the time of compute while an all-reduce of two ranks runs, and of the all-reduce
// while both compute.
struct Overlap {
  double compute = 1, communication = 1;
};
Overlap measure_overlap(const WithRanks&);

}  // namespace orrery
