// The CPU backend, ranks as threads.
#include <thread>

#include "runtime/comm/board.h"
#include "runtime/comm/memory_channel.h"
#include "runtime/comm/watchdog.h"
#include "runtime/cpu/backend.h"
#include "sim/base/error.h"
#include "tests/runtime/conformance/conformance.h"

namespace orrery::testing {
namespace {

class CpuWorld final : public World {
 public:
  std::uint32_t most_ranks() const override { return 8; }

  std::vector<std::string> play(std::uint32_t ranks,
                                const std::function<void(Backend&, std::uint32_t)>& body) override {
    comm::Region region(ranks, {std::int64_t{128} << 20}, comm::Sharing::threads);
    std::vector<std::string> errors(ranks);
    std::vector<std::thread> threads;
    for (std::uint32_t r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] {
        try {
          const comm::Watchdog watchdog(r, region.board(), {.wait_ms = 20'000});
          comm::MemoryChannel channel(region, r);
          comm::Engine engine(r, channel, region.bell(r), region.board(), region.arena(r));
          CpuBackend backend(engine, region.arena(r));
          body(backend, r);
        } catch (const DeviceError& e) {
          errors[r] = e.what();
          region.board().abort(r, e.what());
        }
      });
    for (std::thread& t : threads) t.join();
    return errors;
  }
};

INSTANTIATE_TEST_SUITE_P(Cpu, Conformance, ::testing::Values([]() -> std::unique_ptr<World> {
                           return std::make_unique<CpuWorld>();
                         }));

}  // namespace
}  // namespace orrery::testing
