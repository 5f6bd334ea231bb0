#include "profiler/measure/cpu_device.h"

#include <exception>
#include <thread>
#include <vector>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "runtime/cpu/backend.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr Bytes beside{std::int64_t{64} << 20};  // for scratch of communication

std::vector<std::vector<double>> play_all(std::uint32_t ranks, Bytes memory, const RankMeasures& call) {
  std::vector<std::vector<double>> out(ranks);
  with_engines(ranks, {memory.v + beside.v},
               [&](comm::Engine& engine, comm::Region& region, std::uint32_t rank) {
                 CpuBackend backend(engine, region.arena(rank));
                 out[rank] = call(backend, rank);
               });
  return out;
}

}  // namespace

void with_engines(std::uint32_t ranks, Bytes arena, const EngineBody& body) {
  comm::Region region(ranks, {arena.v}, comm::Sharing::threads);
  const auto play = [&](std::uint32_t rank) {
    const comm::Watchdog watchdog(rank, region.board());
    comm::MemoryChannel channel(region, rank);
    comm::Engine engine(rank, channel, region.bell(rank), region.board(), region.arena(rank));
    body(engine, region, rank);
  };
  std::vector<std::exception_ptr> errors(ranks);
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      try {
        play(r);
      } catch (const DeviceError& e) {
        errors[r] = std::current_exception();
        region.board().abort(r, e.what());
      }
    });
  for (std::thread& t : threads) t.join();
  for (const std::exception_ptr& e : errors)
    if (e) std::rethrow_exception(e);
}

WithRanks cpu_ranks() { return play_all; }

WithDevice cpu_device() {
  return [](Bytes memory, const std::function<void(Backend&)>& call) {
    play_all(1, memory, [&](Backend& backend, std::uint32_t) {
      call(backend);
      return std::vector<double>();
    });
  };
}

}  // namespace orrery
