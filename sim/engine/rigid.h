// Blocks whose times are all decided by one row. In a steady schedule nothing but the first compute row of a
// block, its pivot, waits for anything that is still under way: every later row then starts at the pivot's
// start plus an offset that depends on the prices alone. The offsets are played once for each block and
// team's variants; a call then needs the proof that no stream, outside wait or host clock comes later than
// its offset allows, and a copy. Exact: where the proof fails the rows are played. Internal to the engine.
#pragma once
#include "sim/engine/play.h"

namespace orrery::engine {

template <bool Host>
class RigidPlay {
 public:
  // Looks for the offsets of a block at its play number `from`.
  RigidPlay(const Program& p, Workspace& w, std::uint32_t from) : p_(p), w_(w), from_(from), play_(p, w) {
    w_.rigids.clear();
    w_.rigid_start.clear();
    w_.rigid_end.clear();
    w_.rigid_waits.clear();
    w_.rigid_of.assign(p.blocks.size(), none);
    w_.plays.assign(p.blocks.size(), 0);
  }

  // As Play::call.
  template <class Awaited>
  void call(std::size_t c, Tick* start, Tick* end, Awaited&& awaited) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::uint32_t team = p_.call_teams[call.first_team];
    if (block.slots > 1 || w_.first_player[team + 1] - w_.first_player[team] > 1 ||
        ++w_.plays[call.block] < from_)
      return play_.call(c, start, end, awaited);
    const Workspace::Rigid& rigid = w_.rigids[find(call.block, team)];
    const OutsideWait* const waits_end = p_.outside_waits.data() + p_.calls[c + 1].first_wait;
    const OutsideWait* waits = p_.outside_waits.data() + call.first_wait;
    waits = play_.rows(call, waits, waits_end, 0, rigid.pivot, start, end, awaited);
    if (!shift(rigid, block, team, waits, waits_end, start, end, awaited))
      play_.rows(call, waits, waits_end, rigid.pivot, block.rows, start, end, awaited);
  }

 private:
  static constexpr std::uint32_t none = ~0u;
  static constexpr std::int64_t absent = -(std::int64_t{1} << 61);

  // The offsets of the block for the variants of the team's roles.
  std::uint32_t find(std::uint32_t block, std::uint32_t team) {
    for (std::uint32_t r = w_.rigid_of[block]; r != none; r = w_.rigids[r].next)
      if (alike(w_, team, w_.rigids[r].team)) return r;
    w_.rigids.push_back(follow(p_.blocks[block], team));
    w_.rigids.back().next = w_.rigid_of[block];
    return w_.rigid_of[block] = static_cast<std::uint32_t>(w_.rigids.size() - 1);
  }

  // Plays the rows from the pivot on with nothing before them. A block of which some later row does not
  // follow from its pivot, or that makes the host wait, has all its rows before the pivot: they are always
  // played.
  Workspace::Rigid follow(const Block& block, std::uint32_t team) {
    Workspace::Rigid rigid;
    rigid.team = team;
    rigid.first = w_.rigid_end.size();
    rigid.first_wait = static_cast<std::uint32_t>(w_.rigid_waits.size());
    const Row* const rows = &p_.rows[block.first_row];
    while (rigid.pivot < block.rows && rows[rigid.pivot].stream != Stream::compute) ++rigid.pivot;
    rigid.slack.fill(-absent);
    rigid.stream_end.fill(absent);
    rigid.host_slack = -absent;
    for (std::uint32_t r = rigid.pivot; r < block.rows; ++r)
      if (!follow_row(rows[r], rows[r + 1], r, rigid)) {
        rigid.pivot = block.rows;
        break;
      }
    rigid.last_wait = static_cast<std::uint32_t>(w_.rigid_waits.size());
    return rigid;
  }

  bool follow_row(const Row& row, const Row& next, std::uint32_t r, Workspace::Rigid& rigid) {
    if (Host && row.kind == Kind::host) return false;
    const std::size_t stream = static_cast<std::size_t>(row.stream);
    std::int64_t at = r == rigid.pivot ? 0 : rigid.stream_end[stream];
    for (std::uint32_t w = row.first_wait; w < next.first_wait; ++w) {
      const std::uint32_t awaited = r - p_.waits[w];
      if (awaited >= rigid.pivot)
        at = std::max(at, w_.rigid_end[rigid.first + awaited - rigid.pivot].v);
      else if (r > rigid.pivot)
        w_.rigid_waits.push_back({r, awaited});
    }
    if (at < 0) return false;
    const std::uint32_t cost_class =
        row.cost_class + w_.variant[rigid.team * role_stride + static_cast<std::size_t>(row.role)];
    if (rigid.stream_end[stream] < 0 && r > rigid.pivot) rigid.slack[stream] = at;
    if (Host) {
      rigid.host += w_.launch[cost_class];
      if (r > rigid.pivot) rigid.host_slack = std::min(rigid.host_slack, at - rigid.host);
    }
    w_.rigid_start.push_back({at});
    w_.rigid_end.push_back({rigid.stream_end[stream] = at + w_.price[cost_class]});
    return true;
  }

  // Plays the rows from the pivot on if they are rigid in this call; `waits` are those of the pivot and
  // later.
  template <class Awaited>
  bool shift(const Workspace::Rigid& rigid, const Block& block, std::uint32_t team, const OutsideWait* waits,
             const OutsideWait* waits_end, Tick* start, Tick* end, Awaited&& awaited) {
    if (rigid.pivot == block.rows) return false;
    const Row* const pivot = &p_.rows[block.first_row + rigid.pivot];
    std::int64_t* const streams = stream_ends(w_, team, Stream{0});
    std::int64_t& host = w_.host_end[w_.first_player[team]];
    std::int64_t at = streams[static_cast<std::size_t>(Stream::compute)];
    for (std::uint32_t w = pivot->first_wait; w < pivot[1].first_wait; ++w)
      at = std::max(at, end[rigid.pivot - p_.waits[w]].v);
    for (; waits != waits_end && waits->row == rigid.pivot; ++waits) at = std::max(at, awaited(*waits)->v);
    if (Host) {
      const std::uint32_t cost_class =
          pivot->cost_class + w_.variant[team * role_stride + static_cast<std::size_t>(pivot->role)];
      at = std::max(at, host + w_.launch[cost_class]);
      if (host > at + rigid.host_slack) return false;
    }
    const Tick* const starts = &w_.rigid_start[rigid.first];
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if (streams[s] > at + rigid.slack[s]) return false;
    for (; waits != waits_end; ++waits)
      if (awaited(*waits)->v > at + starts[waits->row - rigid.pivot].v) return false;
    for (std::uint32_t w = rigid.first_wait; w < rigid.last_wait; ++w)
      if (end[w_.rigid_waits[w].awaited].v > at + starts[w_.rigid_waits[w].row - rigid.pivot].v) return false;
    const Tick* const ends = &w_.rigid_end[rigid.first];
    const std::uint32_t rows = block.rows - rigid.pivot;
    for (std::uint32_t r = 0; r < rows; ++r) start[rigid.pivot + r].v = at + starts[r].v;
    for (std::uint32_t r = 0; r < rows; ++r) end[rigid.pivot + r].v = at + ends[r].v;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      streams[s] = std::max(streams[s], at + rigid.stream_end[s]);
    host += rigid.host;
    return true;
  }

  const Program& p_;
  Workspace& w_;
  std::uint32_t from_;
  Play<Host> play_;
};

}  // namespace orrery::engine
