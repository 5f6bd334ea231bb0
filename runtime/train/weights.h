// Between a rank's memory and canonical tensors: values to start or to resume from, and what a checkpoint of
// the rank holds.
#pragma once
#include <functional>
#include <vector>

#include "runtime/backend.h"
#include "runtime/play/holdings.h"
#include "runtime/state/checkpoint.h"

namespace orrery {

// Reads a slice of one state of the whole model.
using StateSource = std::function<void(State, const Slice&, std::span<float> to)>;
StateSource from_weights(const WeightSource&);         // moments are 0; the source lives on
StateSource from_checkpoint(const CheckpointReader&);  // likewise

// What a holding or residence covers, as slices; offsets count from its first element.
std::vector<Placement> placements(const Setup&, const Coordinates&, const Weight&, std::int64_t begin,
                                  std::int64_t end);

// Fills the weights that compute, the master copies and the moments of this rank.
void load_state(const Setup&, const Coordinates&, const Holdings&, const StateSource&, Backend&);

// This rank's part of a checkpoint, each element of the model on exactly one rank; the data is copied from
// the device into `memory`, where the slices point.
std::vector<OwnedSlice> owned_state(const Setup&, const Coordinates&, const Holdings&, Backend&,
                                    std::vector<std::vector<std::byte>>& memory);

}  // namespace orrery
