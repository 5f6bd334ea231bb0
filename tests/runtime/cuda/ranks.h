// The CUDA backend as tests see it: loaded through dlopen, each rank with a GPU of its own (of the stand-ins,
// where tests run on them), as threads or as processes.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "runtime/launch/plug_in.h"
#include "tests/runtime/comm/ranks.h"
#include "tests/runtime/cuda/stand_ins.h"

namespace orrery::testing {

// GPUs that tests may use: those of the stand-ins, or ORRERY_TEST_GPUS of the environment.
inline std::uint32_t gpus() {
  const char* const said = std::getenv("ORRERY_TEST_GPUS");
  return said ? static_cast<std::uint32_t>(std::strtoul(said, nullptr, 10)) : 8;
}

using CudaBody = std::function<void(Backend&, std::uint32_t rank)>;

// Plays `body` as each of `ranks` ranks; the message that each ended with, empty for none. What a failed
// check of a process says is on its stderr. Where no rank failed, all that was made must be gone.
inline std::vector<std::string> play_on_cuda(std::uint32_t ranks, comm::Sharing sharing, const CudaBody& body,
                                             std::int64_t wait_ms = 60'000) {
  comm::Region region(ranks, {std::int64_t{64} << 20}, sharing);
  const auto play = [&](std::uint32_t r) -> std::string {
    try {
      const comm::Watchdog watchdog(r, region.board(), {.wait_ms = wait_ms});
      comm::MemoryChannel channel(region, r);
      comm::Engine engine(r, channel, region.bell(r), region.board(), region.arena(r));
      orrery::World world(engine, r, ranks);
      BoardLink link(world, region.board());
      std::unique_ptr<Backend> backend = load_backend(cuda_plug_in(), {r, ranks, r, &link});
      body(*backend, r);
      world.barrier();
      backend.reset();
      if (sharing == comm::Sharing::processes) return left_on_stand_ins();
    } catch (const DeviceError& e) {
      region.board().abort(r, e.what());
      return e.what();
    }
    return {};
  };
  if (sharing == comm::Sharing::processes) return comm::errors_of_processes(ranks, play);
  std::vector<std::string> errors(ranks);
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < ranks; ++r) threads.emplace_back([&, r] { errors[r] = play(r); });
  for (std::thread& t : threads) t.join();
  const std::string left = left_on_stand_ins();
  if (std::all_of(errors.begin(), errors.end(), [](const std::string& e) { return e.empty(); }))
    errors[0] = left;
  return errors;
}

}  // namespace orrery::testing
