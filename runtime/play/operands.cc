#include "runtime/play/operands.h"

#include <algorithm>

namespace orrery {
namespace {

// Of a matrix, the second dimension; of more dimensions, the last.
std::int64_t columns_of(const Shape& s) { return s.d[2] == 1 && s.d[3] == 1 ? s.d[1] : s.d[3]; }

// Elements [first, first + count) of the buffer that an operand names on this rank.
struct Range {
  std::int64_t first = 0, count = 0;
};

Range range_of(const Operand& o, const Buffer& what, const Coordinates& c) {
  const std::int64_t all = o.shape.elements();
  switch (o.share) {
    case Share::all:
      return {o.offset, all};
    case Share::first:
      return {o.offset, c.tensor == 0 ? all : 0};
    case Share::tensor:
      return {o.offset + all / c.tensor_ranks * c.tensor, all / c.tensor_ranks};
    case Share::data: {
      const std::int64_t held = what.shape.elements(), begins = held * c.data;
      const std::int64_t first = std::clamp<std::int64_t>(o.offset - begins, 0, held);
      return {first, std::clamp<std::int64_t>(o.offset + all - begins, first, held) - first};
    }
  }
  return {};
}

}  // namespace

void bind_operands(const RankMemory& m, const Coordinates& c, const Call& call, std::uint32_t row,
                   Operands& out) {
  const Program& p = m.program;
  const Block& block = p.blocks[call.block];
  const Row& r = p.rows[block.first_row + row];
  out.reads.clear();
  out.writes.clear();
  for (std::uint32_t i = r.first_operand; i < p.rows[block.first_row + row + 1].first_operand; ++i) {
    const Operand& o = p.operands[i];
    const Buffer& what = p.buffers[p.block_buffers[block.first_buffer + o.buffer].buffer];
    const Range range = range_of(o, what, c);
    Bound b;
    b.add = o.add;
    b.name = what.name;
    b.buffer = m.base + m.arena.offset(p, call, o.buffer).v;
    b.buffer_elements = what.shape.elements();
    b.tensor.data = b.buffer + range.first * size_of(what.dtype);
    b.tensor.dtype = what.dtype;
    const bool whole = o.share == Share::all || o.share == Share::first;
    b.tensor.columns = whole ? columns_of(o.shape) : 1;
    b.tensor.rows = range.count / b.tensor.columns;
    (o.write ? out.writes : out.reads).push_back(b);
  }
}

}  // namespace orrery
