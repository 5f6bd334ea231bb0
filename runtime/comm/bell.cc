#include "runtime/comm/bell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <limits>

namespace orrery::comm {

void Bell::ring() {
  rings_.fetch_add(1);
  if (sleepers_.load() != 0)
    syscall(SYS_futex, &rings_, FUTEX_WAKE, std::numeric_limits<int>::max(), nullptr, nullptr, 0);
}

void Bell::sleep(std::uint32_t key, std::int64_t nanoseconds) {
  const timespec limit{static_cast<time_t>(nanoseconds / 1'000'000'000),
                       static_cast<long>(nanoseconds % 1'000'000'000)};
  sleepers_.fetch_add(1);
  if (rings_.load() == key)
    syscall(SYS_futex, &rings_, FUTEX_WAIT, key, nanoseconds < 0 ? nullptr : &limit, nullptr, 0);
  sleepers_.fetch_sub(1);
}

}  // namespace orrery::comm
