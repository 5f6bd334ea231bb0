#include <algorithm>

#include "sim/engine/edges.h"
#include "sim/engine/play.h"

namespace orrery {
namespace engine {
namespace {

constexpr std::uint32_t none = no_edge;
constexpr std::int64_t unreachable = -(std::int64_t{1} << 61);  // an input plus this is below every time
constexpr std::uint32_t lane_count = 8;                         // inputs of a map that are followed in one pass

template <bool Host>
class Makespan {
 public:
  Makespan(const Program& p, Workspace& w) : p_(p), w_(w), play_(p, w) {}

  void run(std::uint32_t map_from) {
    w_.maps.clear();
    w_.cells.clear();
    w_.map_of.assign(p_.blocks.size(), none);
    for (std::size_t c = 0; c < p_.call_count(); ++c) {
      const Call& call = p_.calls[c];
      if (w_.uses[call.block] >= map_from && single(p_, call)) apply(c, w_.maps[find_map(call)]);
      else play(c);
    }
  }

 private:
  const Tick* awaited(const OutsideWait& o) const {
    const Call& call = p_.calls[o.call];
    const Block& block = p_.blocks[call.block];
    const Tick* const first = w_.exported.data() + w_.call_export[o.call];
    if (block.slots > 1) return first + (p_.row_id(call, o.awaited) - call.first_id);
    const std::uint32_t team = p_.call_teams[call.first_team];
    return first + w_.export_of[block.first_row + o.awaited] * (w_.first_player[team + 1] - w_.first_player[team]);
  }

  // Plays a call row by row and keeps the ends that others await.
  void play(std::size_t c) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::size_t size = p_.calls[c + 1].first_id - call.first_id;
    Tick* const to = w_.exported.data() + w_.call_export[c];
    if (w_.row_start.size() < size) w_.row_start.resize(size), w_.row_end.resize(size);
    play_.call(c, w_.row_start.data(), block.slots > 1 ? to : w_.row_end.data(),
               [&](const OutsideWait& o) { return awaited(o); });
    if (block.slots > 1) return;
    const std::size_t n = size / std::max(1u, block.rows);
    Tick* next = to;
    for (std::uint32_t e = w_.first_export[call.block]; e < w_.first_export[call.block + 1]; ++e, next += n)
      std::copy_n(&w_.row_end[(w_.export_rows[e] - block.first_row) * n], n, next);
  }

  // The map of the call's block for the variants of its team's roles.
  std::size_t find_map(const Call& call) {
    const std::uint32_t team = p_.call_teams[call.first_team];
    for (std::uint32_t m = w_.map_of[call.block]; m != none; m = w_.maps[m].next)
      if (alike(w_, team, w_.maps[m].team)) return m;
    const Block& block = p_.blocks[call.block];
    std::uint32_t streams = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s) streams += block.streams >> s & 1;
    const std::uint32_t entries = w_.first_entry[call.block + 1] - w_.first_entry[call.block];
    const std::uint32_t exports = w_.first_export[call.block + 1] - w_.first_export[call.block];
    const Workspace::Map map{team, w_.map_of[call.block], static_cast<std::uint32_t>(w_.cells.size()),
                             streams + Host + entries, streams + Host + exports};
    w_.map_of[call.block] = static_cast<std::uint32_t>(w_.maps.size());
    w_.maps.push_back(map);
    w_.cells.resize(w_.cells.size() + std::size_t{map.inputs} * map.outputs);
    for (std::uint32_t input = 0; input < map.inputs; input += lane_count) follow(block, call.block, map, input);
    return w_.maps.size() - 1;
  }

  // Plays the block for `lane_count` inputs at once, from `input` on: lane l has that input at 0, the rest absent.
  void follow(const Block& block, std::uint32_t b, const Workspace::Map& map, std::uint32_t input) {
    struct Lanes { std::int64_t v[lane_count]; };
    const auto raise = [](Lanes& a, const Lanes& o) {
      for (std::uint32_t l = 0; l < lane_count; ++l) a.v[l] = std::max(a.v[l], o.v[l]);
    };
    const auto add = [](Lanes& a, std::int64_t x) {
      for (std::uint32_t l = 0; l < lane_count; ++l) a.v[l] += x;
    };
    const auto unit = [&](std::uint32_t i) {
      Lanes lanes;
      for (std::uint32_t l = 0; l < lane_count; ++l) lanes.v[l] = i == input + l ? 0 : unreachable;
      return lanes;
    };
    Lanes streams[stream_count], host = unit(none);
    std::uint32_t i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s) streams[s] = block.streams >> s & 1 ? unit(i++) : unit(none);
    if (Host) host = unit(i++);
    w_.lanes.resize(std::size_t{block.rows} * lane_count);
    std::int64_t* const ends = w_.lanes.data();
    const std::uint32_t* const variants = &w_.variant[map.team * role_stride];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p_.rows[block.first_row + r];
      Lanes at = streams[static_cast<std::size_t>(row.stream)];
      for (std::uint32_t x = row.first_wait; x < p_.rows[block.first_row + r + 1].first_wait; ++x) {
        const std::int64_t* const end = ends + std::size_t{r - p_.waits[x]} * lane_count;
        for (std::uint32_t l = 0; l < lane_count; ++l) at.v[l] = std::max(at.v[l], end[l]);
      }
      if (w_.entry_of[block.first_row + r] != none) raise(at, unit(i + w_.entry_of[block.first_row + r]));
      const std::uint32_t cost_class = row.cost_class + variants[static_cast<std::size_t>(row.role)];
      if (Host) add(host, w_.launch[cost_class]), raise(at, host);
      add(at, w_.price[cost_class]);
      if (Host && row.kind == Kind::host) host = at;
      streams[static_cast<std::size_t>(row.stream)] = at;
      std::copy_n(at.v, lane_count, ends + std::size_t{r} * lane_count);
    }
    const auto store = [&](std::uint32_t output, const std::int64_t* lanes) {
      for (std::uint32_t l = 0; l < lane_count && input + l < map.inputs; ++l)
        w_.cells[map.first_cell + std::size_t{input + l} * map.outputs + output] = lanes[l];
    };
    std::uint32_t output = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if (block.streams >> s & 1) store(output++, streams[s].v);
    if (Host) store(output++, host.v);
    for (std::uint32_t e = w_.first_export[b]; e < w_.first_export[b + 1]; ++e)
      store(output++, ends + std::size_t{w_.export_rows[e] - block.first_row} * lane_count);
  }

  void apply(std::size_t c, const Workspace::Map& map) {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    const std::uint32_t team = p_.call_teams[call.first_team];
    std::int64_t* const streams = stream_ends(w_, team, Stream{0});
    w_.in.assign(map.inputs, 0);  // an absent wait: no later than the stream before the row, which is an input too
    std::uint32_t i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if (block.streams >> s & 1) w_.in[i++] = streams[s];
    if (Host) w_.in[i++] = w_.host_end[w_.first_player[team]];
    for (std::uint32_t o = call.first_wait; o < p_.calls[c + 1].first_wait; ++o) {
      std::int64_t& in = w_.in[i + w_.entry_of[block.first_row + p_.outside_waits[o].row]];
      in = std::max(in, awaited(p_.outside_waits[o])->v);
    }
    w_.outcome.assign(map.outputs, 0);
    const std::int64_t* cell = w_.cells.data() + map.first_cell;
    for (const std::int64_t in : w_.in)
      for (std::uint32_t output = 0; output < map.outputs; ++output, ++cell)
        w_.outcome[output] = std::max(w_.outcome[output], in + *cell);
    i = 0;
    for (std::uint32_t s = 0; s < stream_count; ++s)
      if (block.streams >> s & 1) streams[s] = w_.outcome[i++];
    if (Host) w_.host_end[w_.first_player[team]] = w_.outcome[i++];
    for (Tick* to = w_.exported.data() + w_.call_export[c]; i < map.outputs; ++to) to->v = w_.outcome[i++];
  }

  const Program& p_;
  Workspace& w_;
  Play<Host> play_;
};

}  // namespace
}  // namespace engine

Tick makespan(const Program& p, std::span<const Price> prices, Workspace& w, std::uint32_t map_from) {
  engine::prepare(p, prices, w);
  engine::find_edges(p, w);
  w.exported.resize(engine::place_exports(p, w));
  if (engine::host_matters(p, prices)) engine::Makespan<true>(p, w).run(map_from);
  else engine::Makespan<false>(p, w).run(map_from);
  return engine::last_end(w);
}

}  // namespace orrery
