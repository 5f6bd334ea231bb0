#include "tools/pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace orrery {

void ThreadPool::run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::size_t first_failure = count;
  std::exception_ptr failure;
  const auto work = [&](std::size_t worker) {
    while (!failed.load(std::memory_order_relaxed)) {
      const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= count) return;
      try {
        task(i, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        failed.store(true, std::memory_order_relaxed);
        if (i < first_failure) first_failure = i, failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t worker = 1; worker < std::min(threads_, count); ++worker) others.emplace_back(work, worker);
    work(0);
  }
  if (failure) std::rethrow_exception(failure);
}

std::size_t available_cores() { return std::max<std::size_t>(1, std::thread::hardware_concurrency()); }

}  // namespace orrery
