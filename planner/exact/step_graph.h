// The graph of a step: calls of forward and backward passes, messages between stages, the data stream, the
// end.
//
// A call's node C is the end of its last compute, D the end of what its rank's data stream has been given so
// far. A chunk's components give what lies between: from the rank's call before (C), from its data stream
// (D), from the message that brings its input (M), from the reductions of its own backward pass before, whose
// gradients' slots it takes (S). Waits are those of compile(): sim/program/compile.cc and stage.cc.
#pragma once
#include <vector>

#include "planner/exact/problem.h"
#include "sim/program/schedule.h"

namespace orrery::exact {

// Of a backward pass: the first micro-batch's writes gradients, the last one's also reduces those of ZeRO 0
// and 1. A step of one micro-batch has the first only, and it does both.
enum class Turn : std::uint8_t { first, middle, last };

// Components by their place in Problem::components.
namespace part {
enum Part : int {
  forward,               // compute of a forward pass, C to C and M to C
  forward_after_data,    // gathers, then compute: D to C
  forward_data,          // gathers: D to D
  parameters,            // gathers of updated parameters at the step's beginning
  parameters_first,      // these, then compute of the first forward pass
  backward,              // C to C; by turn, `kinds` each:
  backward_gathers,      // C to C: compute, the data stream to a gather, compute
  backward_slots,        // C to C: the same to a slot of whole gradients
  backward_after_data,   // D to C: the data stream to a gather, compute
  backward_after_slots,  // S to C: the data stream to a slot, compute
  backward_message,      // M to C
  message_gathers,       // as from C
  message_slots,
  backward_reduce,              // C to D: compute, then reductions
  backward_data,                // D to D: gathers and reductions
  backward_data_gathers,        // D to D: the data stream to a gather, compute, reductions
  message_reduce,               // M to D
  backward_end,                 // from the pass's end to D: its last reduction
  late_reduce = backward + 39,  // reductions that were not overlapped
  tensor_sum,                   // of partial gradients over tensor ranks
  norm,
  update,
  count
};
inline constexpr int kinds = backward_end + 1 - backward;
constexpr int of_turn(int p, Turn turn) { return p + kinds * static_cast<int>(turn); }
}  // namespace part

struct StepShape {
  int units = 1, chunks = 1;
  std::uint32_t micro_batches = 1;
  std::vector<orrery::Step> steps;  // of the Linearizer
  bool late_reduction = false;      // gradients are reduced after the last backward pass
  bool sharded = false;             // some strategy gathers parameters or reduces gradients in every pass
  int receive_ahead = 1, send_slots = 2;
  std::vector<Time> activation, gradient;    // price of a message by the unit that sends it
  Time unpack = 0;                           // a forward pass begins with the gather of its message
  Time forward_tail = 0, backward_tail = 0;  // from the first write of an output to its pass's end
  Time loose = 0;   // of the last chunk's forward pass: beyond what its rank's streams wait for
  Time tokens = 0;  // until the first chunk has them
  Time tied = 0;    // the sum of a tied embedding's gradients over both ends; 0: none
  Time world = 0;   // the sum of the gradient norms
};

Graph step_graph(const StepShape&);

}  // namespace orrery::exact
