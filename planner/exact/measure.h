// What layers, embedding and head cost in a frame, strategy by strategy: tables read from the blocks that
// compile() makes of chunks of one and two layers. Frames that differ in their schedule alone have the same.
#pragma once
#include "planner/exact/parts.h"
#include "sim/evaluate.h"

namespace orrery::exact {

struct Measured {
  // What a chunk's bytes have besides its layers'.
  struct Constants {
    Time forward = 0, backward = 0;  // left by a pass beyond the stashes
  };
  LayerStrategy strategy;
  Costs layer, first, last;  // first: the embedding's, last: the head's
  Most most;                 // the same for all strategies
  Time unpack = 0, loose = 0, forward_tail = 0, backward_tail = 0;
  Bases base;
  Constants middle, at_first, at_last;
};
using Measurements = std::vector<Measured>;  // by strategy

// Requires that `base` with any one of the strategies is legal, and alike layers, at least two and one a
// chunk.
Measurements measure(const orrery::Problem&, const Plan& base, const std::vector<LayerStrategy>& strategies);

// No plan of the frame has a shorter step: every stage runs all micro-batches of its layers, after what the
// stages before it do with the first and before what they do with the last. With C for the compute of a
// micro-batch, m micro-batches and p stages that is C / (1 - (1 - 1/m)^p), however the stages are cut.
Time floor_of(const Measurements&, const orrery::Problem&, const Plan& base);

}  // namespace orrery::exact
