// Which rows of a Program's blocks wait outside their block and which are awaited from outside: what those
// who play a block without its Timeline have to keep of it. Internal to the engine.
#pragma once
#include <cstdint>

#include "sim/engine/replay.h"

namespace orrery::engine {

inline constexpr std::uint32_t no_edge = ~0U;

// Of one slot and one player: may be played as a map.
inline bool single(const Program& p, const Call& c) {
  return p.blocks[c.block].slots == 1 && p.teams[p.call_teams[c.first_team]].players.size() == 1;
}

// Fills the edges of the workspace: entry_of, export_of, uses and what goes with them. Blocks lie in order.
// Rows that are `observed` count as awaited.
void find_edges(const Program&, Workspace&, std::span<const std::uint32_t> observed = {});

// Makes room for the exported ends of every call, in `Workspace::call_export`: of a block of one slot its
// export rows, else all its rows. After prepare() and find_edges(); returns how many ends there are.
std::uint32_t place_exports(const Program&, Workspace&);

}  // namespace orrery::engine
