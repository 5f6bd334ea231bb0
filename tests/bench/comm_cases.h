// What comm_bench and comm_mpi_bench both measure: an operation over a buffer of `bytes` (for reduce-scatter
// and all-gather of all ranks together), repeated in batches; the least mean of a batch counts.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace orrery::bench {

inline constexpr std::array operations{"all_reduce", "reduce_scatter", "all_gather", "sendrecv"};
inline constexpr std::array<std::int64_t, 4> sizes{1 << 10, 256 << 10, 4 << 20, 64 << 20};
inline constexpr int batches = 8;

inline int repeats(std::int64_t bytes) {
  return static_cast<int>(std::clamp<std::int64_t>((16 << 20) / bytes, 2, 200));
}

// Microseconds of run(); `barrier` joins the ranks before a batch, `now` gives seconds.
template <class Run, class Barrier, class Now>
double least_microseconds(std::int64_t bytes, Run&& run, Barrier&& barrier, Now&& now) {
  double least = std::numeric_limits<double>::infinity();
  for (int b = 0; b <= batches; ++b) {
    barrier();
    const double start = now();
    for (int i = 0; i < repeats(bytes); ++i) run();
    const double each = (now() - start) / repeats(bytes);
    if (b > 0) least = std::min(least, each * 1e6);  // the first warms up
  }
  return least;
}

}  // namespace orrery::bench
