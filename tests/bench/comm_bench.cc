// Our collectives over shared memory, with ranks as processes, beside those of Open MPI, plain and with
// malloc told to keep its memory, and an all-reduce over emulated links beside its closed form.
//   comm_bench [MPIRUN COMM_MPI_BENCH] [rounds]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/comm/delay_line.h"
#include "runtime/comm/engine.h"
#include "runtime/comm/memory_channel.h"
#include "tests/bench/comm_cases.h"

namespace orrery::comm {
namespace {

using Results = std::map<std::pair<std::string, std::int64_t>, double>;  // least microseconds

void keep_least(Results& all, const Results& more) {
  for (const auto& [key, value] : more) {
    const auto [at, added] = all.emplace(key, value);
    if (!added) at->second = std::min(at->second, value);
  }
}

Results read(FILE* lines) {
  Results results;
  char operation[64];
  long long bytes = 0;
  double microseconds = 0;
  while (std::fscanf(lines, "%63s %lld %lf", operation, &bytes, &microseconds) == 3)
    results[{operation, bytes}] = microseconds;
  return results;
}

double now() { return static_cast<double>(now_ns()) * 1e-9; }

// A rank that runs one communication at a time.
class Rank {
 public:
  Rank(Region& region, std::uint32_t rank, Channel& channel)
      : number_(rank),
        arena_(region.arena(rank)),
        engine_(rank, channel, region.bell(rank), region.board(), arena_) {
    std::vector<std::uint32_t> all(region.ranks());
    std::iota(all.begin(), all.end(), 0U);
    world_ = engine_.open_group(0, all);
    flag_ = floats(1);
  }
  std::uint32_t number() const { return number_; }
  float* floats(std::int64_t count) {
    return reinterpret_cast<float*>(arena_.allocate(static_cast<std::size_t>(count) * 4));
  }
  void run(Kind kind, const float* from, float* to, std::int64_t count) {
    const Transfer t{from, to, count};
    engine_.run({kind, world_, sequence_++, DType::fp32, Reduction::sum, 0, {&t, 1}, ""}, Stream::data);
  }
  void barrier() { run(Kind::all_reduce, flag_, flag_, 1); }

 private:
  std::uint32_t number_;
  Arena& arena_;
  Engine engine_;
  std::uint32_t world_ = 0, sequence_ = 0;
  float* flag_ = nullptr;
};

// Forks the ranks; what rank 0 prints are the results.
Results play(std::uint32_t ranks,
             const std::function<std::unique_ptr<Channel>(std::unique_ptr<Channel>)>& wrap,
             const std::function<void(Rank&, FILE*)>& body) {
  Region region(ranks, {320 << 20}, Sharing::processes);
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(nullptr);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    if (fork() != 0) continue;
    FILE* const out = r == 0 ? fdopen(ends[1], "w") : std::fopen("/dev/null", "w");
    const auto channel = wrap(std::make_unique<MemoryChannel>(region, r));
    {
      Rank rank(region, r, *channel);
      body(rank, out);
      rank.barrier();
    }
    std::fclose(out);
    _exit(0);
  }
  close(ends[1]);
  FILE* const in = fdopen(ends[0], "r");
  Results results = read(in);
  std::fclose(in);
  while (wait(nullptr) > 0) {
  }
  return results;
}

std::unique_ptr<Channel> as_it_is(std::unique_ptr<Channel> channel) { return channel; }

Results measure_ours(std::uint32_t n) {
  return play(n, as_it_is, [n](Rank& rank, FILE* out) {
    const std::int64_t most = bench::sizes.back() / 4;
    float *const from = rank.floats(most), *const to = rank.floats(most);
    for (const std::string operation : bench::operations) {
      for (const std::int64_t bytes : bench::sizes) {
        const std::int64_t count = bytes / 4, each = count / n;
        const auto run = [&] {
          if (operation == "all_reduce") rank.run(Kind::all_reduce, to, to, count);
          if (operation == "reduce_scatter") rank.run(Kind::reduce_scatter, from, to, each);
          if (operation == "all_gather") rank.run(Kind::all_gather, to + rank.number() * each, to, each);
          if (operation == "sendrecv") rank.run(Kind::exchange, from, to, count);
        };
        const double least = bench::least_microseconds(
            bytes, run, [&] { rank.barrier(); }, now);
        std::fprintf(out, "%s %lld %.3f\n", operation.c_str(), static_cast<long long>(bytes), least);
      }
    }
  });
}

Results measure_mpi(const std::string& mpirun, const std::string& program, std::uint32_t n,
                    const char* settings) {
  const std::string command = std::string(settings) + " " + mpirun + " -n " + std::to_string(n) +
                              " --oversubscribe --allow-run-as-root " + program;
  FILE* const lines = popen(command.c_str(), "r");
  if (lines == nullptr) return {};
  Results results = read(lines);
  pclose(lines);
  return results;
}

void compare(std::uint32_t n, int rounds, const std::string& mpirun, const std::string& program) {
  Results ours, plain, tuned;
  for (int i = 0; i < rounds; ++i) {
    keep_least(ours, measure_ours(n));
    if (mpirun.empty()) continue;
    keep_least(plain, measure_mpi(mpirun, program, n, ""));
    keep_least(tuned, measure_mpi(mpirun, program, n,
                                  "MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592"));
  }
  for (const std::string operation : bench::operations) {
    for (const std::int64_t bytes : bench::sizes) {
      const std::pair key{operation, bytes};
      std::printf("%u  %-15s %9lld %11.1f", n, operation.c_str(), static_cast<long long>(bytes), ours[key]);
      if (!mpirun.empty())
        std::printf(" %11.1f %11.1f %8.2f", plain[key], tuned[key],
                    std::min(plain[key], tuned[key]) / ours[key]);
      std::printf("\n");
    }
  }
}

void over_links(std::uint32_t n) {
  constexpr std::int64_t bytes = 16 << 20;
  const Link link{.rate = {125e6}, .latency = {0}};
  const auto wrap = [&](std::unique_ptr<Channel> channel) -> std::unique_ptr<Channel> {
    return std::make_unique<DelayLine>(std::move(channel), std::vector{link},
                                       std::vector<std::uint32_t>(n, 0));
  };
  const Results results = play(n, wrap, [](Rank& rank, FILE* out) {
    float* const x = rank.floats(bytes / 4);
    double least = 1e30;
    for (int i = 0; i < 4; ++i) {
      rank.barrier();
      const double start = now();
      rank.run(Kind::all_reduce, x, x, bytes / 4);
      least = std::min(least, (now() - start) * 1e6);
    }
    std::fprintf(out, "all_reduce %lld %.3f\n", static_cast<long long>(bytes), least);
  });
  const double expected = 2e6 * (n - 1) / n * static_cast<double>(bytes) / link.rate.v;
  const double measured = results.at({"all_reduce", bytes});
  std::printf("%u  all-reduce of 16 MiB over links of 1 Gb/s: %.1f ms, 2(n-1)/n S/B = %.1f ms, %+.1f %%\n", n,
              measured / 1e3, expected / 1e3, 100 * (measured / expected - 1));
}

}  // namespace
}  // namespace orrery::comm

int main(int argc, char** argv) {
  const std::string mpirun = argc > 2 ? argv[1] : "", program = argc > 2 ? argv[2] : "";
  const int rounds = argc == 2 || argc == 4 ? std::atoi(argv[argc - 1]) : 1;
  std::printf("n  operation           bytes     ours, us    Open MPI       tuned    ratio\n");
  for (const std::uint32_t n : {2U, 4U}) orrery::comm::compare(n, rounds, mpirun, program);
  for (const std::uint32_t n : {2U, 4U}) orrery::comm::over_links(n);
}
