// Times of events on the simulated clock.
#include <gtest/gtest.h>

#include "runtime/rehearsal/backend.h"

namespace orrery::rehearsal {
namespace {

// Event 0 is the last of its step, so its time would be the beginning of work that follows it. The next step
// asks for it no more.
TEST(Times, AreNotMovedByRecordsOfTheStepBefore) {
  constexpr Tick launch{500};
  const std::vector<CostClass> classes(1);
  Price price;
  price.launch = launch;
  const std::vector<Price> prices{price};
  World world(1, 1, Clock::simulated());
  RehearsalBackend backend(world, 0, classes, prices);
  backend.create_events(2);
  backend.record(0, Stream::compute);
  backend.synchronize();
  EXPECT_EQ(backend.time_of(0), Tick{});
  backend.record(1, Stream::data);
  Kernel kernel{};
  kernel.cost_class = 0;
  backend.launch(kernel, Stream::compute);
  backend.synchronize();
  EXPECT_EQ(backend.time_of(1), Tick{});
}

}  // namespace
}  // namespace orrery::rehearsal
