// Where the instructions of a stream are in a Program's blocks and calls, for those who follow streams instead of
// calls. Internal to the engine.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/program/program.h"

namespace orrery::engine {

inline constexpr std::uint32_t none = ~0u;

class Index {
 public:
  struct Visit { std::uint32_t call, row; };    // row: the first (previous_row: the last) of the stream in the block

  void build(const Program&);

  // The calls in which a team uses a stream, in order.
  std::span<const Visit> visits(std::uint32_t team, Stream s) const {
    const std::size_t i = team * stream_count + static_cast<std::size_t>(s);
    return {visits_.data() + first_visit_[i], first_visit_[i + 1] - first_visit_[i]};
  }
  // All calls of a team, in order; row: of a block of several slots, else 0.
  std::span<const Visit> calls(std::uint32_t team) const {
    return {calls_.data() + first_call_[team], first_call_[team + 1] - first_call_[team]};
  }
  // The next and previous row on the same stream in the same block and slot, both counted from the block's first.
  std::uint32_t next_row(std::uint32_t program_row) const { return next_row_[program_row]; }
  std::uint32_t previous_row(std::uint32_t program_row) const { return previous_row_[program_row]; }
  // Of a stream in a block of one slot.
  std::uint32_t last_row(std::uint32_t block, Stream s) const {
    return last_row_[block * stream_count + static_cast<std::size_t>(s)];
  }
  // How many players of a team are in one meeting of a role.
  std::uint32_t members(std::uint32_t team, Role role, std::uint32_t meeting) const {
    return members_[first_meeting_[team * role_count + static_cast<std::size_t>(role)] + meeting];
  }

 private:
  void index_rows(const Program&);
  template <class Add> void for_each_visit(const Program&, Add&&) const;

  std::vector<Visit> visits_, calls_;
  std::vector<std::uint32_t> first_visit_, first_call_;
  std::vector<std::uint32_t> next_row_, previous_row_;        // by row of the Program
  std::vector<std::uint32_t> first_row_, last_row_;           // by block and stream
  std::vector<std::uint32_t> members_, first_meeting_;
};

}  // namespace orrery::engine
