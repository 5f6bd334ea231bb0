#include "sim/report/goodput.h"

#include <cmath>

#include "sim/base/math.h"

namespace orrery {
namespace {

constexpr double log2_e = 1.4426950408889634;

double exponential(double x) { return exp2(x * log2_e); }

// Elapsed time per useful time. exp() of more than 700 leaves no useful time.
double expected(Seconds interval, Seconds checkpoint, Seconds restart, Seconds mtbf) {
  if (mtbf.v <= 0) return interval.v > 0 ? 1 + checkpoint / interval : 1;
  if (interval.v <= 0) return exponential(restart / mtbf);  // free checkpoints, as often as one likes
  const double x = (interval + checkpoint) / mtbf;
  // (exp(x) - 1) / x, by its series where the difference would cancel
  const double growth = x < 1e-4 ? 1 + x / 2 + x * x / 6 : (exponential(x) - 1) / x;
  return exponential(restart / mtbf) * growth * ((interval + checkpoint) / interval);
}

bool hopeless(Seconds interval, Seconds checkpoint, Seconds restart, Seconds mtbf) {
  return mtbf.v > 0 && (restart.v + interval.v + checkpoint.v) / mtbf.v > 700;
}

double useful(Seconds interval, const Reliability& r, Seconds mtbf) {
  if (hopeless(interval, r.checkpoint_write, r.restart, mtbf)) return 0;
  return 1 / expected(interval, r.checkpoint_write, r.restart, mtbf);
}

}  // namespace

Seconds young_interval(Seconds checkpoint, Seconds mtbf) { return {std::sqrt(2 * checkpoint.v * mtbf.v)}; }

Seconds daly_interval(Seconds checkpoint, Seconds mtbf) {
  if (checkpoint.v >= 2 * mtbf.v) return mtbf;
  const double ratio = checkpoint.v / (2 * mtbf.v);
  return {young_interval(checkpoint, mtbf).v * (1 + std::sqrt(ratio) / 3 + ratio / 9) - checkpoint.v};
}

Goodput goodput(const Reliability& r, int ranks) {
  Goodput g;
  g.modelled = r.mtbf_per_gpu.v > 0 || (r.checkpoint_every.v > 0 && r.checkpoint_write.v > 0);
  if (!g.modelled) return g;
  g.mtbf = {r.mtbf_per_gpu.v / ranks};
  if (g.mtbf.v > 0 && r.checkpoint_write.v > 0) g.best_interval = daly_interval(r.checkpoint_write, g.mtbf);
  g.interval_given = r.checkpoint_every.v > 0;
  g.interval = g.interval_given ? r.checkpoint_every : g.best_interval;
  g.useful = useful(g.interval, r, g.mtbf);
  g.useful_best = g.mtbf.v > 0 ? useful(g.best_interval, r, g.mtbf) : g.useful;
  if (g.interval.v > 0) g.checkpoints = g.useful * (r.checkpoint_write / g.interval);
  g.failures = 1 - g.useful - g.checkpoints;
  return g;
}

}  // namespace orrery
