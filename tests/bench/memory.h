// The machine's measure: how fast one core reads memory in a stream. Every rate is also given as a ratio to it,
// taken in the same run, since virtual machines differ from hour to hour.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <numeric>
#include <vector>

namespace orrery::bench {

// Bytes a second of summing 256 MiB, the best of five; in processor time, as benchmarks are.
inline double streaming_read() {
  static const double rate = [] {
    const std::vector<std::uint64_t> data(std::size_t{32} << 20, 1);
    double best = 0;
    for (int i = 0; i < 5; ++i) {
      const std::clock_t begin = std::clock();
      benchmark::DoNotOptimize(std::accumulate(data.begin(), data.end(), std::uint64_t{0}));
      const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      best = std::max(best, static_cast<double>(data.size() * sizeof(data[0])) / seconds);
    }
    return best;
  }();
  return rate;
}

// Reports `items` a pass as a rate, and the bytes streamed from memory in the time of one of them.
inline void report_rate(benchmark::State& state, double items) {
  state.SetItemsProcessed(static_cast<std::int64_t>(items) * state.iterations());
  state.counters["read_bytes_an_item"] =
      benchmark::Counter(items * static_cast<double>(state.iterations()) / streaming_read(),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace orrery::bench
