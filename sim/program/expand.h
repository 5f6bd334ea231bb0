// Expansion of a Program's blocks and calls into its flat order. Included by program.h.
#pragma once
#include <array>

#include "sim/program/program.h"

namespace orrery {

template <class Visit>
void for_each_instruction(const Program& p, Visit&& visit) {
  std::vector<std::uint32_t> sequences(p.groups.size() * 2,
                                       0);  // by group; the two ends of a message count apart
  Instruction out{};
  std::uint32_t id = 0;
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    std::uint32_t outside = call.first_wait;
    const std::uint32_t outside_end = p.calls[c + 1].first_wait;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p.rows[block.first_row + r];
      const Team& team = p.team(call, row.slot);
      const auto players = static_cast<std::uint32_t>(team.players.size());
      std::uint32_t outside_row_end = outside;
      while (outside_row_end < outside_end && p.outside_waits[outside_row_end].row == r) ++outside_row_end;
      for (std::uint32_t player = 0; player < players; ++player, ++id) {
        out.id = {id};
        out.kind = row.kind;
        out.stream = row.stream;
        out.role = row.role;
        out.rank = team.players[player];
        out.cost_class = row.cost_class;
        out.group = out.sequence = 0;
        if (row.role != Role::self) {
          const Team::InRole& in = team.roles[static_cast<std::size_t>(row.role)];
          out.cost_class += in.variant[player];
          out.group = in.group[player];
          // Members in one team share the count of their group: it moves on with the group's first player.
          const bool receiving = row.kind == Kind::receive;
          std::uint32_t& next = sequences[out.group * 2 + (receiving ? 1 : 0)];
          out.sequence = next;
          if (in.closes[player]) ++next;
        }
        out.tags = {call.micro_batch,
                    call.virtual_stage,
                    static_cast<std::uint16_t>(p.stages[call.virtual_stage].first_layer + row.layer),
                    row.pass,
                    row.op,
                    block.name};
        out.waits.clear();
        for (std::uint32_t w = row.first_wait; w < p.rows[block.first_row + r + 1].first_wait; ++w)
          out.waits.push_back({id - p.waits[w] * players});
        for (std::uint32_t w = outside; w < outside_row_end; ++w) {
          const OutsideWait& o = p.outside_waits[w];
          out.waits.push_back({p.row_id(p.calls[o.call], o.awaited) + player});
        }
        visit(static_cast<const Instruction&>(out));
      }
      outside = outside_row_end;
    }
  }
}

}  // namespace orrery
