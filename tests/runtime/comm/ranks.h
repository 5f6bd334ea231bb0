// Plays a function as n ranks, as threads of this process or as forked ones.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "runtime/comm/board.h"
#include "runtime/comm/engine.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "sim/base/error.h"

namespace orrery::comm {

inline constexpr Bytes test_arena{256 << 20};

// One rank: its engine and a way to allocate what messages hold.
class Rank {
 public:
  // `number` of the world, `local` of the region.
  Rank(Region& region, std::uint32_t number, std::uint32_t local, Channel& channel, EngineOptions options)
      : rank(number),
        region_(region),
        arena_(region.arena(local)),
        engine(rank, channel, region.bell(local), region.board(), arena_, options) {
    std::vector<std::uint32_t> all(size());
    std::iota(all.begin(), all.end(), 0U);
    world = engine.open_group(0, all);
  }
  std::uint32_t size() const { return region_.board().world(); }
  template <class T>
  T* allocate(std::int64_t count) {
    return reinterpret_cast<T*>(arena_.allocate(static_cast<std::size_t>(count) * sizeof(T)));
  }
  // Returns when all ranks have called it.
  void barrier() {
    float* one = allocate<float>(1);
    const Transfer t{one, one, 1};
    engine.run({Kind::all_reduce, world, barriers_++, DType::fp32, Reduction::sum, 0, {&t, 1}, "barrier"},
               Stream::host);
  }

  const std::uint32_t rank;

 private:
  Region& region_;
  Arena& arena_;
  std::uint32_t barriers_ = 1'000'000;

 public:
  Engine engine;
  std::uint32_t world;
};

using Wrap = std::function<std::unique_ptr<Channel>(std::unique_ptr<Channel>, std::uint32_t rank)>;

struct Play {
  std::uint32_t ranks = 2;
  Sharing sharing = Sharing::threads;
  EngineOptions options = {};
  Wrap wrap = {};  // decorates the channel
  WatchdogOptions watchdog = {};
  Bytes arena = test_arena;
};

// Forks a process a rank; what each returned, or how it was killed. A stopped one is killed in the end.
inline std::vector<std::string> errors_of_processes(std::uint32_t ranks,
                                                    const std::function<std::string(std::uint32_t)>& run) {
  std::vector<std::string> errors(ranks);
  std::vector<pid_t> children;
  std::vector<std::array<int, 2>> pipes(ranks);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    if (pipe(pipes[r].data()) != 0) throw DeviceError("pipe");
    children.push_back(fork());
    if (children.back() != 0) continue;
    std::string error = run(r);
    if (::testing::Test::HasFailure() && error.empty()) error = "a check failed";
    [[maybe_unused]] const auto written = write(pipes[r][1], error.data(), error.size());
    std::fflush(nullptr);
    _exit(0);
  }
  for (std::uint32_t r = 0; r < ranks; ++r) {
    int status = 0;
    waitpid(children[r], &status, WUNTRACED);
    if (WIFSIGNALED(status)) errors[r] = "killed by signal " + std::to_string(WTERMSIG(status));
    if (WIFSTOPPED(status)) errors[r] = "stopped";
  }
  for (std::uint32_t r = 0; r < ranks; ++r) {
    if (errors[r] != "stopped") continue;
    kill(children[r], SIGKILL);
    waitpid(children[r], nullptr, 0);
  }
  for (std::uint32_t r = 0; r < ranks; ++r) {
    close(pipes[r][1]);
    char text[4096];
    for (ssize_t n; (n = read(pipes[r][0], text, sizeof text)) > 0;)
      errors[r].append(text, static_cast<std::size_t>(n));
    close(pipes[r][0]);
  }
  return errors;
}

// The error that each rank ended with, empty for none. A forked rank fails with gtest failures too.
inline std::vector<std::string> errors_of(const Play& play, const std::function<void(Rank&)>& body) {
  Region region(play.ranks, play.arena, play.sharing);
  const auto run = [&](std::uint32_t r) -> std::string {
    std::unique_ptr<Channel> channel = std::make_unique<MemoryChannel>(region, r);
    if (play.wrap) channel = play.wrap(std::move(channel), r);
    try {
      const Watchdog watchdog(r, region.board(), play.watchdog);
      Rank rank(region, r, r, *channel, play.options);
      body(rank);
      rank.barrier();
    } catch (const DeviceError& e) {
      return e.what();
    }
    return "";
  };
  if (play.sharing == Sharing::processes) return errors_of_processes(play.ranks, run);
  std::vector<std::string> errors(play.ranks);
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < play.ranks; ++r) threads.emplace_back([&, r] { errors[r] = run(r); });
  for (std::thread& t : threads) t.join();
  return errors;
}

inline void play(const Play& play, const std::function<void(Rank&)>& body) {
  const std::vector<std::string> errors = errors_of(play, body);
  for (std::size_t r = 0; r < errors.size(); ++r) EXPECT_EQ(errors[r], "") << "rank " << r;
}

}  // namespace orrery::comm
