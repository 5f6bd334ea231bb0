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

constexpr std::size_t page = 2 << 20;  // huge

// Asks for huge pages now, whatever the machine's settings are (Linux 6.1). Headers older than it lack the
// name.
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

std::size_t whole_pages(std::size_t bytes) { return (bytes + page - 1) / page * page; }

// Moves [at, at + size) of memory that begins and ends with huge pages, and is present, to them: on small ones
// a step takes up to a tenth longer. A wish: older kernels, and machines without a free one, refuse.
void take_huge_pages(std::byte* base, std::size_t at, std::size_t size) {
  const std::size_t first = at / page * page;
  madvise(base + first, whole_pages(at + size) - first, MADV_COLLAPSE);
}

[[noreturn]] void refuse(const std::string& what) {
  throw DeviceError("shared memory: " + what + ": " + std::strerror(errno));
}

// Reserved and mapped from a boundary of huge pages on.
std::byte* map_aligned(std::size_t size, int file) {
  void* const reserved =
      mmap(nullptr, size + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) refuse("mmap of " + std::to_string(size) + " bytes");
  const auto start = reinterpret_cast<std::uintptr_t>(reserved);
  const std::size_t before = whole_pages(start) - start;
  std::byte* const memory = static_cast<std::byte*>(reserved) + before;
  const int flags = MAP_FIXED | MAP_NORESERVE | (file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
  if (mmap(memory, size, PROT_READ | PROT_WRITE, flags, file, 0) == MAP_FAILED) {
    munmap(reserved, size + page);
    refuse("mmap of " + std::to_string(size) + " bytes");
  }
  if (before > 0) munmap(reserved, before);
  munmap(memory + size, page - before);
  return memory;
}

}  // namespace

std::byte* Arena::allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::size_t size = (bytes + 255) / 256 * 256;
  if (size > size_ - used_)
    throw DeviceError("out of memory: " + std::to_string(bytes) + " bytes asked for, " +
                      std::to_string(size_ - used_) + " of " + std::to_string(size_) + " left");
  std::byte* const at = base_ + used_;
  std::memset(at, 0, size);
  take_huge_pages(base_, used_, size);
  used_ += size;
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
  memory_ = map_aligned(size_, file_);
  madvise(memory_ + bells + rings, ranks_ * each, MADV_HUGEPAGE);
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
