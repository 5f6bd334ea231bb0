#include "sim/engine/index.h"

#include <numeric>

namespace orrery::engine {

void Index::index_rows(const Program& p) {
  next_row_.assign(p.rows.size(), none);
  previous_row_.assign(p.rows.size(), none);
  first_row_.assign(p.blocks.size() * stream_count, none);
  last_row_.assign(p.blocks.size() * stream_count, none);
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    const Block& block = p.blocks[b];
    for (std::uint32_t r = 0; r < block.rows && block.slots == 1; ++r) {
      const std::size_t s = b * stream_count + static_cast<std::size_t>(p.rows[block.first_row + r].stream);
      if (last_row_[s] == none) first_row_[s] = r;
      else next_row_[block.first_row + last_row_[s]] = r;
      previous_row_[block.first_row + r] = last_row_[s];
      last_row_[s] = r;
    }
  }
}

// add(team, stream, visit) for each call, slot and stream.
template <class Add>
void Index::for_each_visit(const Program& p, Add&& add) const {
  for (std::uint32_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    if (block.slots > 1) {
      for (std::uint32_t r = 0; r < block.rows; ++r) {
        const Row& row = p.rows[block.first_row + r];
        add(p.call_teams[call.first_team + row.slot], static_cast<std::uint32_t>(row.stream), Visit{c, r});
      }
    } else {
      for (std::uint32_t s = 0; s < stream_count; ++s)
        if (const std::uint32_t r = first_row_[call.block * stream_count + s]; r != none)
          add(p.call_teams[call.first_team], s, Visit{c, r});
    }
  }
}

void Index::build(const Program& p) {
  index_rows(p);
  first_visit_.assign(p.teams.size() * stream_count + 2, 0);
  for_each_visit(p, [&](std::uint32_t team, std::uint32_t s, Visit) { ++first_visit_[team * stream_count + s + 2]; });
  std::partial_sum(first_visit_.begin(), first_visit_.end(), first_visit_.begin());
  visits_.resize(first_visit_.back());
  for_each_visit(p, [&](std::uint32_t team, std::uint32_t s, Visit v) {
    visits_[first_visit_[team * stream_count + s + 1]++] = v;
  });

  first_call_.assign(p.teams.size() + 2, 0);
  for (const bool count : {true, false}) {
    for (std::uint32_t c = 0; c < p.call_count(); ++c) {
      const Block& block = p.blocks[p.calls[c].block];
      for (std::uint32_t r = 0; r < (block.slots > 1 ? block.rows : 1); ++r) {
        const std::uint32_t slot = block.slots > 1 ? p.rows[block.first_row + r].slot : 0;
        const std::uint32_t team = p.call_teams[p.calls[c].first_team + slot];
        if (count) ++first_call_[team + 2];
        else calls_[first_call_[team + 1]++] = {c, r};
      }
    }
    if (!count) break;
    std::partial_sum(first_call_.begin(), first_call_.end(), first_call_.begin());
    calls_.resize(first_call_.back());
  }

  members_.clear();
  first_meeting_.clear();
  for (const Team& team : p.teams)
    for (const Team::InRole& in : team.roles) {
      const std::size_t first = members_.size();
      first_meeting_.push_back(static_cast<std::uint32_t>(first));
      members_.resize(first + in.meetings, 0);
      for (const std::uint32_t meeting : in.meeting) ++members_[first + meeting];
    }
}

}  // namespace orrery::engine
