#include "sim/program/layer.h"

namespace orrery {
namespace {

constexpr std::uint32_t homes_per_layer = 16;

Shape matrix(std::int64_t rows, std::int64_t columns) { return {{rows, columns, 1, 1}}; }

}  // namespace

LayerEmitter::LayerEmitter(BlockBuilder& builder, const Model& model, const Training& training,
                           const Plan& plan)
    : builder_(builder),
      model_(model),
      plan_(plan),
      half_(activation_type(training.precision.compute)),
      linear_(training.precision.compute) {
  shard_.tp = plan.tp;
  shard_.cp = plan.cp;
  shard_.ep = plan.ep;
  shard_.sequence_parallel = plan.sequence_parallel;
  shard_.micro_batch = plan.micro_batch;
  shard_.sequence = training.sequence;
  shard_.compute = training.precision.compute;
}

void LayerEmitter::select(const Layer& layer, const Unit& unit, const LayerStrategy& strategy,
                          std::uint32_t index) {
  layer_ = &layer;
  unit_ = &unit;
  strategy_ = strategy;
  next_home_ = (index + 1) * homes_per_layer;
  builder_.set_layer(index);
}

Shape LayerEmitter::activation_shape() const { return matrix(shard_.norm_tokens(), model_.hidden); }

Op LayerEmitter::op(OpName name, Pass pass, bool accumulate) const {
  return layer_op(model_, *layer_, name, pass, shard_, accumulate);
}

// A tensor that the backward pass reads: a stash kept since the forward pass, or a transient.
Tensor LayerEmitter::kept(std::string_view name, DType dtype, Shape shape, Keep keep, bool backward) {
  const std::uint32_t home = next_home_++;
  if (keep != Keep::stash) return builder_.transient(name, Component::activations, dtype, shape);
  return builder_.buffer({Component::activations, Lifetime::stash, dtype, shape, name}, home, Place::stash,
                         !backward, backward);
}

void LayerEmitter::declare(Keep keep, bool backward) {
  const Attention& a = layer_->attention;
  const auto& mlp = std::get<Mlp>(layer_->mlp);
  const std::int64_t tokens = shard_.tokens(), heads = a.heads / shard_.tp;
  const std::int64_t kv = (a.kv_heads + shard_.tp - 1) / shard_.tp;
  const bool unfused = plan_.attention == AttentionKernel::unfused;
  const bool core_again = keep == Keep::stash && strategy_.recompute == Recompute::selective;
  const Keep core = core_again ? (backward ? Keep::again : Keep::drop) : keep;
  saved_.norm1 = kept("norm1", linear_, activation_shape(), keep, backward);
  saved_.qkv = kept("qkv", half_, matrix(tokens, (heads + 2 * kv) * a.head_dim), keep, backward);
  saved_.core = kept("core", half_, matrix(tokens, heads * a.head_dim), keep, backward);
  saved_.core_cast =
      linear_ == half_ ? saved_.core : kept("core cast", linear_, saved_.core.shape, keep, backward);
  if (unfused) {
    const Shape square{{shard_.micro_batch, heads, shard_.sequence, shard_.sequence}};
    saved_.probabilities = kept("probabilities", half_, square, core, backward);
    if (model_.dropout > 0) {
      saved_.statistics = kept("dropped probabilities", half_, square, core, backward);
      saved_.attention_mask = kept("attention mask", DType::uint8, square, core, backward);
    }
  } else {
    saved_.statistics = kept("log-sum-exp", DType::fp32,
                             matrix(shard_.micro_batch * heads, shard_.sequence / shard_.cp), keep, backward);
  }
  if (model_.dropout > 0) saved_.mask1 = kept("mask1", DType::uint8, activation_shape(), keep, backward);
  saved_.x2 = kept("x2", half_, activation_shape(), keep, backward);
  saved_.norm2 = kept("norm2", linear_, activation_shape(), keep, backward);
  saved_.up = kept("up", half_, matrix(tokens, (mlp.gated ? 2 : 1) * mlp.ffn / shard_.tp), keep, backward);
  saved_.activated = kept("activated", linear_, matrix(tokens, mlp.ffn / shard_.tp), keep, backward);
  if (model_.dropout > 0) saved_.mask2 = kept("mask2", DType::uint8, activation_shape(), keep, backward);
}

// Sequence parallelism: all tokens of a tensor of which this rank holds a part; else the tensor itself.
Tensor LayerEmitter::gathered(Tensor local, std::string_view name, bool pipelined, std::uint32_t after) {
  if (!shard_.sequence_parallel) return local;
  const Shape whole = matrix(shard_.tokens(), model_.hidden);
  const Tensor out = builder_.transient(name, Component::workspace, half_, whole);
  const bool chunked = pipelined && plan_.tensor_overlap == TensorOverlap::pipelined;
  builder_.communicate(Stream::tensor, Kind::all_gather, Role::tensor, {whole.elements() * size_of(half_)},
                       half_, {local}, {out}, chunked);
  if (after != BlockBuilder::none) builder_.after(after);
  return out;
}

// The sum over tensor ranks of a partial result: scattered over tokens with sequence parallelism, else whole.
Tensor LayerEmitter::reduced(Tensor partial, std::string_view name, bool pipelined) {
  if (shard_.tp == 1) return partial;
  const Bytes bytes{shard_.tokens() * model_.hidden * size_of(half_)};
  const bool chunked = pipelined && plan_.tensor_overlap == TensorOverlap::pipelined;
  if (!shard_.sequence_parallel) {
    builder_.communicate(Stream::tensor, Kind::all_reduce, Role::tensor, bytes, half_, {partial}, {partial});
    return partial;
  }
  const Tensor out = builder_.transient(name, Component::workspace, half_, activation_shape());
  builder_.communicate(Stream::tensor, Kind::reduce_scatter, Role::tensor, bytes, half_, {partial}, {out},
                       chunked);
  return out;
}

// Biases and the like of the newest row, where the layer has them.
void LayerEmitter::reads_if_there(Tensor w, std::string_view name) {
  if (unit_->find(name)) builder_.also_read(view(w, *unit_, name));
}
void LayerEmitter::writes_if_there(Tensor g, std::string_view name) {
  if (unit_->find(name)) builder_.also_write(view(g, *unit_, name));
}

// Fused attention over the whole sequence. Context parallelism (ring attention, zig-zag order: every step is
// an equal share of the causal work): in each of cp steps a rank attends to the keys and values that it holds
// and passes them on meanwhile; backward their gradients travel with them.
template <class Attend>
void LayerEmitter::ring(Pass pass, Attend&& attend) {
  Op chunk = op(OpName::attention, pass);
  chunk.n /= shard_.cp;
  const std::int64_t kv =
      2 * std::int64_t{(layer_->attention.kv_heads + shard_.tp - 1) / shard_.tp} * layer_->attention.head_dim;
  const std::int64_t travelling = pass == Pass::input_gradient ? 2 * kv : kv;
  Tensor held = saved_.qkv;
  for (int step = 0; step < shard_.cp; ++step) {
    Tensor next = held;
    if (step + 1 < shard_.cp) {
      next = builder_.transient("keys and values of a neighbour", Component::workspace, half_,
                                matrix(shard_.tokens(), travelling));
      builder_.communicate(Stream::context, Kind::exchange, Role::context,
                           {next.shape.elements() * size_of(half_)}, half_, {held}, {next});
    }
    attend(chunk, held);
    held = next;
  }
}

void LayerEmitter::core_forward(Pass pass, Tensor to) {
  if (plan_.attention == AttentionKernel::fused) {
    ring(pass, [&](const Op& chunk, Tensor kv) {
      builder_.compute(chunk, {saved_.qkv, kv}, {to, saved_.statistics});
    });
    return;
  }
  const Tensor scores = builder_.transient(
      "scores", Component::workspace, half_,
      {{shard_.micro_batch, layer_->attention.heads / shard_.tp, shard_.sequence, shard_.sequence}});
  builder_.compute(op(OpName::scores, pass), {saved_.qkv}, {scores});
  builder_.compute(op(OpName::softmax, pass), {scores}, {saved_.probabilities});
  if (model_.dropout > 0) {
    builder_.also_write(saved_.statistics);
    builder_.also_write(saved_.attention_mask);
  }
  builder_.compute(op(OpName::context, pass),
                   {model_.dropout > 0 ? saved_.statistics : saved_.probabilities, saved_.qkv}, {to});
}

void LayerEmitter::attention_forward(Tensor x, Tensor w, Pass pass) {
  const std::int64_t tokens = shard_.tokens();
  builder_.compute(op(OpName::norm1, pass), {x, view(w, *unit_, "norm1.weight")}, {saved_.norm1});
  reads_if_there(w, "norm1.bias");
  const Tensor input = gathered(saved_.norm1, "gathered norm1", true);
  builder_.compute(op(OpName::qkv, pass), {input, view(w, *unit_, "attention.qkv.weight")}, {saved_.qkv});
  reads_if_there(w, "attention.qkv.bias");
  builder_.compute(op(OpName::attention_layout, pass), {saved_.qkv}, {saved_.qkv});
  reads_if_there(w, "attention.qk_norm.weight");
  core_forward(pass, saved_.core);
  const Tensor out =
      builder_.transient("attention out", Component::workspace, half_, matrix(tokens, model_.hidden));
  builder_.compute(op(OpName::attention_out, pass), {saved_.core, view(w, *unit_, "attention.out.weight")},
                   {out});
  if (linear_ != half_) builder_.also_write(saved_.core_cast);
  const Tensor sum = reduced(out, "reduced attention out", true);
  builder_.compute(op(OpName::residual1, pass), {x, sum}, {saved_.x2});
  reads_if_there(w, "attention.out.bias");
  if (model_.dropout > 0) builder_.also_write(saved_.mask1);
}

void LayerEmitter::mlp_forward(Tensor w, Tensor y, Pass pass, bool stop_early) {
  builder_.compute(op(OpName::norm2, pass), {saved_.x2, view(w, *unit_, "norm2.weight")}, {saved_.norm2});
  reads_if_there(w, "norm2.bias");
  const Tensor input = gathered(saved_.norm2, "gathered norm2", true);
  builder_.compute(op(OpName::mlp_up, pass), {input, view(w, *unit_, "mlp.up.weight")}, {saved_.up});
  reads_if_there(w, "mlp.up.bias");
  builder_.compute(op(OpName::activation, pass), {saved_.up}, {saved_.activated});
  if (stop_early && model_.dropout == 0) return;
  const Tensor out =
      builder_.transient("mlp out", Component::workspace, half_, matrix(shard_.tokens(), model_.hidden));
  builder_.compute(op(OpName::mlp_down, pass), {saved_.activated, view(w, *unit_, "mlp.down.weight")}, {out});
  const Tensor sum = reduced(out, "reduced mlp out", true);
  builder_.compute(op(OpName::residual2, pass), {saved_.x2, sum}, {y});
  reads_if_there(w, "mlp.down.bias");
  if (model_.dropout > 0) builder_.also_write(saved_.mask2);
}

void LayerEmitter::forward(Tensor x, Tensor w, Tensor y, Keep keep) {
  const Pass pass = keep == Keep::again ? Pass::recompute : Pass::forward;
  declare(keep, false);
  attention_forward(x, w, pass);
  mlp_forward(w, y, pass, keep == Keep::again && plan_.early_stop);
}

// Both gradients of a linear whose input was gathered or whose output was reduced over tensor ranks: the
// input's second gather runs beside the input gradient, the reduction of the input gradient beside the weight
// gradient.
void LayerEmitter::linear_backward(OpName name, Tensor weight, Tensor gradient, Tensor d_out, Tensor input,
                                   Tensor d_in, std::string_view gathered_name, bool accumulate) {
  const bool overlap = plan_.tensor_overlap != TensorOverlap::none;
  const std::uint32_t produced = builder_.last_row(Stream::compute);
  const Tensor whole = gathered(input, gathered_name, false, produced);
  const Tensor partial = !shard_.sequence_parallel
                             ? d_in
                             : builder_.transient("partial input gradient", Component::workspace, half_,
                                                  matrix(shard_.tokens(), model_.hidden));
  const std::uint32_t gather = builder_.last_row(Stream::tensor);
  builder_.compute(op(name, Pass::input_gradient), {d_out, weight}, {partial});
  if (!overlap && shard_.sequence_parallel) builder_.after(gather);
  if (shard_.tp > 1) {
    const Bytes bytes{shard_.tokens() * model_.hidden * size_of(half_)};
    const Kind kind = shard_.sequence_parallel ? Kind::reduce_scatter : Kind::all_reduce;
    const std::uint32_t reduce =
        builder_.communicate(Stream::tensor, kind, Role::tensor, bytes, half_, {partial}, {d_in});
    builder_.compute(op(name, Pass::weight_gradient, accumulate), {d_out, whole}, {gradient});
    if (!overlap) builder_.after(reduce);
  } else {
    builder_.compute(op(name, Pass::weight_gradient, accumulate), {d_out, whole}, {gradient});
  }
}

void LayerEmitter::mlp_backward(Tensor w, Tensor g, Tensor dy, Tensor dx2, bool accumulate) {
  const Shape act = activation_shape();
  const Tensor d_out = builder_.transient("mlp out gradient", Component::workspace, half_, act);
  builder_.compute(op(OpName::residual2, Pass::input_gradient), {dy}, {d_out});
  if (model_.dropout > 0) builder_.also_read(saved_.mask2);
  writes_if_there(g, "mlp.down.bias");
  const Tensor whole = gathered(d_out, "gathered mlp out gradient", true);
  const Tensor d_act =
      builder_.transient("activated gradient", Component::workspace, half_, saved_.activated.shape);
  builder_.compute(op(OpName::mlp_down, Pass::input_gradient), {whole, view(w, *unit_, "mlp.down.weight")},
                   {d_act});
  builder_.compute(op(OpName::mlp_down, Pass::weight_gradient, accumulate), {whole, saved_.activated},
                   {view(g, *unit_, "mlp.down.weight")});
  const Tensor d_up = builder_.transient("up gradient", Component::workspace, half_, saved_.up.shape);
  builder_.compute(op(OpName::activation, Pass::input_gradient), {d_act, saved_.up}, {d_up});
  writes_if_there(g, "mlp.up.bias");
  const Tensor d_norm = builder_.transient("norm2 gradient", Component::workspace, half_, act);
  linear_backward(OpName::mlp_up, view(w, *unit_, "mlp.up.weight"), view(g, *unit_, "mlp.up.weight"), d_up,
                  saved_.norm2, d_norm, "gathered norm2 again", accumulate);
  builder_.compute(op(OpName::norm2, Pass::input_gradient),
                   {d_norm, saved_.x2, view(w, *unit_, "norm2.weight")},
                   {dx2, view(g, *unit_, "norm2.weight")});
  writes_if_there(g, "norm2.bias");
  builder_.compute(op(OpName::residual_gradient, Pass::input_gradient), {dx2, dy}, {dx2});
}

void LayerEmitter::core_backward(Tensor d_core, Tensor d_qkv) {
  if (plan_.attention == AttentionKernel::fused) {
    ring(Pass::input_gradient, [&](const Op& chunk, Tensor kv) {
      builder_.compute(chunk, {d_core, saved_.qkv, saved_.core, saved_.statistics, kv}, {d_qkv});
    });
    return;
  }
  if (strategy_.recompute == Recompute::selective) {
    const Tensor again = builder_.transient("core again", Component::workspace, half_, saved_.core.shape);
    core_forward(Pass::recompute, again);
  }
  const Tensor d_scores =
      builder_.transient("scores gradient", Component::workspace, half_, saved_.probabilities.shape);
  builder_.compute(op(OpName::context, Pass::input_gradient),
                   {d_core, model_.dropout > 0 ? saved_.statistics : saved_.probabilities, saved_.qkv},
                   {d_scores, d_qkv});
  builder_.compute(op(OpName::softmax, Pass::input_gradient), {d_scores, saved_.probabilities}, {d_scores});
  if (model_.dropout > 0) builder_.also_read(saved_.attention_mask);
  builder_.compute(op(OpName::scores, Pass::input_gradient), {d_scores, saved_.qkv}, {d_qkv});
}

void LayerEmitter::attention_backward(Tensor x, Tensor w, Tensor g, Tensor dx2, Tensor dx, bool accumulate) {
  const Shape act = activation_shape();
  const Tensor d_out = builder_.transient("attention out gradient", Component::workspace, half_, act);
  builder_.compute(op(OpName::residual1, Pass::input_gradient), {dx2}, {d_out});
  if (model_.dropout > 0) builder_.also_read(saved_.mask1);
  writes_if_there(g, "attention.out.bias");
  const Tensor whole = gathered(d_out, "gathered attention out gradient", true);
  const Tensor d_core = builder_.transient("core gradient", Component::workspace, half_, saved_.core.shape);
  builder_.compute(op(OpName::attention_out, Pass::input_gradient),
                   {whole, view(w, *unit_, "attention.out.weight")}, {d_core});
  builder_.compute(op(OpName::attention_out, Pass::weight_gradient, accumulate), {whole, saved_.core_cast},
                   {view(g, *unit_, "attention.out.weight")});
  const Tensor d_qkv = builder_.transient("qkv gradient", Component::workspace, half_, saved_.qkv.shape);
  core_backward(d_core, d_qkv);
  builder_.compute(op(OpName::attention_layout, Pass::input_gradient), {d_qkv}, {d_qkv});
  writes_if_there(g, "attention.qkv.bias");
  writes_if_there(g, "attention.qk_norm.weight");
  const Tensor d_norm = builder_.transient("norm1 gradient", Component::workspace, half_, act);
  linear_backward(OpName::qkv, view(w, *unit_, "attention.qkv.weight"),
                  view(g, *unit_, "attention.qkv.weight"), d_qkv, saved_.norm1, d_norm,
                  "gathered norm1 again", accumulate);
  builder_.compute(op(OpName::norm1, Pass::input_gradient), {d_norm, x, view(w, *unit_, "norm1.weight")},
                   {dx, view(g, *unit_, "norm1.weight")});
  writes_if_there(g, "norm1.bias");
  builder_.compute(op(OpName::residual_gradient, Pass::input_gradient), {dx, dx2}, {dx});
}

void LayerEmitter::backward(Tensor x, Tensor w, Tensor g, Tensor dy, Tensor dx, bool accumulate) {
  if (strategy_.recompute == Recompute::full) {
    const Tensor y = builder_.transient("output again", Component::workspace, half_, activation_shape());
    forward(x, w, y, Keep::again);
  } else {
    declare(Keep::stash, true);
  }
  const Tensor dx2 = builder_.transient("x2 gradient", Component::workspace, half_, activation_shape());
  mlp_backward(w, g, dy, dx2, accumulate);
  attention_backward(x, w, g, dx2, dx, accumulate);
}

}  // namespace orrery
