#include "sim/engine/events.h"

#include <gtest/gtest.h>

#include <queue>
#include <random>

namespace orrery::engine {
namespace {

struct Later {
  bool operator()(const Event& a, const Event& b) const { return b.before(a); }
};

// Random pushes, pops and removals of lapsed events, against the standard library's heap.
TEST(EventQueue, PopsAsThePriorityQueueOfTheLibrary) {
  std::mt19937_64 random(1);
  EventQueue queue;
  for (int round = 0; round < 20; ++round) {
    queue.clear();
    std::priority_queue<Event, std::vector<Event>, Later> expected;
    for (int i = 0; i < 3000; ++i) {
      if (random() % 5 > 1 || expected.empty()) {
        const auto time = static_cast<std::int64_t>(random() % 50);  // many ties
        const auto slot = static_cast<std::uint32_t>(random() % 1000);
        expected.push({time, queue.push(time, slot)});
      } else if (random() % 500 == 0) {
        const auto valid = [](const Event& e) { return e.slot() % 3 > 0; };
        queue.keep(valid);
        decltype(expected) kept;
        for (; !expected.empty(); expected.pop())
          if (valid(expected.top())) kept.push(expected.top());
        expected = kept;
      } else {
        ASSERT_EQ(queue.top().time, expected.top().time);
        ASSERT_EQ(queue.top().key, expected.top().key);
        queue.pop();
        expected.pop();
      }
      ASSERT_EQ(queue.size(), expected.size());
    }
  }
}

TEST(EventQueue, TiesPopInOrderOfPushing) {
  EventQueue queue;
  for (std::uint32_t slot = 100; slot > 0; --slot) queue.push(7, slot);
  for (std::uint32_t slot = 100; slot > 0; --slot, queue.pop()) EXPECT_EQ(queue.top().slot(), slot);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace orrery::engine
