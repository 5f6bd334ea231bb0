// Static replay of one Program under many price vectors in one pass: what-ifs that change rates share the
// Program, and with it every index, wait and branch of the replay; only the times differ. A time is therefore
// `lane_count` integers, one a what-if, in vector registers (AVX-512, AVX2 or what the processor has, chosen
// when it runs). Every lane's makespan is what makespan() gives of its prices, to the tick: integers, maximum
// and plus only.
//
// As in makespan(), blocks that are called often are played as max-plus maps, one matrix a lane. An end is
// kept as long as a row of its block can still wait for it (a ring as long as the block's longest wait), and
// where another call awaits it, so that what is touched stays in cache.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/engine/replay.h"
#include "sim/program/program.h"

namespace orrery {

inline constexpr std::size_t lane_count = 16;

struct alignas(64) Lanes {
  std::int64_t v[lane_count];
};

// Memory that replays reuse; nothing in it is an input or a result.
struct LaneWorkspace {
  Workspace fixed;                       // what does not depend on prices
  std::vector<Lanes> price, launch;      // by class
  std::vector<Lanes> stream_end;         // by team, stream and player
  std::vector<Lanes> host_end;           // by team and player
  std::vector<Lanes> ring;               // ends of the latest rows of the block being played, by player
  std::vector<std::uint32_t> ring_size;  // by block: a power of two
  std::vector<Lanes> begin, duration;  // by meeting of the rows being played
  std::vector<Lanes> exported;
  std::vector<Lanes> cells, in, outcome;  // of maps
};

// The makespans under `prices`, one vector a what-if and one price a class in each: 1 to `lane_count` of
// them. Blocks called at least `map_from` times are played as maps. Of the rows of the Program that are
// `observed`, the ends in every call stand in LaneWorkspace::exported afterwards: see edges.h.
void makespans(const Program&, std::span<const std::vector<Price>> prices, LaneWorkspace&,
               std::span<Tick> out, std::span<const std::uint32_t> observed = {},
               std::uint32_t map_from = 12);

}  // namespace orrery
