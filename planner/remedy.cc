#include "planner/remedy.h"

#include <cstdlib>

namespace orrery {
namespace {

// Doublings between two degrees, rounded up.
int doublings(std::int64_t a, std::int64_t b) {
  if (a > b) std::swap(a, b);
  int n = 0;
  for (; a < b; a *= 2) ++n;
  return n;
}

int steps(auto a, auto b) { return std::abs(static_cast<int>(a) - static_cast<int>(b)); }

}  // namespace

int distance(const Plan& a, const Plan& b) {
  const LayerStrategy &x = a.layers.front(), &y = b.layers.front();
  int d = steps(x.recompute, y.recompute) + steps(x.zero, y.zero);
  d += 8 * doublings(a.micro_batch, b.micro_batch);
  d += 64 * (steps(a.schedule, b.schedule) + doublings(a.virtual_stages, b.virtual_stages) +
             steps(a.sequence_parallel, b.sequence_parallel));
  d += 1024 * (doublings(a.tp, b.tp) + doublings(a.pp, b.pp) + doublings(a.cp, b.cp));
  return d;
}

}  // namespace orrery
