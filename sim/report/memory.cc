#include "sim/report/memory.h"

#include <algorithm>

#include "sim/cost/constants.h"

namespace orrery {
namespace {

constexpr std::uint32_t bit(Role role) { return 1u << static_cast<unsigned>(role); }

// By team, the roles in which it communicates with others, as bits.
std::vector<std::uint32_t> roles_used(const Program& p) {
  std::vector<std::uint32_t> in_block(p.blocks.size(), 0), used(p.teams.size(), 0);
  for (std::size_t b = 0; b < p.blocks.size(); ++b)
    for (std::uint32_t r = 0; r < p.blocks[b].rows; ++r)
      in_block[b] |= bit(p.rows[p.blocks[b].first_row + r].role);
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Block& block = p.blocks[p.calls[c].block];
    if (block.slots == 1) {
      used[p.call_teams[p.calls[c].first_team]] |= in_block[p.calls[c].block];
      continue;
    }
    for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r)
      used[p.call_teams[p.calls[c].first_team + p.rows[r].slot]] |= bit(p.rows[r].role);
  }
  return used;
}

std::int64_t communicators(const Program& p, const Team& team, std::uint32_t roles) {
  std::int64_t n = 0;
  for (std::uint32_t role = 1; role < role_count; ++role)
    if ((roles >> role & 1) != 0 && p.groups[team.roles[role].group[0]].signature.size > 1) ++n;
  return n;
}

}  // namespace

std::vector<StageMemory> stage_memories(const Program& p, const Cluster& cluster, const Calibration& c) {
  std::vector<StageMemory> out;
  const std::vector<Ledger> all = ledgers(p);
  const std::vector<std::uint32_t> roles = roles_used(p);
  for (std::uint32_t team = 0; team < all.size(); ++team) {
    StageMemory m;
    m.at_peak = all[team].at_peak;
    const auto fragments = static_cast<std::int64_t>(static_cast<double>(all[team].peak.v) * c.fragmentation);
    m.constants = c.context + c.workspace + c.communicator * communicators(p, p.teams[team], roles[team]) +
                  Bytes{fragments};
    m.peak = all[team].peak + m.constants;
    m.limit = node_of(cluster, p.teams[team].players[0]).device.memory;
    for (const RankId rank : p.teams[team].players)
      m.limit = std::min(m.limit, node_of(cluster, rank).device.memory);
    out.push_back(m);
  }
  return out;
}

Evidence memory_evidence(const Calibration& c) {
  Evidence weakest = Evidence::measured;
  const auto consider = [&](bool used, std::string_view name) {
    if (used) weakest = std::max(weakest, provenance(c, name).evidence);
  };
  consider(c.context.v != 0, "context");
  consider(c.workspace.v != 0, "workspace");
  consider(c.communicator.v != 0, "communicator");
  consider(c.fragmentation != 0, "fragmentation");
  return weakest;
}

}  // namespace orrery
