#include "sim/engine/edges.h"

#include <algorithm>

namespace orrery::engine {
namespace {

// Marks each of `rows` once and gives it its index within its block.
void number_rows(const Program& p, std::vector<std::uint32_t>& rows, std::vector<std::uint32_t>& index,
                 std::vector<std::uint32_t>& first) {
  std::sort(rows.begin(), rows.end());
  first.clear();
  std::size_t next = 0;
  for (const Block& block : p.blocks) {
    first.push_back(static_cast<std::uint32_t>(next));
    for (std::uint32_t i = 0; next < rows.size() && rows[next] < block.first_row + block.rows; ++next, ++i)
      index[rows[next]] = i;
  }
  first.push_back(static_cast<std::uint32_t>(next));
}

// Forgets the rows marked for the Program before: fewer than all rows.
void unmark(std::vector<std::uint32_t>& rows, std::vector<std::uint32_t>& index, std::size_t size) {
  for (const std::uint32_t row : rows) index[row] = no_edge;
  rows.clear();
  index.resize(size, no_edge);
}

}  // namespace

void find_edges(const Program& p, Workspace& w, std::span<const std::uint32_t> observed) {
  unmark(w.entry_rows, w.entry_of, p.rows.size());
  unmark(w.export_rows, w.export_of, p.rows.size());
  w.uses.assign(p.blocks.size(), 0);
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Block& block = p.blocks[p.calls[c].block];
    ++w.uses[p.calls[c].block];
    for (std::uint32_t o = p.calls[c].first_wait; o < p.calls[c + 1].first_wait; ++o) {
      const OutsideWait& wait = p.outside_waits[o];
      const std::uint32_t entry = block.first_row + wait.row;
      const std::uint32_t awaited = p.blocks[p.calls[wait.call].block].first_row + wait.awaited;
      if (w.entry_of[entry] == no_edge) w.entry_of[entry] = 0, w.entry_rows.push_back(entry);
      if (w.export_of[awaited] == no_edge) w.export_of[awaited] = 0, w.export_rows.push_back(awaited);
    }
  }
  for (const std::uint32_t row : observed)
    if (w.export_of[row] == no_edge) w.export_of[row] = 0, w.export_rows.push_back(row);
  number_rows(p, w.entry_rows, w.entry_of, w.first_entry);
  number_rows(p, w.export_rows, w.export_of, w.first_export);
}

std::uint32_t place_exports(const Program& p, Workspace& w) {
  w.call_export.clear();
  std::uint32_t next = 0;
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    w.call_export.push_back(next);
    if (p.blocks[call.block].slots > 1) {
      next += p.calls[c + 1].first_id - call.first_id;
    } else {
      const std::uint32_t team = p.call_teams[call.first_team];
      next += (w.first_export[call.block + 1] - w.first_export[call.block]) *
              (w.first_player[team + 1] - w.first_player[team]);
    }
  }
  return next;
}

}  // namespace orrery::engine
