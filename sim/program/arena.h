// Where each buffer of a rank lies in one block of memory, allocated once before the first step. A function
// of the Program alone.
//
// Time is the number of the rank's compute instructions that have certainly ended, by streams and waits. A
// buffer's life begins at the least such number when one of its uses starts, and ends at the first number
// that says that all of them have ended. So a buffer may take the bytes of those whose lives have ended when
// its own begins, at any timing. Persistent buffers have bytes of their own. The others are placed largest
// first, each at the lowest offset that is free throughout its life.
//
// The size exceeds the ledger's peak by what packing loses, little, and by the bytes of uses that end later
// than in order of ids: an output whose message no instruction has waited for yet, gradients on their way.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace orrery {

class Arena {
 public:
  Bytes size() const { return size_; }

  // The offset of a buffer that a call names, by the block's index of it. The call is the Program's own, and
  // this arena's team uses the buffer in it.
  Bytes offset(const Program&, const Call&, std::uint32_t local) const;

  // The offset of a persistent buffer: `home` as in program.h. Requires that the team has it.
  Bytes offset(std::uint32_t virtual_stage, std::uint32_t home) const;

  static constexpr std::int64_t alignment = 256;  // bytes

 private:
  friend Arena lay_out(const Program&, std::uint32_t team);
  struct Seat {  // of a persistent buffer
    std::uint32_t virtual_stage = 0, home = 0;
    std::int64_t offset = 0;
  };

  std::vector<Seat> seats_;            // sorted by virtual stage and home
  std::vector<std::uint32_t> first_;   // by call, into offsets_
  std::vector<std::int64_t> offsets_;  // by the block's buffers; -1: the team does not use it
  Bytes size_{};
};

// Complexity: lives times the number of lives at once.
Arena lay_out(const Program&, std::uint32_t team);

}  // namespace orrery
