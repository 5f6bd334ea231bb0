// Training steps of a small GPT on the CPU backend, beside PyTorch's (train_bench.py) on as many cores, by
// turns: train_bench [ranks] [rounds] [steps]. With `ranks` > 1, data parallel. Reports the fastest round of
// each (others may use the machine), and what of a step is not spent in kernels.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "runtime/cpu/backend.h"
#include "runtime/play/player.h"
#include "runtime/state/initial.h"
#include "runtime/train/weights.h"
#include "sim/base/hash.h"
#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery::bench {
namespace {

constexpr int layers = 6, hidden = 384, heads = 6;
constexpr std::int64_t sequence = 256, batch = 8, vocab = 8192;

Model model() {
  Model m = testing::gpt(layers, hidden, heads, vocab, sequence);
  m.dropout = 0;
  return m;
}

Training training() {
  Training t = testing::training(sequence, batch);
  t.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  return t;
}

Plan plan(int ranks) {
  Plan p = testing::plan({.dp = ranks});
  p.micro_batch = batch / ranks;
  return p;
}

struct Measured {
  double wall = 0, processor = 0;        // seconds of a step; of all ranks
  std::map<std::string, double> shares;  // of the wall time, by what rank 0 did; streams may overlap
};

class Bench {
 public:
  Bench(int ranks, int steps)
      : model_(model()),
        training_(training()),
        plan_(plan(ranks)),
        program_(compile(model_, testing::cluster(ranks), training_, plan_, Ranks::all)),
        steps_(steps) {}

  Measured run() {
    const auto ranks = static_cast<std::uint32_t>(plan_.ranks());
    comm::Region region(ranks, {std::int64_t{4} << 30}, comm::Sharing::threads);
    std::vector<Measured> seen;
    std::vector<std::thread> threads;
    for (std::uint32_t r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] { play(region, r, r == 0 ? &seen : nullptr); });
    for (std::thread& t : threads) t.join();
    const auto middle = seen.begin() + steps_ / 2;
    std::nth_element(seen.begin(), middle, seen.end(),
                     [](const Measured& a, const Measured& b) { return a.wall < b.wall; });
    return *middle;
  }

 private:
  void play(comm::Region& region, std::uint32_t rank, std::vector<Measured>* seen) {
    const comm::Watchdog watchdog(rank, region.board());
    comm::MemoryChannel channel(region, rank);
    comm::Engine engine(rank, channel, region.bell(rank), region.board(), region.arena(rank));
    CpuBackend backend(engine, region.arena(rank));
    const Setup setup{model_, training_, plan_};
    Player player(setup, program_, rank, backend,
                  [](std::uint64_t step, std::int64_t first, std::int64_t, std::span<std::int64_t> out) {
                    std::uint64_t state = step * batch + static_cast<std::uint64_t>(first);
                    for (std::int64_t& token : out)
                      token = static_cast<std::int64_t>((state = mix(state)) % vocab);
                  });
    const InitialWeights initial(model_, 1);
    load_state(setup, coordinates(plan_, rank), player.holdings(), from_weights(initial), backend);
    StepArguments arguments;
    arguments.learning_rate = 1e-3F;
    for (int i = -2; i < steps_; ++i, ++arguments.step) {
      Timeline timeline;
      const auto begin = std::chrono::steady_clock::now();
      const std::clock_t ticks = std::clock();
      player.step(arguments, &timeline);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      const double processor = static_cast<double>(std::clock() - ticks) / CLOCKS_PER_SEC;
      if (seen && i >= 0) seen->push_back({took.count(), processor, shares(took.count(), player, timeline)});
    }
  }

  std::map<std::string, double> shares(double seconds, const Player& player, const Timeline& t) const {
    std::map<std::string, double> out;
    const std::vector<Issue>& list = player.issues().list;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const CostClass& what = program_.classes[list[i].cost_class];
      const std::string key = list[i].kind != Kind::compute
                                  ? std::string(name(list[i].kind))
                                  : std::string(name(what.op.name)) + ", " + std::string(name(what.op.pass));
      out[key] += static_cast<double>(t.end[i].v - t.start[i].v) * 1e-12 / seconds;
    }
    return out;
  }

  Model model_;
  Training training_;
  Plan plan_;
  Program program_;
  int steps_;
};

// A step of PyTorch, at the niceness of our computing threads; zeros where there is none.
Measured pytorch(int threads, int steps) {
  const std::string count = std::to_string(threads);
  const std::string command =
      "env -u OPENBLAS_CORETYPE OMP_NUM_THREADS=" + count + " OPENBLAS_NUM_THREADS=" + count +
      " nice -n 5 /usr/bin/python3 " ORRERY_SOURCE_DIR "/tests/bench/train_bench.py " +
      std::to_string(steps) + " 2>/dev/null";
  Measured out;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe && std::fscanf(pipe, "%lf %lf", &out.wall, &out.processor) != 2) out = {};
  if (pipe) pclose(pipe);
  return out;
}

void report(const char* what, const Measured& m) {
  std::printf("%-8s %8.1f ms a step, %6.0f tokens a second, %8.1f ms of processors\n", what, m.wall * 1e3,
              static_cast<double>(batch * sequence) / m.wall, m.processor * 1e3);
}

int run(int ranks, int rounds, int steps) {
  Bench bench(ranks, steps);
  Measured ours, theirs;
  const auto keep = [](Measured& best, Measured m) {
    if (m.wall > 0 && (best.wall == 0 || m.processor < best.processor)) best = std::move(m);
  };
  for (int round = 0; round < rounds; ++round) {
    keep(ours, bench.run());
    keep(theirs, pytorch(ranks, steps));
  }
  std::printf("GPT, %d layers of %d, %lld sequences of %lld tokens, fp32, %d %s\n", layers, hidden,
              static_cast<long long>(batch), static_cast<long long>(sequence), ranks,
              ranks == 1 ? "rank" : "ranks, data parallel");
  report("Orrery", ours);
  if (theirs.wall > 0) report("PyTorch", theirs);
  double all = 0;
  for (const auto& [key, share] : ours.shares) {
    std::printf("  %5.2f %% %s\n", share * 100, key.c_str());
    all += share;
  }
  std::printf("  %5.2f %% neither\n", (1 - all) * 100);
  return 0;
}

}  // namespace
}  // namespace orrery::bench

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
  return orrery::bench::run(number(1, 1), number(2, 3), number(3, 5));
}
