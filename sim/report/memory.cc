#include "sim/report/memory.h"

#include <algorithm>

#include "sim/cost/constants.h"

namespace orrery {
namespace {

// Roles in which the team communicates with others, as bits.
std::uint32_t roles_used(const Program& p, std::uint32_t team) {
  std::uint32_t used = 0;
  std::vector<bool> seen(p.blocks.size(), false);  // blocks of one slot that this team has played
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Block& block = p.blocks[p.calls[c].block];
    if (block.slots == 1) {
      if (p.call_teams[p.calls[c].first_team] != team || seen[p.calls[c].block]) continue;
      seen[p.calls[c].block] = true;
    }
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p.rows[block.first_row + r];
      if (row.role == Role::self || p.call_teams[p.calls[c].first_team + row.slot] != team) continue;
      const std::uint32_t group = p.teams[team].roles[static_cast<std::size_t>(row.role)].group[0];
      if (p.groups[group].signature.size > 1) used |= 1u << static_cast<unsigned>(row.role);
    }
  }
  return used;
}

}  // namespace

Bytes memory_constants(const Program& p, const Calibration& c, std::uint32_t team, Bytes peak) {
  std::int64_t communicators = 0;
  for (std::uint32_t roles = roles_used(p, team); roles != 0; roles &= roles - 1) ++communicators;
  const auto fragments = static_cast<std::int64_t>(static_cast<double>(peak.v) * c.fragmentation);
  return c.context + c.workspace + c.communicator * communicators + Bytes{fragments};
}

std::vector<StageMemory> stage_memories(const Program& p, const Cluster& cluster, const Calibration& c) {
  std::vector<StageMemory> out;
  const std::vector<Ledger> all = ledgers(p);
  for (std::uint32_t team = 0; team < all.size(); ++team) {
    StageMemory m;
    m.at_peak = all[team].at_peak;
    m.constants = memory_constants(p, c, team, all[team].peak);
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
