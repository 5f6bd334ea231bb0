// What one unit of a model (a layer, the embedding, the head) adds to the components of its chunk.
//
// A chunk's forward pass runs its layers in order, its backward pass in reverse. Hence each component is a
// recurrence of a few states, one layer after the other in order of the model; a backward pass grows at its
// beginning. The last layer of a chunk is the first that a backward pass runs: it alone meets the message,
// and its recomputation need not wait for it.
//
// Backward, the data stream of a chunk takes, in the order that a pass runs its units 0, 1, 2 ...:
//
//   gather 0, gather 1, reduction 0, gather 2, reduction 1, gather 3, reduction 2 ... (sim/program/stage.cc)
//
// where a unit's reduction waits until its gradients are whole, and its compute for its gather; a layer of
// ZeRO 2 or 3 writes its gradients into one of two slots, so it waits for the reduction of the last but one
// such layer. (A gather takes the slot of an earlier layer's parameters, but follows that layer's reduction.)
// A path therefore leaves compute by a reduction, follows the stream and returns by a gather or a slot: the
// components *_gathers and *_slots, whose states are the places of such a path.
//
// All times are lower bounds of what compile() and static replay make of a layer. They are equal where
// nothing is sharded by ZeRO 2 or 3, and nearly so where all layers are alike. Left out: at the end of a
// pass, which of the two slots is whose; paths that return by a gather once and by a slot another time; waits
// for slots of gathered parameters in a forward pass.
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
  Time slot = 0;                                 // of its gradients
  bool sharded = false;                          // ZeRO 3: its parameters take turns in slots
  bool slots = false;                            // ZeRO 2 and 3: its gradients take turns in two slots
  Time written[3] = {0, 0, 0};                   // backward compute from the first write of its gradients on
};

// Of the layers of a frame, whatever their strategies.
struct Most {
  // The data stream is in the order above: gathers one unit ahead, every layer reduced on its own.
  bool ordered = true;
  Time gather = 0, reduce = 0;  // the longest of a layer
  Time ends = 0;                // the longest reductions of the embedding and the head together
  Time written = 0;             // the shortest backward compute, and from the first write of gradients on
  Time lag = 0;                 // by which a backward pass may begin before the pass before it has ended
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

// Of one unit; `closes`: it may be the last of its chunk. In layout 0.
Strategy strategy(const std::vector<Component>&, const Costs&, const Most&, bool closes);
// One after the other, in order of the model.
Strategy then(const Strategy& a, const Strategy& b);

}  // namespace orrery::exact
