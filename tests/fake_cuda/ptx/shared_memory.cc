#include "tests/fake_cuda/ptx/shared_memory.h"

#include <bit>
#include <cstring>

namespace orrery::ptx {

void SharedMemory::begin_block(std::size_t bytes, bool check, std::size_t granule) {
  size_ = bytes;
  check_ = check;
  bytes_.resize(bytes);
  std::memset(bytes_.data(), 0xff, bytes);
  if (check) {
    shift_ = std::countr_zero(granule);
    written_.assign((bytes >> shift_) + 1, {});
    read_.assign((bytes >> shift_) + 1, {});
  }
  warp_since_ = {};
  block_since_ = now_ = 1;
}

void SharedMemory::barrier() { block_since_ = ++now_; }

std::string SharedMemory::mistake(Access access, std::size_t address, std::size_t bytes,
                                  unsigned thread) const {
  for (std::size_t i = address >> shift_; i < (address + bytes) >> shift_; ++i) {
    const std::string where = "shared memory at byte " + std::to_string(i << shift_);
    const Stamp& written = written_[i];
    if (access != Access::write && written.when == 0)
      return "reads " + where + ", which no thread of the block wrote";
    const bool by_write = !before(written, thread);
    if (!by_write && (access == Access::read || before(read_[i], thread))) continue;
    const unsigned other = by_write ? written.by : read_[i].by;
    const std::string who = other < many_of_warp ? "thread " + std::to_string(other)
                            : other < many       ? "threads of warp " + std::to_string(other - many_of_warp)
                                                 : "other threads";
    return std::string(access == Access::read ? "reads " : "writes ") + where + ", which " + who +
           (by_write ? " wrote" : " read") + " with no barrier between";
  }
  return "no mistake";
}

}  // namespace orrery::ptx
