// The memory that the ranks of one machine share: a bell, rings and an arena a rank, and the board of the
// watchdog. Made by whoever starts the ranks, before it forks or starts threads; under an MPI launcher one
// rank makes it and the others attach. Nothing is touched before it is used, so reserving much costs nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/comm/bell.h"
#include "sim/base/quantity.h"

namespace orrery::comm {

class Board;
struct Ring;

// Allocates by advancing, frees with the region. Thread-safe.
class Arena {
 public:
  Arena(std::byte* base, std::size_t size) : base_(base), size_(size) {}
  // 256-byte aligned, zeroed and present in memory (a first touch costs as much as copying a page a
  // hundred times). Throws DeviceError when the arena or the machine has no more.
  std::byte* allocate(std::size_t bytes);
  bool holds(const std::byte* p, std::size_t bytes) const { return p >= base_ && p + bytes <= base_ + size_; }
  std::byte* base() const { return base_; }

 private:
  std::byte* base_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::mutex mutex_;
};

enum class Sharing : std::uint8_t { threads, processes };

class Region {
 public:
  // `ranks` of this machine, of `world` in all; each may allocate up to `arena` (reserved, not taken).
  Region(std::uint32_t ranks, Bytes arena, Sharing, std::uint32_t world);
  Region(std::uint32_t ranks, Bytes arena, Sharing sharing) : Region(ranks, arena, sharing, ranks) {}
  // The region that another process made with the same numbers, Sharing::processes.
  Region(std::uint32_t ranks, Bytes arena, std::uint32_t world, int file);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::uint32_t ranks() const { return ranks_; }
  int file() const { return file_; }  // of Sharing::processes
  Bell& bell(std::uint32_t rank) const;
  Arena& arena(std::uint32_t rank) const { return *arenas_[rank]; }
  Board& board() const { return *board_; }
  // What `from` sends to `to` on a lane.
  Ring& ring(std::uint32_t from, std::uint32_t to, std::uint32_t lane) const;

 private:
  void map(Bytes arena, std::uint32_t world, bool create);

  std::uint32_t ranks_;
  int file_ = -1;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  Bell* bells_ = nullptr;
  Ring* rings_ = nullptr;
  std::unique_ptr<Board> board_;
  std::vector<std::unique_ptr<Arena>> arenas_;
};

}  // namespace orrery::comm
