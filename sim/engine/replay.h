// Static replay: the longest path through a Program under constant prices, in one pass over its calls. Exact
// while no price depends on what else runs (see shared.h for the rest, simulate.h for the choice). Streams,
// waits, meetings and the host's issue order are all predecessors: end = price + max(ends of predecessors).
//
// makespan() answers only "how long". It plays a block that is called often as a max-plus map: every time inside
// a block is a maximum over (input + constant), so from the ends of its streams before, the ends of the rows that
// it waits for outside and the host's clock, the block leads to the same things after by a small matrix, computed
// once a price vector and applied once a call. Exact: integers, maximum and plus only.
//
// Complexity: one visit an instruction; no allocation after the workspace has grown. Re-entrant; the caller owns
// the workspace, one a thread.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery {

// Memory that replays reuse; nothing in it is an input or a result.
struct Workspace {
  std::vector<std::int64_t> price, launch;            // by class
  std::vector<std::uint32_t> first_player;            // by team, in all players; and one more
  std::vector<std::int64_t> stream_end;               // by team, stream and player
  std::vector<std::int64_t> host_end;                 // by team and player
  std::vector<std::uint32_t> variant;                 // by team and role (padded to 16), of player 0
  std::vector<std::int64_t> begin, duration;          // by meeting of the rows being played

  // Of replay() alone: see rigid.h. Offsets are from the start of the pivot.
  struct Rigid {
    std::uint32_t team = 0, next = 0, pivot = 0;      // the pivot: a row of the block
    std::size_t first = 0;                            // into rigid_start and rigid_end: the pivot's
    std::uint32_t first_wait = 0, last_wait = 0;      // into rigid_waits
    std::array<std::int64_t, stream_count> slack{}, stream_end{};  // how late a stream may be before; where it ends
    std::int64_t host_slack = 0, host = 0;            // the same of the host; what it issues takes `host`
  };
  struct RigidWait { std::uint32_t row, awaited; };   // across the pivot
  std::vector<Rigid> rigids;
  std::vector<std::uint32_t> rigid_of, plays;         // by block: the first of its rigids, a list; its plays
  std::vector<Tick> rigid_start, rigid_end;
  std::vector<RigidWait> rigid_waits;

  // Of makespan() alone.
  std::vector<Tick> row_start, row_end;               // of the call being played
  std::vector<std::uint32_t> entry_of, export_of;     // by row of the Program: index within its block, or none
  std::vector<std::uint32_t> entry_rows, export_rows; // rows of the Program that wait outside; that others await
  std::vector<std::uint32_t> first_entry, first_export;  // by block, into the two above; and one more
  std::vector<std::uint32_t> uses;                    // by block: calls
  std::vector<std::uint32_t> call_export;             // by call: where its exported ends begin
  std::vector<Tick> exported;
  struct Map { std::uint32_t team, next, first_cell, inputs, outputs; };
  std::vector<Map> maps;
  std::vector<std::uint32_t> map_of;                  // by block: the first of its maps, a list
  std::vector<std::int64_t> cells, lanes, in, outcome;
};

// Fills `out` (resized to program.size()) and returns the makespan. One price a class. From its play number
// `rigid_from` on a block whose pivot decides all is copied (rigid.h).
Tick replay(const Program&, std::span<const Price>, Workspace&, Timeline& out, std::uint32_t rigid_from = 4);

// The same makespan without the Timeline. Blocks called at least `map_from` times are played as maps: a map costs
// about as much as four plays of the block.
Tick makespan(const Program&, std::span<const Price>, Workspace&, std::uint32_t map_from = 5);

}  // namespace orrery
