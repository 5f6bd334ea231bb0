// From a plan to the length of its step, as planner and what-if do it: compile, price, replay, on shipped
// models, clusters and calibrations, in memory that is reused.
#include <sys/resource.h>

#include "sim/base/library.h"
#include "sim/cost/price.h"
#include "sim/cost/read.h"
#include "sim/engine/replay.h"
#include "sim/program/compile.h"
#include "sim/scenario.h"
#include "tests/bench/memory.h"
#include "tests/profiler/disk.h"

namespace orrery::bench {
namespace {

struct Question {
  const char* model;
  const char* cluster;
  const char* calibration;
  int nodes, tp, pp, dp;
  std::int64_t sequence, global_batch;
};

constexpr Question gpt3{"gpt3-175b", "a100-selene", "a100-80-megatron-2022", 128, 8, 8, 16, 2048, 1536};
constexpr Question gpt_1t{"gpt-1t", "a100-selene", "a100-80-megatron-2022", 384, 8, 64, 6, 2048, 3072};
constexpr Question llama_405b{
    "llama3.1-405b", "h100-sxm", "h100-megatron-core", 2048, 8, 16, 128, 8192, 2048};

class Asked {
 public:
  explicit Asked(const Question& q) {
    Disk disk;
    Library library(disk, {std::string(ORRERY_SOURCE_DIR) + "/scenarios"});
    model = find_model(library, q.model);
    cluster = find_cluster(library, q.cluster, q.nodes);
    calibration = read_calibration(disk, find_calibration(library, q.calibration));
    training.sequence = q.sequence;
    training.global_batch = q.global_batch;
    plan.tp = q.tp;
    plan.pp = q.pp;
    plan.dp = q.dp;
    plan.sequence_parallel = true;
    // Every op an instruction: unfused attention on A100, as its stack has it.
    if (calibration.device.starts_with("a100")) plan.attention = AttentionKernel::unfused;
    if (const auto broken = violation(model, cluster, training, plan)) std::abort();
  }
  void compile(Ranks ranks) { compiler.run(model, cluster, training, plan, ranks, program); }
  void price_classes() { price(program, calibration, cluster, plan.graph, prices); }

  Model model;
  Cluster cluster;
  Calibration calibration;
  Training training;
  Plan plan;
  Compiler compiler;
  Program program;
  std::vector<Price> prices;
  Workspace workspace;
  Timeline timeline;
};

void whole_step(benchmark::State& state, const Question& q, bool timeline) {
  Asked a(q);
  for (auto _ : state) {
    a.compile(Ranks::folded);
    a.price_classes();
    if (timeline)
      benchmark::DoNotOptimize(replay(a.program, a.prices, a.workspace, a.timeline));
    else
      benchmark::DoNotOptimize(makespan(a.program, a.prices, a.workspace));
  }
  report_rate(state, static_cast<double>(a.program.size()));
  state.counters["instructions"] = static_cast<double>(a.program.size());
}

void compile_only(benchmark::State& state, const Question& q) {
  Asked a(q);
  for (auto _ : state) a.compile(Ranks::folded);
  report_rate(state, static_cast<double>(a.program.size()));
  state.counters["calls"] = static_cast<double>(a.program.call_count());
}

void price_only(benchmark::State& state, const Question& q) {
  Asked a(q);
  a.compile(Ranks::folded);
  for (auto _ : state) a.price_classes();
  state.counters["classes"] = static_cast<double>(a.program.classes.size());
}

// Every rank of Llama 3 405B on 16,384 GPUs, from fresh memory: what a first answer costs.
void unfolded(benchmark::State& state) {
  std::size_t instructions = 0;
  for (auto _ : state) {
    Asked a(llama_405b);
    a.compile(Ranks::all);
    a.price_classes();
    benchmark::DoNotOptimize(replay(a.program, a.prices, a.workspace, a.timeline));
    instructions = a.program.size();
  }
  report_rate(state, static_cast<double>(instructions));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["instructions"] = static_cast<double>(instructions);
  state.counters["peak_GiB"] = static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

BENCHMARK_CAPTURE(whole_step, gpt3_175b_every_instruction, gpt3, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(whole_step, gpt3_175b_makespan, gpt3, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(whole_step, gpt_1t_every_instruction, gpt_1t, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(whole_step, gpt_1t_makespan, gpt_1t, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile_only, gpt3_175b, gpt3)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile_only, gpt_1t, gpt_1t)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(price_only, gpt3_175b, gpt3)->Unit(benchmark::kMicrosecond);
BENCHMARK(unfolded)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace orrery::bench
