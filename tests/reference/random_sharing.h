// Random links for random Programs: every group gets a path for all it does, over a few of a few links. With `cores`,
// all players compute on one more link.
#pragma once
#include <algorithm>

#include "sim/engine/shared_input.h"
#include "tests/reference/random_program.h"

namespace orrery::reference {

// Weights and demands have no short binary fractions in common, so that no two sums tie by accident.
inline SharedInput random_sharing(RandomProgram& random, std::uint32_t links, bool slow, bool cores = false) {
  const Program& p = random.p;
  SharedInput out;
  out.links = links;
  out.path.assign(p.groups.size() * SharedInput::kinds, SharedInput::no_path);
  for (std::size_t g = 0; g < p.groups.size(); ++g) {
    const std::size_t before = out.shares.size();
    for (std::uint32_t l = 0; l < links; ++l)
      if (random.below(2) == 0) out.shares.push_back({l, 0.1 + 0.0137 * (1 + random.below(97))});
    if (out.shares.size() == before) continue;
    std::fill_n(out.path.begin() + static_cast<std::ptrdiff_t>(g * SharedInput::kinds), SharedInput::kinds,
                static_cast<std::uint32_t>(out.peak.size()));
    out.peak.push_back(1);
    out.first_share.push_back(static_cast<std::uint32_t>(out.shares.size()));
  }
  for (const Team& team : p.teams)
    for (std::size_t i = 0; cores && i < team.players.size(); ++i) {
      out.shares.push_back({links, 0.1 + 0.0137 * (1 + random.below(97))});
      out.compute_path.push_back(static_cast<std::uint32_t>(out.peak.size()));
      out.peak.push_back(1);
      out.first_share.push_back(static_cast<std::uint32_t>(out.shares.size()));
    }
  out.links += cores;
  for (std::size_t c = 0; c < p.classes.size(); ++c) {
    out.demand.push_back(0.11 + 0.0091 * random.below(89));
    out.slowdown.push_back(slow && random.below(2) == 0 ? 1 + 0.037 * random.below(30) : 1);
  }
  return out;
}

}  // namespace orrery::reference
