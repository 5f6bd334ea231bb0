// The CUDA backend as tests see it: loaded through dlopen, each rank a process with a GPU of its own (of the
// fake libraries, where tests run on them).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/launch/plug_in.h"
#include "tests/runtime/comm/ranks.h"

namespace orrery::testing {

// Plays `body` as each of `ranks` forked ranks; the message that each ended with, empty for none. What a
// failed check says is on the child's stderr.
inline std::vector<std::string> play_on_cuda(std::uint32_t ranks,
                                             const std::function<void(Backend&, std::uint32_t)>& body,
                                             std::int64_t wait_ms = 60'000) {
  comm::Region region(ranks, {std::int64_t{64} << 20}, comm::Sharing::processes);
  return comm::errors_of_processes(ranks, [&](std::uint32_t r) -> std::string {
    try {
      const comm::Watchdog watchdog(r, region.board(), {.wait_ms = wait_ms});
      comm::MemoryChannel channel(region, r);
      comm::Engine engine(r, channel, region.bell(r), region.board(), region.arena(r));
      World world(engine, r, ranks);
      BoardLink job(world, region.board());
      const std::unique_ptr<Backend> backend = load_backend(ORRERY_CUDA_PLUG_IN, {r, ranks, r, &job});
      body(*backend, r);
      world.barrier();
    } catch (const DeviceError& e) {
      region.board().abort(r, e.what());
      return e.what();
    }
    return {};
  });
}

}  // namespace orrery::testing
