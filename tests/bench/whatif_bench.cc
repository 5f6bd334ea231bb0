// Pinned what-ifs of GPT-3 175B on 1,024 GPUs: a grid of NIC and memory bandwidths, each point from its
// document to its answer, as `orrery whatif --pin-plan` does it; and replanned ones, one slider moved.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "planner/whatif/hardware.h"
#include "planner/whatif/pinned.h"
#include "planner/whatif/replanner.h"
#include "planner/whatif/variants.h"
#include "sim/base/library.h"
#include "sim/cost/read.h"
#include "tests/profiler/disk.h"

namespace orrery::bench {
namespace {

class Sweep {
 public:
  explicit Sweep(const std::string& set)
      : variants_(parse_json(disk_.text(file), file), file, library_,
                  Grid({parse_axis(nics), parse_axis(set)})),
        calibration_(read_calibration(disk_, variants_.base().calibration)) {}

  std::size_t size() const { return variants_.grid().size(); }

  void run(std::size_t threads, Replay replay) {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> workers;
    for (std::size_t t = 0; t < threads; ++t)
      workers.emplace_back([&] {
        Library library = library_.fresh();
        Pinned pinned;
        for (std::size_t i; (i = next++) < size();) {
          const Scenario s = variants_.at(i, library);
          benchmark::DoNotOptimize(pinned.ask(s, calibration_, *s.plan, replay));
        }
      });
  }

 private:
  static constexpr const char* nics = "cluster.groups.main.node.nics.bandwidth=100..298+2 Gb/s";
  inline static const std::string file = shipped("gpt3-175b-1024xa100.json");
  Disk disk_;
  Library library_{disk_, {shipped("")}};
  Variants variants_;
  Calibration calibration_;
};

void sweep(benchmark::State& state, const char* set, Replay replay) {
  Sweep s(set);
  for (auto _ : state) s.run(static_cast<std::size_t>(state.range(0)), replay);
  state.counters["points"] = static_cast<double>(s.size());
  state.counters["time_a_point"] =
      benchmark::Counter(static_cast<double>(s.size()) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

class Patient : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

class Alone : public Executor {
 public:
  std::size_t workers() const override { return 1; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = 0; i < count; ++i) task(i, 0);
  }
};

// One slider moved at a time: the best plan of the space to within 2 %, from a search that has seen another
// point.
void replanned(benchmark::State& state, const char* slider) {
  using Clock = std::chrono::steady_clock;
  const std::string file = shipped("gpt3-175b-1024xa100.json");
  Disk disk;
  Library library(disk, {shipped("")});
  const Variants variants(parse_json(disk.text(file), file), file, library, Grid({parse_axis(slider)}));
  const Calibration base = read_calibration(disk, variants.base().calibration);
  Replanner replanner;
  Alone executor;
  Patient watch;
  double longest = 0;
  const auto ask = [&](std::size_t i) {
    const auto begin = Clock::now();
    const Scenario s = variants.at(i, library);
    const Calibration c = at_hardware(base, variants.base().cluster, s.cluster);
    benchmark::DoNotOptimize(replanner.ask(s, c, executor, watch, 0.02));
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  state.counters["set_up"] = ask(0);
  for (auto _ : state)
    for (std::size_t i = 1; i < variants.grid().size(); ++i) longest = std::max(longest, ask(i));
  state.counters["longest"] = longest;
  state.counters["time_a_point"] = benchmark::Counter(
      static_cast<double>(variants.grid().size() - 1) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

constexpr const char* memory =
    "cluster.groups.main.node.gpu.memory_bandwidth=1000..2980+20 GB/s";  // 100 values
constexpr const char* few = "cluster.groups.main.node.gpu.memory_bandwidth=1000..2000+250 GB/s";
constexpr const char* dollars = "cluster.price.gpu_hour=1.00..2.99+0.02 USD/h";

BENCHMARK_CAPTURE(sweep, static_replay, memory, Replay::static_only)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(sweep, automatic_replay, few, Replay::automatic)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(sweep, prices_only, dollars, Replay::automatic)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(replanned, nic, "cluster.groups.main.node.nics.bandwidth=100..400+2 Gb/s")
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(replanned, memory, "cluster.groups.main.node.gpu.memory_bandwidth=1500..2500+10 GB/s")
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace orrery::bench
