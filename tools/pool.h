// Threads for whoever is lent an Executor.
#pragma once
#include <cstddef>
#include <functional>

#include "sim/base/interfaces.h"

namespace orrery {

// run() deals indices out in order to `threads` threads and ends when all have. If tasks throw, no new ones start
// and the exception of the smallest index is rethrown: since indices are dealt out in order, that one doesn't
// depend on the number of threads.
class ThreadPool : public Executor {
 public:
  explicit ThreadPool(std::size_t threads) : threads_(threads == 0 ? 1 : threads) {}
  std::size_t workers() const override { return threads_; }
  void run(std::size_t count, const std::function<void(std::size_t, std::size_t)>& task) override;

 private:
  std::size_t threads_;
};

// The cores that this process may use.
std::size_t available_cores();

}  // namespace orrery
