#include "tests/fake_cuda/ptx/shared_memory.h"

#include <cstring>

namespace orrery::ptx {

void SharedMemory::begin_block(std::size_t bytes, bool check) {
  size_ = bytes;
  check_ = check;
  bytes_.resize(bytes);
  std::memset(bytes_.data(), 0xff, bytes);
  if (check) {
    written_.assign(bytes, {});
    read_.assign(bytes, {});
  }
  warp_since_ = {};
  block_since_ = now_ = 1;
}

void SharedMemory::barrier() { block_since_ = ++now_; }

void SharedMemory::add_reader(Stamp& read, unsigned thread) const {
  const auto warp_of = [](unsigned by) { return by < many_of_warp ? by / 32 : by - many_of_warp; };
  if (before(read, thread)) {
    read.by = static_cast<std::uint16_t>(thread);
  } else if (read.by != many && warp_of(read.by) == thread / 32) {
    read.by = static_cast<std::uint16_t>(many_of_warp + thread / 32);
  } else {
    read.by = many;
  }
  read.when = now_;
}

std::string SharedMemory::explain(Access access, std::size_t address, unsigned thread) const {
  const std::string where = "shared memory at byte " + std::to_string(address);
  const Stamp& written = written_[address];
  if (access != Access::write && written.when == 0)
    return "reads " + where + ", which no thread of the block wrote";
  const bool by_write = !before(written, thread);
  const unsigned other = by_write ? written.by : read_[address].by;
  const std::string who = other < many_of_warp ? "thread " + std::to_string(other)
                          : other < many       ? "threads of warp " + std::to_string(other - many_of_warp)
                                               : "other threads";
  return std::string(access == Access::read ? "reads " : "writes ") + where + ", which " + who +
         (by_write ? " wrote" : " read") + " with no barrier between";
}

}  // namespace orrery::ptx
