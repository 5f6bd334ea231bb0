// Collectives and messages between ranks of one machine and of several, and what they and compute do to each
// other.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "profiler/measure/device.h"
#include "profiler/measure/sizes.h"
#include "profiler/points.h"
#include "sim/base/interfaces.h"

namespace orrery {

// Device memory that a rank takes in any of the measurements below.
Bytes links_memory(const LinkOptions&);

// All-reduce, reduce-scatter, all-gather, all-to-all, broadcast in groups of each of `ranks` (2 or more), and
// messages (Kind::send) between two: one way of a round trip. Each follows a matrix product and precedes one,
// as in a step; its time is what it adds to the products, the mean over batches, on the rank that came last.
// Beside it stands what the communication library expects of the collective, where it says so.
std::vector<CollectivePoint> measure_links(const WithRanks&, std::span<const int> ranks, Watch&,
                                           const LinkOptions& = {});

// The same between ranks of `hosts` hosts (2 or more) of `per_host` ranks each, numbered host by host:
// messages between the first ranks of neighbouring hosts, two by two at once, then collectives over all
// hosts, and over 2, 4, ... of them, by placement: all ranks of the hosts in one group; and one rank a host,
// in as many groups at once as a host has ranks, since that is how plans use them. A time is that of the
// slowest group.
std::vector<CollectivePoint> measure_far_links(const WithRanks&, int hosts, int per_host, Watch&,
                                               const LinkOptions&);

// What so many ranks compute together over what one computes alone: at most their number (Node::cores).
double measure_cores(const WithRanks&, std::uint32_t ranks, const LinkOptions& = {});

// Factors of at least 1 on the time of compute while an all-reduce of ranks 0 and `other` runs, and of the
// all-reduce while both compute.
struct Overlap {
  double compute = 1, communication = 1;
};
Overlap measure_overlap(const WithRanks&, const LinkOptions& = {}, std::uint32_t other = 1);

}  // namespace orrery
