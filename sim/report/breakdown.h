// Where the time of one rank's step goes. While its compute stream works, time belongs to the op. While it
// idles, time belongs to what the next op waits for, followed backward through the rank's streams: the
// transfer of a collective or message is *exposed communication* of its dimension; the time before it, in
// which the other members had not come yet, is *bubble* (pipeline fill and drain, imbalance); a delay that no
// instruction explains is the host's. The parts are ticks and sum to the makespan exactly. Works on predicted
// and measured Timelines alike.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/program/program.h"
#include "sim/report/rank_view.h"

namespace orrery {

enum class Category : std::uint8_t {
  // The compute stream: linears; the attention core, fused or not; the rest.
  matmul,
  attention,
  elementwise,
  // Exposed communication, by dimension.
  tensor,
  context,
  expert,
  data,
  pipeline,
  bubble,
  optimizer,
  host,       // launches, host work, copies between device and host
  stragglers  // of the scale model, beyond the Timeline
};
inline constexpr std::size_t category_count = 12;
std::string_view name(Category);  // "exposed tensor comm"
std::string_view key(Category);   // "exposed_tensor", for files

Category category(const CostClass&);  // of its work, never bubble or stragglers

struct Breakdown {
  std::array<Tick, category_count> time{};           // sums to the makespan
  std::array<Tick, category_count> communication{};  // of tensor ... pipeline: transfer time, hidden or not
  Tick busy{};                                       // of the compute stream
  Tick recompute{};                                  // part of busy
  Tick& operator[](Category c) { return time[static_cast<std::size_t>(c)]; }
  Tick operator[](Category c) const { return time[static_cast<std::size_t>(c)]; }
  bool operator==(const Breakdown&) const = default;
};
Breakdown breakdown(const RankView&, Tick makespan);
Breakdown breakdown(const Program&, const Timeline&, Tick makespan, std::uint32_t team, std::uint32_t player);

// The player of a team whose compute stream works longest; the first of equals. `calls`: the team's.
std::uint32_t busiest_player(const Program&, const Timeline&, std::uint32_t team,
                             std::span<const std::uint32_t> calls);

Tick makespan(const Timeline&);  // the latest end

// Tenths of a percent that sum to 1000 (largest remainder, ties by order); all zero if the total is.
std::vector<int> tenths_of_percent(const std::vector<Tick>&);

}  // namespace orrery
