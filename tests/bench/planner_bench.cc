// The search over a strategy for each layer, on the two problems that docs/planner.md reports. Processor time
// is what to compare; a counter says how far the answer is proven. The space is narrower than a scenario's own:
// no context parallelism, micro-batches of powers of two.
#include <benchmark/benchmark.h>

#include <ctime>

#include "planner/layered.h"
#include "sim/cost/read.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

class Alone : public Executor {
 public:
  std::size_t workers() const override { return 1; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override {
    for (std::size_t i = 0; i < count; ++i) task(i, 0);
  }
};

// Stops the search after so many CPU seconds: the gap is what such a budget leaves.
class Budget : public Watch {
 public:
  explicit Budget(double seconds)
      : end_(std::clock() + static_cast<std::clock_t>(seconds * CLOCKS_PER_SEC)) {}
  bool stop() override { return std::clock() > end_; }
  void progress(std::size_t, std::size_t, std::string_view) override {}

 private:
  std::clock_t end_;
};

struct Instance {
  const char *model, *cluster, *calibration;
  int nodes;
  std::int64_t sequence;
};

constexpr Instance instances[] = {
    {"gpt3-175b", "a100-selene", "a100-80-megatron-2023", 128, 2048},
    {"llama3.1-405b", "h100-sxm", "h100-megatron-core-25.04", 256, 8192},
};

// Arguments: the instance, the global batch, the most virtual stages, the budget in CPU seconds.
void plans(benchmark::State& state) {
  const Instance& of = instances[static_cast<std::size_t>(state.range(0))];
  Disk files;
  Library library(files, {ORRERY_SOURCE_DIR "/scenarios"});
  Scenario s;
  s.model = find_model(library, of.model);
  s.cluster = find_cluster(library, of.cluster, of.nodes);
  s.training.sequence = of.sequence;
  s.training.global_batch = state.range(1);
  for (std::int64_t v = 1; v <= state.range(2); ++v) s.search.virtual_stages.push_back(v);
  s.search.cp = {1};
  for (std::int64_t size = 1; size <= state.range(1); size *= 2) s.search.micro_batch.push_back(size);
  const Calibration calibration = read_calibration(files, find_calibration(library, of.calibration));
  const Topology topology(s.cluster);
  Alone executor;
  Layered found;
  for (auto _ : state) {
    Budget watch(static_cast<double>(state.range(3)));
    found = search_layers(s, calibration, topology, {}, executor, watch);
  }
  state.SetLabel(found.best ? summary(*found.best) : "no plan");
  const LayeredCounts& c = found.counts;
  state.counters["step_s"] = static_cast<double>(found.step.v) * 1e-12;
  state.counters["gap_percent"] =
      100 * (1 - static_cast<double>(found.lower.v) / static_cast<double>(found.step.v));
  state.counters["frames"] = static_cast<double>(c.frames);
  state.counters["solved"] = static_cast<double>(c.solved);
  state.counters["open"] = static_cast<double>(c.open);
  state.counters["simulated"] = static_cast<double>(c.simulated);
  state.counters["log10_plans"] = c.log10_plans;
}

BENCHMARK(plans)
    ->ArgsProduct({{0, 1}, {1536, 512, 256}, {1}, {30}})
    ->ArgNames({"instance", "batch", "virtual_stages", "budget"})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace orrery
