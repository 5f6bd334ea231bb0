// What one unit of a model (a layer, the embedding, the head) adds to the components of its chunk.
//
// A chunk's forward pass runs its layers in order, its backward pass in reverse. Parameters that are sharded
// are gathered on the data stream before the compute that reads them, gradients are reduced on it once they
// are whole; both in order. Hence each component is a recurrence of two or three states, one layer after the
// other in order of the model; a backward pass grows at its beginning. The last layer of a chunk is the first
// that a backward pass runs: it alone meets the message, and its recomputation need not wait for it.
//
// All times are lower bounds of what compile() and static replay make of a layer, and equal where nothing is
// sharded by ZeRO 2 or 3: for those, waits for a free slot of gathered parameters or of whole gradients are
// left out.
#pragma once
#include "planner/exact/problem.h"
#include "planner/exact/step_graph.h"

namespace orrery::exact {

struct Costs {
  Time forward = 0;
  Time backward[3] = {0, 0, 0};  // by turn: inside a chunk
  Time entry[3] = {0, 0, 0};     // the same as the first that a backward pass runs, from its beginning
  Time message[3] = {0, 0, 0};   // from the message that brings its gradient
  Time gather_forward = 0, gather_backward = 0;  // of its parameters; 0: none
  Time unread = 0;                               // backward compute before its parameters are read
  Time reduce[3] = {0, 0, 0};                    // of its gradients, by turn; 0: none
  Time tail = 0;                                 // backward compute after its gradients are whole
  Time parameters = 0;  // gather of updated parameters at the step's beginning; 0: none
  Time late_base = 0,
       late = 0;  // a reduction after the last backward pass, of a chunk's first unit and of each
  Time tensor_sum = 0, norm = 0, update = 0;
  Time persistent = 0, stash = 0;                // bytes
  Time peak_forward = 0, peak_backward = 0;      // above the stashes of the layers before it
  Time second_forward = 0, second_backward = 0;  // besides, if the layer before it is sharded too
  bool sharded = false;                          // ZeRO 3
};

// Fixed prices of a rank's last operations.
struct Bases {
  Time tensor_sum = 0, norm = 0, update = 0;
};

// Memory components follow those of part::.
namespace memory_part {
inline constexpr int persistent = part::count, stash = part::count + 1, peak_forward = part::count + 2,
                     peak_backward = part::count + 3, count = part::count + 4;
}

std::vector<Component> step_components(const Bases&);
int state_count(const std::vector<Component>&);

// Of one unit; `closes`: it may be the last of its chunk.
std::vector<Transition> transitions(const std::vector<Component>&, const Costs&, bool closes);
// One after the other, in order of the model.
std::vector<Transition> then(const std::vector<Transition>& a, const std::vector<Transition>& b);

}  // namespace orrery::exact
