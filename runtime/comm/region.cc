#include "runtime/comm/region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/comm/board.h"
#include "runtime/comm/ring.h"
#include "sim/base/error.h"

namespace orrery::comm {
namespace {

constexpr std::size_t page = 2 << 20;  // arenas begin at huge pages

std::size_t whole_pages(std::size_t bytes) { return (bytes + page - 1) / page * page; }

[[noreturn]] void refuse(const std::string& what) {
  throw DeviceError("shared memory: " + what + ": " + std::strerror(errno));
}

}  // namespace

std::byte* Arena::allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::size_t size = (bytes + 255) / 256 * 256;
  if (size > size_ - used_)
    throw DeviceError("out of memory: " + std::to_string(bytes) + " bytes asked for, " +
                      std::to_string(size_ - used_) + " of " + std::to_string(size_) + " left");
  std::byte* const at = base_ + used_;
  used_ += size;
  std::memset(at, 0, size);
  return at;
}

Region::Region(std::uint32_t ranks, Bytes arena, Sharing sharing, std::uint32_t world) : ranks_(ranks) {
  if (sharing == Sharing::processes) {
    file_ = memfd_create("orrery", MFD_CLOEXEC);
    if (file_ < 0) refuse("memfd_create");
  }
  map(arena, world, true);
}

Region::Region(std::uint32_t ranks, Bytes arena, std::uint32_t world, int file) : ranks_(ranks), file_(file) {
  map(arena, world, false);
}

void Region::map(Bytes arena, std::uint32_t world, bool create) {
  const std::size_t bells = whole_pages(ranks_ * sizeof(Bell) + Board::bytes(world));
  const std::size_t rings = whole_pages(std::size_t{ranks_} * ranks_ * lane_count * sizeof(Ring));
  const std::size_t each = whole_pages(static_cast<std::size_t>(arena.v));
  size_ = bells + rings + ranks_ * each;
  if (file_ >= 0 && create && ftruncate(file_, static_cast<off_t>(size_)) != 0) refuse("ftruncate");
  const int flags = MAP_NORESERVE | (file_ >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
  void* const memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, flags, file_, 0);
  if (memory == MAP_FAILED) refuse("mmap of " + std::to_string(size_) + " bytes");
  memory_ = static_cast<std::byte*>(memory);
  madvise(memory_ + bells + rings, ranks_ * each, MADV_HUGEPAGE);  // a wish: refused by older kernels
  bells_ = reinterpret_cast<Bell*>(memory_);
  rings_ = reinterpret_cast<Ring*>(memory_ + bells);
  board_ = std::make_unique<Board>(memory_ + ranks_ * sizeof(Bell), world, std::span(bells_, ranks_));
  for (std::uint32_t r = 0; r < ranks_; ++r)
    arenas_.push_back(std::make_unique<Arena>(memory_ + bells + rings + r * each, each));
}

Region::~Region() {
  munmap(memory_, size_);
  if (file_ >= 0) close(file_);
}

Bell& Region::bell(std::uint32_t rank) const { return bells_[rank]; }

Ring& Region::ring(std::uint32_t from, std::uint32_t to, std::uint32_t lane) const {
  return rings_[(std::size_t{from} * ranks_ + to) * lane_count + lane];
}

}  // namespace orrery::comm
