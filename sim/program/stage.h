// The blocks of one virtual stage: its forward pass and its backward passes (which write or add gradients,
// and reduce them or not), with the gathers and reductions of data parallelism. Virtual stages alike share
// blocks.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/plan/plan.h"
#include "sim/program/builder.h"
#include "sim/program/layer.h"
#include "sim/program/units.h"

namespace orrery {

// What a call of a block must know to wait for, and be waited for by, other calls.
struct BlockLinks {
  std::uint32_t block = 0;
  std::uint32_t input_row = 0;      // the first row that reads the message that brings its input
  std::uint32_t output_row = 0;     // the row that completes its output
  std::uint32_t output_begin = 0;   // the first row that writes it
  std::uint32_t first_compute = 0;  // the first compute row
  std::uint32_t last_compute = 0;   // the last compute row
  std::uint32_t loose_tensor = BlockBuilder::none;  // of BlockBuilder: the team's next call waits for it
  std::uint32_t tokens_row = BlockBuilder::none;    // the first row that reads the step's tokens
  std::uint32_t last_data = BlockBuilder::none;     // the last row on the data stream
  std::vector<std::uint32_t> entries;    // rows that must not start before the rank's previous call has ended
  std::vector<std::uint32_t> unit_rows;  // by unit: the first row that reads its weights
  // By unit whose gradients are cut: the first row that writes them whole, and the row that reduces them.
  std::vector<std::uint32_t> whole_gradients, reduce_rows;
};

// A unit of a virtual stage: index 0 is the embedding, 1 ... n the layers, n + 1 the head; absent ones are
// null.
struct UnitUse {
  const Unit* unit = nullptr;
  Zero zero = Zero::none;
  bool reshard = true;
};

struct StageShape {
  bool first = false, last = false;
  std::uint32_t device = 0;
  std::vector<std::uint16_t> kinds;  // of its layers
  std::vector<LayerStrategy> strategies;
  bool operator==(const StageShape&) const = default;
};

struct StageBlocks {
  StageShape shape;
  std::vector<UnitUse> units;
  BlockLinks forward;
  BlockLinks backward[4];  // bit 0: adds to the gradients, bit 1: reduces them
  bool built[4] = {false, false, false, false};
  bool has_forward = false;
};

class StageEmitter {
 public:
  StageEmitter(BlockBuilder&, const Model&, const Training&, const Plan&);

  // Fills in the units of a shape.
  void list_units(StageBlocks&);
  void forward(StageBlocks&);
  void backward(StageBlocks&, bool accumulate, bool reduce);
  // The message that brings an input; the same for all stages.
  std::uint32_t message(bool gradients);

  // Of all micro-batches, on the first and the last virtual stage: (inputs, labels) x sequences x tokens.
  Buffer tokens_buffer() const;
  Buffer loss_buffer() const { return {Component::workspace, Lifetime::persistent, DType::fp32, {}, "loss"}; }
  Buffer weights_buffer(const UnitUse&) const;
  Buffer gradients_buffer(const UnitUse&) const;
  Buffer optimizer_buffer(const UnitUse&) const;
  std::int64_t shard(const Unit& unit) const {
    return (std::max(unit.elements, unit.cut_as) + data_ranks_ - 1) / data_ranks_;
  }
  // Elements of a unit where it is whole: padded to equal shards if it is ever cut.
  std::int64_t whole(const UnitUse& u) const {
    return u.zero == Zero::none ? u.unit->elements : shard(*u.unit) * data_ranks_;
  }
  std::int64_t data_ranks() const { return data_ranks_; }
  DType half() const { return half_; }
  // One reduction or gather of some units' gradients or parameters over the data ranks.
  Bytes gradient_bytes(const UnitUse& u) const { return {whole(u) * size_of(training_.precision.gradients)}; }
  Bytes parameter_bytes(const Unit& u) const {
    return {shard(u) * data_ranks_ * size_of(training_.precision.parameters)};
  }

 private:
  Tensor tokens() { return builder_.buffer(tokens_buffer(), home::tokens, Place::fixed, false, false); }
  Tensor received(bool gradients, bool releases);
  Tensor gathered_message(Tensor message, Tensor whole);
  Tensor layer_input(const StageBlocks&, std::size_t layer, bool backward);
  Tensor weights(const StageBlocks&, std::size_t unit, bool backward);
  void gather(const StageBlocks&, std::size_t unit, bool backward);
  void prefetch(const StageBlocks&, std::size_t position, bool backward);
  Tensor whole_gradients(const StageBlocks&, std::size_t unit);
  Tensor gradients(const StageBlocks&, std::size_t unit);
  std::uint32_t embed(const StageBlocks&, Tensor w, Tensor x);  // the row that reads the tokens
  void embed_backward(const StageBlocks&, Tensor g, Tensor dx);
  std::uint32_t head_forward(const StageBlocks&, Tensor x, Tensor w);  // the row that reads the labels
  void reduce_loss(Tensor sums, std::int64_t count);
  void head_backward(const StageBlocks&, Tensor x, Tensor w, Tensor g, Tensor dx, bool accumulate);
  void reduce_bucket(const StageBlocks&, std::size_t completed_unit, bool flush);
  void send_bucket(const StageBlocks&);
  BlockLinks links(Tensor output, std::uint32_t input_row);
  Shape message_shape() const;
  bool scattered() const { return plan_.tp > 1 && !plan_.sequence_parallel && plan_.scatter_gather; }
  std::size_t head_unit_index(const StageBlocks& s) const;
  Op edge(OpName, Pass, bool accumulate = false) const;

  BlockBuilder& builder_;
  const Model& model_;
  const Training& training_;
  const Plan& plan_;
  LayerEmitter layers_;
  std::int64_t data_ranks_;
  DType half_;
  std::vector<Unit> layer_units_;  // by kind
  Unit embedding_, head_;
  std::vector<std::size_t> order_;  // units in order of use in the block under construction
  std::vector<Tensor> held_weights_, held_gradients_;  // by unit, of that block
  std::vector<bool> have_weights_, have_gradients_;
  std::vector<Tensor> gather_slots_, gradient_slots_;
  std::size_t whole_layers_ = 0;  // layers whose gradients have been given a slot
  bool accumulate_ = false;       // the backward pass under construction adds to the gradients
  std::size_t gathered_ = 0;      // into slots so far, to take turns
  std::vector<std::size_t> bucket_;
  std::vector<std::uint32_t> reduce_rows_;  // by unit
};

}  // namespace orrery
