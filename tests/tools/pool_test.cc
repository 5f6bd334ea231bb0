#include "tools/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace orrery {
namespace {

TEST(ThreadPool, RunsEveryIndexOnceWithWorkersInRange) {
  for (const std::size_t threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> ran(1000);
    std::atomic<bool> in_range{true};
    pool.run(ran.size(), [&](std::size_t i, std::size_t worker) {
      ++ran[i];
      if (worker >= pool.workers()) in_range = false;
    });
    for (const auto& n : ran) ASSERT_EQ(n, 1);
    EXPECT_TRUE(in_range);
  }
}

TEST(ThreadPool, RethrowsTheExceptionOfTheSmallestIndex) {
  for (const std::size_t threads : {1, 2, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::string what;
      try {
        pool.run(200, [](std::size_t i, std::size_t) {
          if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
        });
      } catch (const std::runtime_error& e) {
        what = e.what();
      }
      ASSERT_EQ(what, "7");
    }
  }
}

TEST(ThreadPool, DoesNothingForNoTasks) {
  ThreadPool(3).run(0, [](std::size_t, std::size_t) { FAIL(); });
}

}  // namespace
}  // namespace orrery
