// How a call is played under constant prices: what replay() and makespan() share. Internal to the engine.
//
// Two observations keep the inner loops plain. A wait for a row of an earlier call is a lower bound on when the
// waiting row starts, and so is the end of its stream: raising the latter just before the row is played is the
// former. And a meeting of which one member is present (a folded group) is an instruction like any other.
#pragma once
#include <algorithm>
#include <cstdint>

#include "sim/engine/replay.h"

namespace orrery::engine {

inline constexpr std::uint32_t role_stride = 16;      // role_count, padded
inline constexpr std::size_t cached_rows = 50'000;    // about as many as the second-level cache of a core holds

// Whether the host's issue order can delay anything: a launch or a `host` instruction has a price, or a `host`
// instruction waits for another.
bool host_matters(const Program&, std::span<const Price>);

// Sizes and clears what every play needs.
void prepare(const Program&, std::span<const Price>, Workspace&);

// The latest end of all streams.
Tick last_end(const Workspace&);

// Where a stream of a team's players ends, one number a player.
inline std::int64_t* stream_ends(Workspace& w, std::uint32_t team, Stream stream) {
  const std::uint32_t first = w.first_player[team], players = w.first_player[team + 1] - first;
  return &w.stream_end[first * stream_count + players * static_cast<std::uint32_t>(stream)];
}

// Whether two teams of one player each pay the same for the same rows.
inline bool alike(const Workspace& w, std::uint32_t a, std::uint32_t b) {
  const std::uint32_t* const first = &w.variant[a * role_stride];
  return std::equal(first, first + role_stride, &w.variant[b * role_stride]);
}

// The id of a row of a call for player 0, as Program::row_id, without a walk over the rows of a block of one slot.
inline std::uint32_t row_id(const Program& p, const Workspace& w, const Call& call, std::uint32_t row) {
  if (p.blocks[call.block].slots > 1) return p.row_id(call, row);
  const std::uint32_t team = p.call_teams[call.first_team];
  return call.first_id + row * (w.first_player[team + 1] - w.first_player[team]);
}

template <bool Host>
class Play {
 public:
  Play(const Program& p, Workspace& w) : p_(p), w_(w) {}

  // Plays call `c`; `start` and `end` are those of its first instruction. `awaited(OutsideWait)` is where the ends
  // of an awaited row are, one a player.
  template <class Awaited>
  void call(std::size_t c, Tick* start, Tick* end, Awaited&& awaited);

  // Plays rows [row, last_row) of a call of one slot; [o, o_end) are the outside waits of those rows and later ones.
  // Returns those that are left.
  template <class Awaited>
  const OutsideWait* rows(const Call& call, const OutsideWait* o, const OutsideWait* o_end, std::uint32_t row,
                          std::uint32_t last_row, Tick* start, Tick* end, Awaited&& awaited);

 private:
  template <bool Far>
  void alone(const Row* first, const Row* last_row, std::uint32_t team, Tick* start, Tick* end, std::int64_t last);
  void together(const Row& row, const Row& next, std::uint32_t team, Tick* start, Tick* end);
  void starts(const Row& row, const Row& next, std::uint32_t team, std::uint32_t players, Tick* start, const Tick* end);
  void meet(const Block& block, const std::uint32_t* teams, Tick* start, Tick* end);
  void pair(const Row* rows, const std::uint32_t* teams, Tick* start, Tick* end);
  void raise(const Row& row, std::uint32_t team, const Tick* ends);
  void issue(const Row& row, std::uint32_t team, std::uint32_t players, Tick* start);
  void host_done(const Row& row, std::uint32_t team, std::uint32_t players, const Tick* end);
  std::uint32_t players(std::uint32_t team) const { return w_.first_player[team + 1] - w_.first_player[team]; }
  std::uint32_t variant(const Row& row, const Team& team, std::uint32_t player) const {
    return row.role == Role::self ? 0 : team.roles[static_cast<std::size_t>(row.role)].variant[player];
  }

  const Program& p_;
  Workspace& w_;
};

// Rows [first, last_row) of a team of one player. `last`: the end of the row before, if the block has one.
// Far: rows come from memory, not from cache, and faster if asked for early.
template <bool Host>
template <bool Far>
void Play<Host>::alone(const Row* first, const Row* last_row, std::uint32_t team, Tick* start, Tick* end,
                       std::int64_t last) {
  const std::int64_t* const price = w_.price.data();
  const std::int64_t* const launch = w_.launch.data();
  const std::uint32_t* const variants = &w_.variant[team * role_stride];
  std::int64_t* const streams = stream_ends(w_, team, Stream{0});
  std::int64_t& host = w_.host_end[w_.first_player[team]];
  const std::uint32_t* wait = p_.waits.data() + first->first_wait;
  // The end just computed stays in a register: through memory it would come back some cycles late, row after row.
  Stream last_stream{stream_count};
  for (const Row* row = first; row != last_row; ++row, ++start, ++end) {
    if constexpr (Far) __builtin_prefetch(row + 160);
    std::int64_t at = row->stream == last_stream ? last : streams[static_cast<std::size_t>(row->stream)];
    for (const std::uint32_t* const waits_end = p_.waits.data() + row[1].first_wait; wait != waits_end; ++wait)
      at = std::max(at, *wait == 1 ? last : end[-static_cast<std::ptrdiff_t>(*wait)].v);
    const std::uint32_t cost_class = row->cost_class + variants[static_cast<std::size_t>(row->role)];
    if constexpr (Host) {
      host += launch[cost_class];
      at = std::max(at, host);
    }
    start->v = at;
    last = end->v = at + price[cost_class];
    last_stream = row->stream;
    streams[static_cast<std::size_t>(last_stream)] = last;
    if constexpr (Host)
      if (row->kind == Kind::host) host = last;
  }
}

template <bool Host>
void Play<Host>::issue(const Row& row, std::uint32_t team, std::uint32_t n, Tick* start) {
  std::int64_t* const host = &w_.host_end[w_.first_player[team]];
  for (std::uint32_t i = 0; i < n; ++i) {
    host[i] += w_.launch[row.cost_class + variant(row, p_.teams[team], i)];
    start[i].v = std::max(start[i].v, host[i]);
  }
}

template <bool Host>
void Play<Host>::host_done(const Row& row, std::uint32_t team, std::uint32_t n, const Tick* end) {
  if (row.kind != Kind::host) return;
  std::int64_t* const host = &w_.host_end[w_.first_player[team]];
  for (std::uint32_t i = 0; i < n; ++i) host[i] = end[i].v;
}

// When the players of a row can start it: `end` is that of the row's own first player, read for earlier rows only.
template <bool Host>
void Play<Host>::starts(const Row& row, const Row& next, std::uint32_t team, std::uint32_t n, Tick* start,
                        const Tick* end) {
  const std::int64_t* const stream = stream_ends(w_, team, row.stream);
  for (std::uint32_t i = 0; i < n; ++i) start[i].v = stream[i];
  for (std::uint32_t w = row.first_wait; w < next.first_wait; ++w) {
    const Tick* const awaited = end - static_cast<std::ptrdiff_t>(p_.waits[w]) * n;
    for (std::uint32_t i = 0; i < n; ++i) start[i].v = std::max(start[i].v, awaited[i].v);
  }
  if constexpr (Host) issue(row, team, n, start);
}

// A row of a team of several players; its meetings lie within it.
template <bool Host>
void Play<Host>::together(const Row& row, const Row& next, std::uint32_t team, Tick* start, Tick* end) {
  const std::uint32_t n = players(team);
  starts(row, next, team, n, start, end);
  std::int64_t* const stream = stream_ends(w_, team, row.stream);
  if (!is_meeting(row.kind)) {
    const std::int64_t price = w_.price[row.cost_class];
    for (std::uint32_t i = 0; i < n; ++i) stream[i] = end[i].v = start[i].v + price;
  } else {
    const Team::InRole& in = p_.teams[team].roles[static_cast<std::size_t>(row.role)];
    w_.begin.assign(in.meetings, 0);
    const std::uint32_t* const meeting = in.meeting.data();
    std::int64_t* const begin = w_.begin.data();
    for (std::uint32_t i = 0; i < n; ++i) begin[meeting[i]] = std::max(begin[meeting[i]], start[i].v);
    for (std::uint32_t i = 0; i < n; ++i)
      stream[i] = end[i].v = begin[meeting[i]] + w_.price[row.cost_class + in.variant[i]];
  }
  if constexpr (Host) host_done(row, team, n, end);
}

// A block of several slots: one row a slot, meetings across them. The price of a meeting is its dearest member's.
template <bool Host>
void Play<Host>::meet(const Block& block, const std::uint32_t* teams, Tick* start, Tick* end) {
  const Row* const rows = &p_.rows[block.first_row];
  w_.begin.clear();
  w_.duration.clear();
  Tick *s = start, *e = end;
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const std::uint32_t team = teams[rows[r].slot], n = players(team);
    const Team::InRole& in = p_.teams[team].roles[static_cast<std::size_t>(rows[r].role)];
    if (w_.begin.size() < in.meetings) w_.begin.resize(in.meetings, 0), w_.duration.resize(in.meetings, 0);
    starts(rows[r], rows[r + 1], team, n, s, e);
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t m = in.meeting[i];
      w_.begin[m] = std::max(w_.begin[m], s[i].v);
      w_.duration[m] = std::max(w_.duration[m], w_.price[rows[r].cost_class + in.variant[i]]);
    }
    s += n, e += n;
  }
  e = end;
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const std::uint32_t team = teams[rows[r].slot], n = players(team);
    const Team::InRole& in = p_.teams[team].roles[static_cast<std::size_t>(rows[r].role)];
    std::int64_t* const stream = stream_ends(w_, team, rows[r].stream);
    for (std::uint32_t i = 0; i < n; ++i) stream[i] = e[i].v = w_.begin[in.meeting[i]] + w_.duration[in.meeting[i]];
    e += n;
  }
}

// A meeting of two teams of one player each: a message of a folded pipeline.
template <bool Host>
void Play<Host>::pair(const Row* rows, const std::uint32_t* teams, Tick* start, Tick* end) {
  std::int64_t begin = 0, duration = 0;
  for (std::uint32_t r = 0; r < 2; ++r) {
    const std::uint32_t team = teams[rows[r].slot];
    const std::uint32_t variant = w_.variant[team * role_stride + static_cast<std::size_t>(rows[r].role)];
    starts(rows[r], rows[r + 1], team, 1, start + r, end + r);
    begin = std::max(begin, start[r].v);
    duration = std::max(duration, w_.price[rows[r].cost_class + variant]);
  }
  for (std::uint32_t r = 0; r < 2; ++r)
    *stream_ends(w_, teams[rows[r].slot], rows[r].stream) = end[r].v = begin + duration;
}

template <bool Host>
void Play<Host>::raise(const Row& row, std::uint32_t team, const Tick* ends) {
  std::int64_t* const stream = stream_ends(w_, team, row.stream);
  const std::uint32_t n = players(team);
  for (std::uint32_t i = 0; i < n; ++i) stream[i] = std::max(stream[i], ends[i].v);
}

template <bool Host>
template <class Awaited>
void Play<Host>::call(std::size_t c, Tick* start, Tick* end, Awaited&& awaited) {
  const Call& call = p_.calls[c];
  const Block& block = p_.blocks[call.block];
  const OutsideWait* o = p_.outside_waits.data() + call.first_wait;
  const OutsideWait* const o_end = p_.outside_waits.data() + p_.calls[c + 1].first_wait;
  if (block.slots == 1) {
    rows(call, o, o_end, 0, block.rows, start, end, awaited);
    return;
  }
  const std::uint32_t* const teams = &p_.call_teams[call.first_team];
  const Row* const first = &p_.rows[block.first_row];
  for (; o != o_end; ++o) raise(first[o->row], teams[first[o->row].slot], awaited(*o));
  if (block.rows == 2 && players(teams[first[0].slot]) == 1 && players(teams[first[1].slot]) == 1)
    pair(first, teams, start, end);
  else
    meet(block, teams, start, end);
}

template <bool Host>
template <class Awaited>
const OutsideWait* Play<Host>::rows(const Call& call, const OutsideWait* o, const OutsideWait* o_end, std::uint32_t r,
                                    std::uint32_t last_row, Tick* start, Tick* end, Awaited&& awaited) {
  const Row* const rows = &p_.rows[p_.blocks[call.block].first_row];
  const std::uint32_t team = p_.call_teams[call.first_team], n = players(team);
  while (r < last_row) {
    for (; o != o_end && o->row == r; ++o) raise(rows[r], team, awaited(*o));
    const std::uint32_t stop = o != o_end ? std::min(o->row, last_row) : last_row;
    if (n == 1) {
      const std::int64_t last = r > 0 ? end[r - 1].v : 0;
      if (p_.rows.size() < cached_rows) alone<false>(rows + r, rows + stop, team, start + r, end + r, last);
      else alone<true>(rows + r, rows + stop, team, start + r, end + r, last);
      r = stop;
    } else {
      for (; r < stop; ++r) together(rows[r], rows[r + 1], team, start + r * n, end + r * n);
    }
  }
  return o;
}

}  // namespace orrery::engine
