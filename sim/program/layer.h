// The rows of one transformer layer: its forward pass, again as recomputation, and its backward pass, with
// the collectives of tensor and sequence parallelism where Megatron-LM has them (Shoeybi et al. 2019,
// Korthikanti et al. 2022): with sequence parallelism an all-gather before and a reduce-scatter after each
// pair of linears, and backward a second gather of the input for the weight gradient; without it an
// all-reduce after each pair.
#pragma once
#include "sim/plan/plan.h"
#include "sim/program/builder.h"
#include "sim/program/units.h"

namespace orrery {

// What becomes of the tensors that the backward pass needs.
enum class Keep : std::uint8_t {
  stash,  // kept by the forward pass
  drop,   // computed again: transients of the forward pass
  again   // recomputation, inside the backward pass
};

class LayerEmitter {
 public:
  LayerEmitter(BlockBuilder& builder, const Model& model, const Training& training, const Plan& plan);

  // The layer that the calls below are about: `index` within its virtual stage.
  void select(const Layer& layer, const Unit& unit, const LayerStrategy& strategy, std::uint32_t index);

  // x: input, y: output; both norm tokens x hidden. w: the flat weights.
  void forward(Tensor x, Tensor w, Tensor y, Keep keep);
  // dy: gradient of the output, dx: of the input; g: the flat gradients, added to if it says so.
  void backward(Tensor x, Tensor w, Tensor g, Tensor dy, Tensor dx, bool accumulate);

  Shape activation_shape() const;  // norm tokens x hidden
  const Shard& shard() const { return shard_; }

 private:
  struct Saved {
    Tensor norm1, qkv, core, core_cast, statistics, probabilities, attention_mask, mask1, x2, norm2, up,
        activated, mask2;
  };
  void declare(Keep keep, bool backward);
  Tensor kept(std::string_view name, DType, Shape, Keep keep, bool backward);
  void attention_forward(Tensor x, Tensor w, Pass pass);
  void mlp_forward(Tensor w, Tensor y, Pass pass, bool stop_early);
  template <class Attend>
  void ring(Pass pass, Attend&& attend);
  void core_forward(Pass pass, Tensor to);
  void core_backward(Tensor d_core, Tensor d_qkv);
  void mlp_backward(Tensor w, Tensor g, Tensor dy, Tensor dx2, bool accumulate);
  void attention_backward(Tensor x, Tensor w, Tensor g, Tensor dx2, Tensor dx, bool accumulate);
  Tensor gathered(Tensor local, std::string_view name, bool pipelined,
                  std::uint32_t after = BlockBuilder::none);
  Tensor reduced(Tensor partial, std::string_view name, bool pipelined);
  void linear_backward(OpName name, Tensor weight, Tensor gradient, Tensor d_out, Tensor input, Tensor d_in,
                       std::string_view gathered_name, bool accumulate);
  void reads_if_there(Tensor w, std::string_view name);
  void writes_if_there(Tensor g, std::string_view name);
  Op op(OpName name, Pass pass, bool accumulate = false) const;

  BlockBuilder& builder_;
  const Model& model_;
  const Plan& plan_;
  DType half_;    // of activations
  DType linear_;  // of what a linear keeps of its input: in FP8 runs the cast
  Shard shard_;
  const Layer* layer_ = nullptr;
  const Unit* unit_ = nullptr;
  LayerStrategy strategy_;
  Saved saved_;
  std::uint32_t next_home_ = 0;
};

}  // namespace orrery
