#include "sim/report/rank_view.h"

#include <algorithm>

namespace orrery {
namespace {

std::uint32_t players(const Team& t) { return static_cast<std::uint32_t>(t.players.size()); }

const Team::InRole& in_role(const Team& team, const Row& row) {
  return team.roles[static_cast<std::size_t>(row.role)];
}

}  // namespace

std::vector<std::vector<std::uint32_t>> calls_by_team(const Program& p) {
  std::vector<std::vector<std::uint32_t>> out(p.teams.size());
  for (std::uint32_t c = 0; c < p.call_count(); ++c)
    for (std::uint32_t s = 0; s < p.blocks[p.calls[c].block].slots; ++s) {
      std::vector<std::uint32_t>& calls = out[p.call_teams[p.calls[c].first_team + s]];
      if (calls.empty() || calls.back() != c) calls.push_back(c);
    }
  return out;
}

RankView::RankView(const Program& p, const Timeline& t, std::uint32_t team, std::uint32_t player)
    : RankView(p, t, team, player, calls_by_team(p)[team]) {}

RankView::RankView(const Program& p, const Timeline& t, std::uint32_t team, std::uint32_t player,
                   std::span<const std::uint32_t> calls)
    : program_(&p), timeline_(&t), team_(team), player_(player) {
  std::uint32_t latest[stream_count];
  std::fill(std::begin(latest), std::end(latest), none);
  for (const std::uint32_t c : calls) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    std::uint32_t id = call.first_id + player;
    for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r) {
      const std::uint32_t row_team = p.call_teams[call.first_team + p.rows[r].slot];
      if (row_team == team) append(c, r, id, latest);
      id += players(p.teams[row_team]);
    }
  }
}

void RankView::append(std::uint32_t call, std::uint32_t row, std::uint32_t id,
                      std::uint32_t (&latest)[stream_count]) {
  const Row& r = program_->rows[row];
  std::uint32_t& previous = latest[static_cast<std::size_t>(r.stream)];
  std::uint32_t cost_class = r.cost_class;
  if (r.role != Role::self) cost_class += in_role(program_->teams[team_], r).variant[player_];
  items_.push_back({id, call, row, cost_class, previous});
  previous = static_cast<std::uint32_t>(items_.size()) - 1;
  streams_ |= 1u << static_cast<unsigned>(r.stream);
}

std::uint32_t RankView::find(std::uint32_t id) const {
  const auto at = std::lower_bound(items_.begin(), items_.end(), id,
                                   [](const Item& i, std::uint32_t v) { return i.id < v; });
  return at != items_.end() && at->id == id ? static_cast<std::uint32_t>(at - items_.begin()) : none;
}

Tick RankView::begin(const Item& item) const {
  Tick last = start(item);
  if (!is_meeting(row(item).kind)) return last;
  for_each_member(item, [&](std::uint32_t, std::uint32_t, std::uint32_t id) {
    last = std::max(last, timeline_->start[id]);
  });
  return last;
}

std::uint32_t RankView::last_before(const Item& item) const {
  const Program& p = *program_;
  std::uint32_t last = item.previous;
  const auto consider = [&](std::uint32_t id) {
    const std::uint32_t i = find(id);
    if (i == none) return;
    if (last == none || end(items_[i]) > end(items_[last]) ||
        (end(items_[i]) == end(items_[last]) && i > last))
      last = i;
  };
  const std::uint32_t n = players(p.teams[team_]);
  for (std::uint32_t w = p.rows[item.row].first_wait; w < p.rows[item.row + 1].first_wait; ++w)
    consider(item.id - p.waits[w] * n);
  const Call& call = p.calls[item.call];
  for (std::uint32_t w = call.first_wait; w < p.calls[item.call + 1].first_wait; ++w) {
    const OutsideWait& o = p.outside_waits[w];
    if (p.blocks[call.block].first_row + o.row == item.row)
      consider(p.row_id(p.calls[o.call], o.awaited) + player_);
  }
  return last;
}

}  // namespace orrery
