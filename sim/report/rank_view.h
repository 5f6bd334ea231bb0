// One player's instructions in id order: what a rank does, read from blocks and calls without expanding the
// rest of the Program. Immutable; holds references to the Program and Timeline, which must outlive it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/program/program.h"

namespace orrery {

// The calls that each team plays in, ascending.
std::vector<std::vector<std::uint32_t>> calls_by_team(const Program&);

class RankView {
 public:
  static constexpr std::uint32_t none = ~0u;
  struct Item {
    std::uint32_t id = 0, call = 0, row = 0;  // row: into Program::rows
    std::uint32_t cost_class = 0;             // with the player's variant
    std::uint32_t previous = none;            // item before it on its stream
  };

  // `calls`: those that the team plays in, ascending (calls_by_team); without it, one pass over all.
  RankView(const Program&, const Timeline&, std::uint32_t team, std::uint32_t player,
           std::span<const std::uint32_t> calls);
  RankView(const Program&, const Timeline&, std::uint32_t team, std::uint32_t player);

  std::span<const Item> items() const { return items_; }
  std::uint32_t streams() const { return streams_; }  // bit s: some item is on stream s
  const Program& program() const { return *program_; }
  const Row& row(const Item& i) const { return program_->rows[i.row]; }
  Tick start(const Item& i) const { return timeline_->start[i.id]; }
  Tick end(const Item& i) const { return timeline_->end[i.id]; }

  // When the instruction's meeting began: its last member's start. Its own start if it is no meeting.
  Tick begin(const Item&) const;

  // Calls visit(team, player, id) for every member of the instruction's meeting that is present, itself
  // included.
  template <class Visit>
  void for_each_member(const Item&, Visit&& visit) const;

  // The item among its stream's previous one and its waits that ended last, or none. Ties: the largest id.
  std::uint32_t last_before(const Item&) const;

 private:
  std::uint32_t find(std::uint32_t id) const;  // item index; none if the player has no such instruction
  void append(std::uint32_t call, std::uint32_t row, std::uint32_t id, std::uint32_t (&latest)[stream_count]);

  const Program* program_;
  const Timeline* timeline_;
  std::uint32_t team_, player_, streams_ = 0;
  std::vector<Item> items_;
};

template <class Visit>
void RankView::for_each_member(const Item& item, Visit&& visit) const {
  const Program& p = *program_;
  const auto in_role = [&](std::uint32_t team, const Row& row) -> const Team::InRole& {
    return p.teams[team].roles[static_cast<std::size_t>(row.role)];
  };
  const std::uint32_t meeting = in_role(team_, row(item)).meeting[player_];
  const Call& call = p.calls[item.call];
  const Block& block = p.blocks[call.block];
  // Of a block of one slot, the members are in the item's row; else in all rows.
  std::uint32_t first = block.first_row, last = block.first_row + block.rows, id = call.first_id;
  if (block.slots == 1) {
    id += (item.row - first) * static_cast<std::uint32_t>(p.teams[team_].players.size());
    first = item.row;
    last = first + 1;
  }
  for (std::uint32_t r = first; r < last; ++r) {
    const std::uint32_t team = p.call_teams[call.first_team + p.rows[r].slot];
    const Team::InRole& in = in_role(team, p.rows[r]);
    const auto n = static_cast<std::uint32_t>(p.teams[team].players.size());
    for (std::uint32_t i = 0; i < n; ++i)
      if (in.meeting[i] == meeting) visit(team, i, id + i);
    id += n;
  }
}

}  // namespace orrery
