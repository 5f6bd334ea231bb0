// Static replay: flat, by blocks, unfolded, the makespan by max-plus maps, and what-ifs in lanes.
#include "sim/engine/lanes.h"
#include "sim/engine/replay.h"

#include "tests/bench/memory.h"
#include "tests/bench/pipeline_program.h"

namespace orrery::bench {
namespace {

void run_replay(benchmark::State& state, const PipelineOptions& options) {
  const Pipeline pipeline(options);
  const std::vector<Price> prices = pipeline.prices();
  Workspace workspace;
  Timeline timeline;
  replay(pipeline.p, prices, workspace, timeline);
  for (auto _ : state) benchmark::DoNotOptimize(replay(pipeline.p, prices, workspace, timeline));
  report_rate(state, static_cast<double>(pipeline.p.size()));
}

// A million instructions, each with a row of its own.
void replay_flat(benchmark::State& state) {
  run_replay(state, {.stages = 8, .micro_batches = 128, .layers = 96, .flat = true});
}
// The same from two blocks.
void replay_blocks(benchmark::State& state) { run_replay(state, {.stages = 8, .micro_batches = 128, .layers = 96}); }
// A million instructions of 64 players a stage, in tensor groups of 8.
void replay_unfolded(benchmark::State& state) {
  run_replay(state, {.stages = 8, .micro_batches = 16, .layers = 12, .players = 64});
}

void run_makespan(benchmark::State& state, const PipelineOptions& options) {
  const Pipeline pipeline(options);
  const std::vector<Price> prices = pipeline.prices();
  Workspace workspace;
  for (auto _ : state) benchmark::DoNotOptimize(makespan(pipeline.p, prices, workspace));
  report_rate(state, static_cast<double>(pipeline.p.size()));
}

// As many instructions as GPT-3 175B on 1,024 GPUs: 8 stages, 96 micro-batches, 302 instructions an action.
void makespan_gpt3(benchmark::State& state) {
  run_makespan(state, {.stages = 8, .micro_batches = 96, .layers = 6, .computes = 49});
}
void makespan_flat(benchmark::State& state) {
  run_makespan(state, {.stages = 8, .micro_batches = 128, .layers = 96, .flat = true});
}
void makespan_unfolded(benchmark::State& state) {
  run_makespan(state, {.stages = 8, .micro_batches = 16, .layers = 12, .players = 64});
}

// Items are scenario-instructions: instructions of the Program, times the lanes.
void run_lanes(benchmark::State& state, const PipelineOptions& options, std::uint32_t map_from) {
  const Pipeline pipeline(options);
  const std::vector<std::vector<Price>> prices(lane_count, pipeline.prices());
  LaneWorkspace workspace;
  std::vector<Tick> out(lane_count);
  makespans(pipeline.p, prices, workspace, out, {}, map_from);
  for (auto _ : state) {
    makespans(pipeline.p, prices, workspace, out, {}, map_from);
    benchmark::DoNotOptimize(out.data());
  }
  report_rate(state, static_cast<double>(pipeline.p.size() * lane_count));
}

constexpr std::uint32_t no_maps = ~0U;
void lanes_flat(benchmark::State& state) {
  run_lanes(state, {.stages = 8, .micro_batches = 128, .layers = 96, .flat = true}, no_maps);
}
void lanes_blocks(benchmark::State& state) {
  run_lanes(state, {.stages = 8, .micro_batches = 96, .layers = 6, .computes = 49}, no_maps);
}
void lanes_gpt3(benchmark::State& state) {
  run_lanes(state, {.stages = 8, .micro_batches = 96, .layers = 6, .computes = 49}, 12);
}

BENCHMARK(replay_flat)->Unit(benchmark::kMillisecond);
BENCHMARK(replay_blocks)->Unit(benchmark::kMillisecond);
BENCHMARK(replay_unfolded)->Unit(benchmark::kMillisecond);
BENCHMARK(makespan_gpt3)->Unit(benchmark::kMillisecond);
BENCHMARK(makespan_flat)->Unit(benchmark::kMillisecond);
BENCHMARK(makespan_unfolded)->Unit(benchmark::kMillisecond);
BENCHMARK(lanes_flat)->Unit(benchmark::kMillisecond);
BENCHMARK(lanes_blocks)->Unit(benchmark::kMillisecond);
BENCHMARK(lanes_gpt3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery::bench
