// Where each buffer of a rank lies in one block of memory, allocated once before the first step. A function
// of the Program alone. Persistent buffers, and the places of stashes and messages, have space of their own;
// transients of a block share bytes where streams and waits order all uses of the earlier before all uses of
// the later. What packing loses is size - peak of the ledger.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace orrery {

class Arena {
 public:
  Bytes size() const { return size_; }

  // The offset of a buffer that a call names, by the block's index of it. The call is one of this arena's
  // team.
  Bytes offset(const Program&, const Call&, std::uint32_t local) const;

  // The offset of a buffer with a place of its own: `home` as in program.h. Requires that the team has it.
  Bytes offset(std::uint32_t virtual_stage, std::uint32_t home) const;

  static constexpr std::int64_t alignment = 256;  // bytes

 private:
  friend Arena lay_out(const Program&, std::uint32_t team);
  struct Seat {  // of buffers that outlive a call: base + stride * place
    std::uint32_t virtual_stage = 0, home = 0;
    Place place = Place::fixed;
    std::int64_t bytes = 0, offset = 0;
    std::uint32_t places = 1;
  };
  const Seat* find(std::uint32_t virtual_stage, std::uint32_t home, Place place) const;

  std::vector<Seat> seats_;               // sorted by virtual stage, home, place
  std::vector<std::int64_t> transients_;  // by Program::block_buffers; -1: not a transient of this team
  Bytes size_{};
};

Arena lay_out(const Program&, std::uint32_t team);

}  // namespace orrery
