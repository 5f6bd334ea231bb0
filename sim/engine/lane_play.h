// How lanes are played, for one width of vector register. All is inlined into a function that is compiled for
// a processor which has it; that is why nothing here is called through a pointer or passes vectors by value.
// Internal to the engine.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "sim/engine/edges.h"
#include "sim/engine/lanes.h"
#include "sim/engine/play.h"

#define ORRERY_INLINE [[gnu::always_inline]] inline

namespace orrery::engine {

// A register of `bytes`, and a time of all lanes in as many as it takes.
template <std::size_t bytes>
struct Width {
  using Vector [[gnu::vector_size(bytes)]] = std::int64_t;
  static constexpr std::size_t count = sizeof(Lanes) / bytes;
  struct Time {
    Vector part[count];
  };
};

template <class Width, bool Host>
class LanePlay {
 public:
  using Time = typename Width::Time;

  ORRERY_INLINE LanePlay(const Program& p, LaneWorkspace& w) : p_(p), w_(w), f_(w.fixed) {}

  ORRERY_INLINE void run(std::uint32_t map_from) {
    f_.maps.clear();
    w_.cells.clear();
    f_.map_of.assign(p_.blocks.size(), no_edge);
    for (std::size_t c = 0; c < p_.call_count(); ++c) {
      const Call& call = p_.calls[c];
      if (p_.blocks[call.block].slots > 1)
        meet(c);
      else if (f_.uses[call.block] >= map_from && single(p_, call))
        apply(c, f_.maps[find_map(call)]);
      else
        play(c);
    }
  }

 private:
  static constexpr std::int64_t unreachable = -(std::int64_t{1} << 61);  // plus any input: below every time

  // Register by register: a copy of all at once goes through narrower ones.
  ORRERY_INLINE static void read(Time& t, const Lanes& from) {
    for (std::size_t i = 0; i < Width::count; ++i)
      std::memcpy(&t.part[i], from.v + i * (lane_count / Width::count), sizeof t.part[i]);
  }
  ORRERY_INLINE static void write(Lanes& to, const Time& t) {
    for (std::size_t i = 0; i < Width::count; ++i)
      std::memcpy(to.v + i * (lane_count / Width::count), &t.part[i], sizeof t.part[i]);
  }
  ORRERY_INLINE static void raise(Time& t, const Time& o) {
    for (std::size_t i = 0; i < Width::count; ++i) t.part[i] = t.part[i] > o.part[i] ? t.part[i] : o.part[i];
  }
  ORRERY_INLINE static void raise(Time& t, const Lanes& from) {
    Time o;
    read(o, from);
    raise(t, o);
  }
  ORRERY_INLINE static void raise(Lanes& to, const Lanes& from) {
    Time t;
    read(t, to);
    raise(t, from);
    write(to, t);
  }
  ORRERY_INLINE static void add(Time& t, const Lanes& from) {
    Time o;
    read(o, from);
    for (std::size_t i = 0; i < Width::count; ++i) t.part[i] += o.part[i];
  }
  ORRERY_INLINE static void fill(Lanes& to, std::int64_t value) {
    for (std::int64_t& v : to.v) v = value;
  }
  ORRERY_INLINE static void fill(std::vector<Lanes>& to, std::size_t size, std::int64_t value) {
    if (to.size() < size) to.resize(size);
    for (std::size_t i = 0; i < size; ++i) fill(to[i], value);
  }

  ORRERY_INLINE std::uint32_t players(std::uint32_t team) const {
    return f_.first_player[team + 1] - f_.first_player[team];
  }
  ORRERY_INLINE Lanes* streams(std::uint32_t team, Stream s) const {
    return &w_.stream_end[f_.first_player[team] * stream_count +
                          players(team) * static_cast<std::uint32_t>(s)];
  }
  ORRERY_INLINE const Team::InRole& in_role(std::uint32_t team, const Row& row) const {
    return p_.teams[team].roles[static_cast<std::size_t>(row.role)];
  }
  ORRERY_INLINE std::uint32_t cost_class(const Row& row, std::uint32_t team, std::uint32_t player) const {
    return row.cost_class + (player == 0 ? f_.variant[team * role_stride + static_cast<std::size_t>(row.role)]
                             : row.role == Role::self ? 0
                                                      : in_role(team, row).variant[player]);
  }

  // Where the ends of an awaited row are, one a player.
  ORRERY_INLINE const Lanes* awaited(const OutsideWait& o) const {
    const Call& call = p_.calls[o.call];
    const Block& block = p_.blocks[call.block];
    const Lanes* const first = w_.exported.data() + f_.call_export[o.call];
    if (block.slots > 1) return first + (p_.row_id(call, o.awaited) - call.first_id);
    return first + f_.export_of[block.first_row + o.awaited] * players(p_.call_teams[call.first_team]);
  }

  ORRERY_INLINE void raise_stream(const Row& row, std::uint32_t team, const Lanes* ends) {
    Lanes* const stream = streams(team, row.stream);
    for (std::uint32_t i = 0; i < players(team); ++i) raise(stream[i], ends[i]);
  }

  ORRERY_INLINE void issue(Time& at, std::uint32_t team, std::uint32_t player, std::uint32_t of_class) {
    if constexpr (!Host) return;
    Lanes& host = w_.host_end[f_.first_player[team] + player];
    Time clock;
    read(clock, host);
    add(clock, w_.launch[of_class]);
    write(host, clock);
    raise(at, clock);
  }

  // When a player of a row can start it.
  ORRERY_INLINE void start(Time& at, const Row& row, const Row& next, std::uint32_t r, std::uint32_t team,
                           std::uint32_t player, std::uint32_t of_class, std::uint32_t mask,
                           std::uint32_t n) {
    read(at, streams(team, row.stream)[player]);
    for (std::uint32_t x = row.first_wait; x < next.first_wait; ++x)
      raise(at, w_.ring[std::size_t{(r - p_.waits[x]) & mask} * n + player]);
    issue(at, team, player, of_class);
  }

  ORRERY_INLINE void ended(const Time& end, const Row& row, std::uint32_t r, std::uint32_t team,
                           std::uint32_t player, std::uint32_t mask, std::uint32_t n, Lanes* to) {
    write(streams(team, row.stream)[player], end);
    write(w_.ring[std::size_t{r & mask} * n + player], end);
    if (to != nullptr) write(to[player], end);
    if (Host && row.kind == Kind::host) write(w_.host_end[f_.first_player[team] + player], end);
  }

  // A row of several players of which some meet.
  ORRERY_INLINE void together(const Row& row, const Row& next, std::uint32_t r, std::uint32_t team,
                              std::uint32_t mask, std::uint32_t n, Lanes* to) {
    const Team::InRole& in = in_role(team, row);
    fill(w_.begin, in.meetings, 0);
    for (std::uint32_t i = 0; i < n; ++i) {
      Time at;
      start(at, row, next, r, team, i, cost_class(row, team, i), mask, n);
      Lanes& begin = w_.begin[in.meeting[i]];
      raise(at, begin);
      write(begin, at);
    }
    for (std::uint32_t i = 0; i < n; ++i) {
      Time at;
      read(at, w_.begin[in.meeting[i]]);
      add(at, w_.price[cost_class(row, team, i)]);
      ended(at, row, r, team, i, mask, n, to);
    }
  }

  // A call of a block of one slot, row by row.
  ORRERY_INLINE void play(std::size_t c) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::uint32_t team = p_.call_teams[call.first_team], n = players(team);
    const std::uint32_t mask = w_.ring_size[call.block] - 1;
    const std::size_t ring = std::size_t{mask + 1} * n;
    if (w_.ring.size() < ring) w_.ring.resize(ring);
    const OutsideWait* o = p_.outside_waits.data() + call.first_wait;
    const OutsideWait* const o_end = p_.outside_waits.data() + p_.calls[c + 1].first_wait;
    Lanes* const exported = w_.exported.data() + f_.call_export[c];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row &row = p_.rows[block.first_row + r], &next = p_.rows[block.first_row + r + 1];
      for (; o != o_end && o->row == r; ++o) raise_stream(row, team, awaited(*o));
      const std::uint32_t e = f_.export_of[block.first_row + r];
      Lanes* const to = e == no_edge ? nullptr : exported + std::size_t{e} * n;
      if (n > 1 && is_meeting(row.kind)) {
        together(row, next, r, team, mask, n, to);
        continue;
      }
      for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint32_t of_class = cost_class(row, team, i);
        Time at;
        start(at, row, next, r, team, i, of_class, mask, n);
        add(at, w_.price[of_class]);
        ended(at, row, r, team, i, mask, n, to);
      }
    }
  }

  // A block of several slots: one row a slot, meetings across them. The price of a meeting is its dearest
  // member's.
  ORRERY_INLINE void meet(std::size_t c) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::uint32_t* const teams = &p_.call_teams[call.first_team];
    for (std::uint32_t o = call.first_wait; o < p_.calls[c + 1].first_wait; ++o) {
      const OutsideWait& wait = p_.outside_waits[o];
      const Row& row = p_.rows[block.first_row + wait.row];
      raise_stream(row, teams[row.slot], awaited(wait));
    }
    std::uint32_t meetings = 0;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p_.rows[block.first_row + r];
      meetings = std::max(meetings, in_role(teams[row.slot], row).meetings);
    }
    fill(w_.begin, meetings, 0);
    fill(w_.duration, meetings, 0);
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p_.rows[block.first_row + r];
      const std::uint32_t team = teams[row.slot], n = players(team);
      const Team::InRole& in = in_role(team, row);
      for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint32_t of_class = cost_class(row, team, i);
        Time at;
        read(at, streams(team, row.stream)[i]);
        issue(at, team, i, of_class);
        raise(at, w_.begin[in.meeting[i]]);
        write(w_.begin[in.meeting[i]], at);
        raise(w_.duration[in.meeting[i]], w_.price[of_class]);
      }
    }
    Lanes* to = w_.exported.data() + f_.call_export[c];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p_.rows[block.first_row + r];
      const std::uint32_t team = teams[row.slot], n = players(team);
      const Team::InRole& in = in_role(team, row);
      for (std::uint32_t i = 0; i < n; ++i, ++to) {
        Time end;
        read(end, w_.begin[in.meeting[i]]);
        add(end, w_.duration[in.meeting[i]]);
        write(streams(team, row.stream)[i], end);
        write(*to, end);
      }
    }
  }

  // The map of the call's block for the variants of its team's roles.
  ORRERY_INLINE std::size_t find_map(const Call& call) {
    const std::uint32_t team = p_.call_teams[call.first_team];
    const std::uint32_t* const mine = &f_.variant[team * role_stride];
    for (std::uint32_t m = f_.map_of[call.block]; m != no_edge; m = f_.maps[m].next)
      if (std::memcmp(mine, &f_.variant[f_.maps[m].team * role_stride], role_stride * sizeof *mine) == 0)
        return m;
    const Block& block = p_.blocks[call.block];
    std::uint32_t used = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s) used += block.streams >> s & 1;
    const std::uint32_t entries = f_.first_entry[call.block + 1] - f_.first_entry[call.block];
    const std::uint32_t exports = f_.first_export[call.block + 1] - f_.first_export[call.block];
    const Workspace::Map map{team, f_.map_of[call.block], static_cast<std::uint32_t>(w_.cells.size()),
                             used + Host + entries, used + Host + exports};
    f_.map_of[call.block] = static_cast<std::uint32_t>(f_.maps.size());
    f_.maps.push_back(map);
    w_.cells.resize(w_.cells.size() + std::size_t{map.inputs} * map.outputs);
    for (std::uint32_t input = 0; input < map.inputs; ++input) follow(call.block, map, input);
    return f_.maps.size() - 1;
  }

  // Plays the block from one input at 0 and the others absent: a row of the matrix.
  ORRERY_INLINE void follow(std::uint32_t b, const Workspace::Map& map, std::uint32_t input) {
    const Block& block = p_.blocks[b];
    const std::uint32_t* const variants = &f_.variant[map.team * role_stride];
    const std::uint32_t mask = w_.ring_size[b] - 1;
    if (w_.ring.size() < std::size_t{mask} + 1) w_.ring.resize(std::size_t{mask} + 1);
    Lanes ends[stream_count], host;
    Lanes* const row_of_map = &w_.cells[map.first_cell + std::size_t{input} * map.outputs];
    std::uint32_t i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      fill(ends[s], (block.streams >> s & 1) != 0 && i++ == input ? 0 : unreachable);
    fill(host, Host && i == input ? 0 : unreachable);
    i += Host;
    std::uint32_t used = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s) used += block.streams >> s & 1;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const std::uint32_t at_row = block.first_row + r;
      const Row &row = p_.rows[at_row], &next = p_.rows[at_row + 1];
      Time at;
      read(at, ends[static_cast<std::size_t>(row.stream)]);
      for (std::uint32_t x = row.first_wait; x < next.first_wait; ++x)
        raise(at, w_.ring[(r - p_.waits[x]) & mask]);
      if (f_.entry_of[at_row] != no_edge && i + f_.entry_of[at_row] == input) {
        Lanes zero;
        fill(zero, 0);
        raise(at, zero);
      }
      const std::uint32_t of_class = row.cost_class + variants[static_cast<std::size_t>(row.role)];
      if constexpr (Host) {
        Time clock;
        read(clock, host);
        add(clock, w_.launch[of_class]);
        write(host, clock);
        raise(at, clock);
      }
      add(at, w_.price[of_class]);
      if (Host && row.kind == Kind::host) write(host, at);
      write(ends[static_cast<std::size_t>(row.stream)], at);
      write(w_.ring[r & mask], at);
      if (f_.export_of[at_row] != no_edge) write(row_of_map[used + Host + f_.export_of[at_row]], at);
    }
    std::uint32_t output = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if ((block.streams >> s & 1) != 0) row_of_map[output++] = ends[s];
    if (Host) row_of_map[output] = host;
  }

  ORRERY_INLINE void apply(std::size_t c, const Workspace::Map& map) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::uint32_t team = p_.call_teams[call.first_team];
    Lanes* const stream = streams(team, Stream{0});
    fill(w_.in, map.inputs,
         0);  // an absent wait: no later than the stream before the row, which is an input too
    std::uint32_t i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if ((block.streams >> s & 1) != 0) w_.in[i++] = stream[s];
    if (Host) w_.in[i++] = w_.host_end[f_.first_player[team]];
    for (std::uint32_t o = call.first_wait; o < p_.calls[c + 1].first_wait; ++o)
      raise(w_.in[i + f_.entry_of[block.first_row + p_.outside_waits[o].row]], *awaited(p_.outside_waits[o]));
    fill(w_.outcome, map.outputs, 0);
    const Lanes* cell = w_.cells.data() + map.first_cell;
    for (std::uint32_t input = 0; input < map.inputs; ++input) {
      const Lanes& in = w_.in[input];
      for (std::uint32_t output = 0; output < map.outputs; ++output, ++cell) {
        Time t;
        read(t, in);
        add(t, *cell);
        raise(t, w_.outcome[output]);
        write(w_.outcome[output], t);
      }
    }
    i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if ((block.streams >> s & 1) != 0) stream[s] = w_.outcome[i++];
    if (Host) w_.host_end[f_.first_player[team]] = w_.outcome[i++];
    for (Lanes* to = w_.exported.data() + f_.call_export[c]; i < map.outputs; ++to) *to = w_.outcome[i++];
  }

  const Program& p_;
  LaneWorkspace& w_;
  Workspace& f_;
};

}  // namespace orrery::engine

#undef ORRERY_INLINE
