#include "sim/engine/simulate_lanes.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/engine/edges.h"
#include "sim/engine/transfers.h"

namespace orrery {
namespace {

bool slows(const SharedInput& input) {
  return std::any_of(input.slowdown.begin(), input.slowdown.end(), [](double s) { return s != 1; });
}

// Whether any player's part of a row uses a link that can be full, in any lane.
bool shares(const Program& p, const Row& row, std::span<const SharedInput> inputs) {
  if (!is_meeting(row.kind)) return false;
  return std::any_of(p.teams.begin(), p.teams.end(), [&](const Team& team) {
    const std::vector<std::uint32_t>& groups = team.roles[static_cast<std::size_t>(row.role)].group;
    return std::any_of(groups.begin(), groups.end(), [&](std::uint32_t group) {
      return std::any_of(inputs.begin(), inputs.end(), [&](const SharedInput& input) {
        return input.path_of(group, row.kind) != SharedInput::no_path;
      });
    });
  });
}

void observe(const Program& p, std::span<const SharedInput> inputs, LaneSimulationWorkspace& w) {
  w.observed.clear();
  w.first_observed.clear();
  for (const Block& block : p.blocks) {
    w.first_observed.push_back(static_cast<std::uint32_t>(w.observed.size()));
    for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r)
      if (shares(p, p.rows[r], inputs)) w.observed.push_back(r);
  }
  w.first_observed.push_back(static_cast<std::uint32_t>(w.observed.size()));
}

// The transfers of one lane, by the ends that its replay left.
std::vector<engine::Transfer> transfers(const Program& p, std::span<const Price> prices,
                                        const SharedInput& input, const LaneSimulationWorkspace& w,
                                        std::size_t lane) {
  const Workspace& f = w.lanes.fixed;
  engine::Transfers out(prices, input);
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    if (w.first_observed[call.block] == w.first_observed[call.block + 1]) continue;
    const Lanes* end = w.lanes.exported.data() + f.call_export[c];
    if (block.slots > 1) {
      for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r) {
        const Team& team = p.team(call, p.rows[r].slot);
        out.add(p.rows[r], team, [&](std::size_t player) { return end[player].v[lane]; });
        end += team.players.size();
      }
      out.close();
      continue;
    }
    const Team& team = p.team(call, 0);
    for (std::uint32_t i = w.first_observed[call.block]; i < w.first_observed[call.block + 1]; ++i) {
      const Row& row = p.rows[w.observed[i]];
      const Lanes* const of_row = end + std::size_t{f.export_of[w.observed[i]]} * team.players.size();
      out.add(row, team, [&](std::size_t player) { return of_row[player].v[lane]; });
      out.close();
    }
  }
  return out.take();
}

}  // namespace

void simulate_lanes(const Program& p, std::span<const std::vector<Price>> prices,
                    std::span<const SharedInput> inputs, Replay asked, LaneSimulationWorkspace& w,
                    std::span<Simulation> out) {
  ORRERY_CHECK(prices.size() == out.size() && prices.size() == inputs.size());
  const auto alone = [&](std::size_t i, Replay how) {
    out[i] = simulate(p, prices[i], inputs[i], how, w.alone, w.timeline);
  };
  if (asked == Replay::shared) {
    for (std::size_t i = 0; i < out.size(); ++i) alone(i, asked);
    return;
  }
  if (asked == Replay::automatic) observe(p, inputs, w);
  w.makespans.resize(out.size());
  makespans(p, prices, w.lanes, w.makespans,
            asked == Replay::automatic ? w.observed : std::span<const std::uint32_t>());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = {};
    out[i].makespan = w.makespans[i];
    if (asked == Replay::static_only) {
      out[i].chosen = Chosen::static_asked_for;
    } else if (inputs[i].empty()) {
      out[i].chosen = Chosen::static_nothing_shared;
    } else if (slows(inputs[i]) || !inputs[i].compute_path.empty()) {
      alone(i, asked);
    } else if (inputs[i].links == 0 ||
               !engine::overfull(inputs[i], transfers(p, prices[i], inputs[i], w, i))) {
      out[i].chosen = Chosen::static_no_overlap;
    } else {
      alone(i, Replay::shared);
      out[i].chosen = Chosen::shared_link;
    }
  }
}

}  // namespace orrery
