#include "sim/cost/matmul.h"

#include <algorithm>
#include <limits>

#include "sim/base/math.h"

namespace orrery {
namespace {

struct Tile {
  std::int64_t m, n;
  int halvings;      // of the largest tile's 32768 elements
};
constexpr Tile tiles[] = {{256, 128, 0}, {128, 256, 0}, {128, 128, 1}, {256, 64, 1},
                          {64, 256, 1},  {128, 64, 2},  {64, 128, 2},  {64, 64, 3}};
constexpr std::int64_t splits[] = {1, 2, 4, 8};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Seconds matmul_time(const MatmulShape& s, const MatmulMachine& machine, const MatmulConstants& c) {
  const auto batch = static_cast<double>(s.batch), m = static_cast<double>(s.m), n = static_cast<double>(s.n),
             k = static_cast<double>(s.k);
  const double memory = machine.memory.v * c.memory_efficiency;
  const double one = machine.rate.v / machine.multiprocessors * c.efficiency;
  const double halving = exp2(-c.tile_exponent);
  const double rates[] = {one, one * halving, one * halving * halving, one * halving * halving * halving};
  const double split_traffic = 8.0 * batch * m * n / memory;

  double best = std::numeric_limits<double>::infinity();
  for (const Tile& tile : tiles) {
    const std::int64_t count = s.batch * ceil_div(s.m, tile.m) * ceil_div(s.n, tile.n);
    const double whole = 2.0 * static_cast<double>(tile.m * tile.n) * k / rates[tile.halvings];
    for (std::int64_t z : splits) {
      const auto waves = static_cast<double>(ceil_div(count * z, machine.multiprocessors));
      const auto parts = static_cast<double>(z);
      const double t = waves * (whole / parts + c.epilogue.v) + (z > 1 ? parts * split_traffic : 0.0);
      best = std::min(best, t);
    }
  }
  const double bytes = batch * ((m * k + n * k) * s.input_bytes + m * n * s.output_bytes);
  return {std::max(best, bytes / memory)};
}

}  // namespace orrery
