#include "sim/report/run_cost.h"

namespace orrery {

Watts gpu_power(const Device& device, double busy) {
  const double dynamic = device.power.v > idle_power.v ? device.power.v - idle_power.v : 0;
  return {host_power_per_gpu.v + idle_power.v + dynamic * busy};
}

RunCost run_cost(double tokens, double tokens_per_second, double useful, int ranks, Watts power,
                 const Prices& prices) {
  RunCost out;
  if (tokens <= 0 || tokens_per_second <= 0 || useful <= 0) return out;
  out.tokens = tokens;
  out.duration = {tokens / (tokens_per_second * useful)};
  const double hours = out.duration.v / 3600;
  out.gpu_hours = hours * ranks;
  out.total = {out.gpu_hours * prices.gpu_hour};
  out.per_million_tokens = {out.total.v / tokens * 1e6};
  out.energy_kwh = power.v / 1000 * prices.pue * hours;
  out.energy = {out.energy_kwh * prices.energy_kwh};
  return out;
}

}  // namespace orrery
