// Days, dollars and energy of a whole run.
//
// Power of a node: P_host + sum over GPUs of P_idle + (P_max - P_idle) * busy, with busy the share
// of the step in which the GPU computes. P_host 1.8 kW (a node of 8 GPUs) and P_idle 85 W are the
// middles of the ranges 1.6-2 kW and 70-100 W that measurements give (arXiv 2412.08602,
// 2506.14551); they are assumed for others. Check: an H100 node at full load draws 7.4 kW;
// measured under intense training, 76 % of 10.2 kW. Facilities multiply by PUE. The price of a
// GPU-hour is taken to include energy, so that the two are never added.
#pragma once
#include "sim/cluster/cluster.h"

namespace orrery {

inline constexpr Watts host_power_per_gpu{225};  // 1.8 kW for 8
inline constexpr Watts idle_power{85};

struct RunCost {
  double tokens = 0;   // asked; 0: nothing below is known
  Seconds duration{};  // elapsed, with failures and checkpoints
  double gpu_hours = 0;
  Dollars total{};  // GPU-hours at the cluster's price; 0: unknown
  Dollars per_million_tokens{};
  double energy_kwh = 0;  // of the facility
  Dollars energy{};       // 0: unknown
  bool operator==(const RunCost&) const = default;
};

Watts gpu_power(const Device&, double busy);  // with its share of the host; the device's power must be known

// `power`: average of all ranks together, without PUE; 0: unknown.
RunCost run_cost(double tokens, double tokens_per_second, double useful, int ranks, Watts power,
                 const Prices&);

}  // namespace orrery
