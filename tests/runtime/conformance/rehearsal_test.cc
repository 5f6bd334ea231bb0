// The rehearsal, ranks as threads on the simulated clock: order and times, as nothing is computed.
#include <thread>

#include "runtime/rehearsal/backend.h"
#include "sim/base/error.h"
#include "tests/runtime/conformance/conformance.h"

namespace orrery::testing {
namespace {

class RehearsalWorld final : public World {
 public:
  std::uint32_t most_ranks() const override { return 8; }

  std::vector<std::string> play(std::uint32_t ranks,
                                const std::function<void(Backend&, std::uint32_t)>& body) override {
    const CostClass classes[1];
    const Price prices[1] = {{{1'000}, {0}, {10}}};
    rehearsal::World world(ranks, ranks, rehearsal::Clock::simulated());
    std::vector<std::string> errors(ranks);
    std::vector<std::thread> threads;
    for (std::uint32_t r = 0; r < ranks; ++r)
      threads.emplace_back([&, r] {
        try {
          rehearsal::RehearsalBackend backend(world, r, classes, prices);
          body(backend, r);
        } catch (const DeviceError& e) {
          errors[r] = e.what();
        }
      });
    for (std::thread& t : threads) t.join();
    return errors;
  }
};

INSTANTIATE_TEST_SUITE_P(Rehearsal, Conformance, ::testing::Values([]() -> std::unique_ptr<World> {
                           return std::make_unique<RehearsalWorld>();
                         }));

}  // namespace
}  // namespace orrery::testing
