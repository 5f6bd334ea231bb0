// From an instruction that communicates to pieces of one meeting, and the kernels that must precede it on its
// stream.
#pragma once
#include <vector>

#include "runtime/backend.h"
#include "runtime/play/operands.h"

namespace orrery {

// The members of a rank's group, as far as pieces need them.
struct InGroup {
  std::uint32_t members = 1, me = 0;
};

// Appends the pieces of `kind`; kernels that prepare them are appended to `before`.
//
//   all_reduce            each written operand, in place
//   reduce_scatter        from each read operand, or the written one itself, to this member's part of it or
//   to a
//                         buffer of that size. A written operand that adds goes into this member's part
//                         first: the sum then holds it.
//   all_gather            from each read operand, or this member's part of the written one. Another element
//   type is
//                         converted into this member's part first.
//   send, receive, broadcast, exchange, all_to_all: operand by operand
void bind_pieces(Kind kind, const InGroup&, const Operands&, std::uint32_t cost_class,
                 std::vector<Transfer>& pieces, std::vector<Kernel>& before);

}  // namespace orrery
