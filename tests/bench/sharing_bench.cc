// Shared replay, event by event, and max-min sharing alone.
#include "sim/engine/shared.h"
#include "sim/engine/simulate.h"

#include "tests/bench/memory.h"
#include "tests/bench/pipeline_program.h"

namespace orrery::bench {
namespace {

// Flows share in islands of `component` groups, all on one link that two of them fill.
SharedInput islands(const Program& p, std::uint32_t component) {
  SharedInput input;
  input.path.resize(p.groups.size() * SharedInput::kinds);
  for (std::uint32_t g = 0; g < p.groups.size(); ++g) {
    std::fill_n(input.path.begin() + g * SharedInput::kinds, SharedInput::kinds, g);
    input.shares.push_back({g / component, 0.5});
    input.first_share.push_back(g + 1);
    input.peak.push_back(1);
  }
  input.links = static_cast<std::uint32_t>((p.groups.size() + component - 1) / component);
  input.demand.assign(p.classes.size(), 1);
  input.slowdown.assign(p.classes.size(), 1);
  return input;
}

void run_shared(benchmark::State& state, const PipelineOptions& options, std::uint32_t component) {
  const Pipeline pipeline(options);
  const std::vector<Price> prices = pipeline.prices();
  SharedInput input = component > 0 ? islands(pipeline.p, component) : SharedInput{};
  input.demand.assign(pipeline.p.classes.size(), 1);
  input.slowdown.assign(pipeline.p.classes.size(), 1);
  SharedWorkspace workspace;
  Timeline timeline;
  SharedCount count;
  for (auto _ : state) benchmark::DoNotOptimize(replay_shared(pipeline.p, prices, input, workspace, timeline, &count));
  const auto rate = [&](double n) { return benchmark::Counter(n, benchmark::Counter::kIsIterationInvariantRate); };
  report_rate(state, static_cast<double>(count.events + count.rerated));
  state.counters["instructions"] = rate(static_cast<double>(pipeline.p.size()));
  state.counters["rerated"] = rate(static_cast<double>(count.rerated));
}

void shared_replay_nothing_shared(benchmark::State& state) {
  run_shared(state, {.stages = 8, .micro_batches = 32, .layers = 12, .players = 8, .unlike = 8}, 0);
}
// 64 tensor groups of 8 that are busy a third of the time, and the messages between stages.
void shared_replay_components_of(benchmark::State& state) {
  run_shared(state, {.stages = 8, .micro_batches = 16, .layers = 30, .computes = 1, .players = 64, .unlike = 8},
             static_cast<std::uint32_t>(state.range(0)));
}

// A flow leaves and comes back, in a component of `n` flows over `n` links, each on two of them.
void max_min_component(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0)), components = 1024 / n;
  std::vector<std::uint32_t> first_share{0};
  std::vector<engine::Share> shares;
  for (std::uint32_t f = 0; f < n * components; ++f) {
    const std::uint32_t base = f / n * n, i = f % n;
    shares.push_back({base + i, 0.5 + 0.01 * (i % 7)});
    if (n > 1) shares.push_back({base + (i * 5 + 1) % n, 0.7});
    if (n > 1 && shares[shares.size() - 1].link == shares[shares.size() - 2].link) shares.pop_back();
    first_share.push_back(static_cast<std::uint32_t>(shares.size()));
  }
  engine::MaxMin sharing;
  sharing.reset(n * components, first_share, shares);
  for (std::uint32_t f = 0; f < n * components; ++f) sharing.add(f, 1);
  sharing.solve();
  std::uint32_t f = 0;
  std::size_t solved = 0;
  for (auto _ : state) {
    sharing.remove(f);
    solved += sharing.solve().size();
    sharing.add(f, 1);
    solved += sharing.solve().size();
    f = (f + 97) % (n * components);
  }
  report_rate(state, 2);
  state.counters["flows_an_event"] = static_cast<double>(solved) / static_cast<double>(2 * state.iterations());
}

BENCHMARK(shared_replay_nothing_shared)->Unit(benchmark::kMillisecond);
BENCHMARK(shared_replay_components_of)->Arg(4)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond);
BENCHMARK(max_min_component)->Arg(1)->Arg(8)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace orrery::bench
