// A futex word that wakes threads of this and of other processes. Sleep only on a key read before the last
// look at what one waits for; a ring in between makes sleep() return at once.
#pragma once
#include <atomic>
#include <cstdint>

namespace orrery::comm {

class Bell {  // lives in zeroed memory, shared or not
 public:
  std::uint32_t key() const { return rings_.load(); }
  void ring();
  // Until a ring after `key` was read, a signal, or for `nanoseconds` if they are not negative.
  void sleep(std::uint32_t key, std::int64_t nanoseconds = -1);

 private:
  alignas(64) std::atomic<std::uint32_t> rings_{0};
  std::atomic<std::uint32_t> sleepers_{0};
};

}  // namespace orrery::comm
