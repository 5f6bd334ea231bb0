#include "sim/program/stage.h"

#include <algorithm>

namespace orrery {
namespace {

enum Home : std::uint32_t {
  output_home = 1,
  output_gradient_home,
  input_home,
  input_gradient_home,
  head_homes = 8
};

Shape matrix(std::int64_t rows, std::int64_t columns) { return {{rows, columns, 1, 1}}; }
Shape flat(std::int64_t elements) { return {{elements, 1, 1, 1}}; }

}  // namespace

StageEmitter::StageEmitter(BlockBuilder& builder, const Model& model, const Training& training,
                           const Plan& plan)
    : builder_(builder),
      model_(model),
      training_(training),
      plan_(plan),
      layers_(builder, model, training, plan),
      data_ranks_(std::int64_t{plan.dp} * plan.cp),
      half_(activation_type(training.precision.compute)) {
  for (const Layer& layer : model.kinds) layer_units_.push_back(layer_unit(model, layer, plan.tp));
  const bool one_stage = plan.pp == 1;
  embedding_ = embedding_unit(model, plan.tp, model.tied && one_stage);
  head_ = head_unit(model, plan.tp);
  if (model.tied && !one_stage)
    embedding_.cut_as = head_.cut_as = std::max(embedding_.elements, head_.elements);
}

void StageEmitter::list_units(StageBlocks& s) {
  const std::size_t n = s.shape.kinds.size();
  s.units.assign(n + 2, {});
  // One data rank has nothing to cut. The edges follow the layers beside them.
  const auto cut = [&](Zero zero) { return data_ranks_ == 1 ? Zero::none : zero; };
  if (s.shape.first) s.units[0] = {&embedding_, cut(plan_.layers.front().zero), true};
  if (s.shape.last && !(model_.tied && plan_.pp == 1))
    s.units[n + 1] = {&head_, cut(plan_.layers.back().zero), true};
  for (std::size_t i = 0; i < n; ++i)
    s.units[i + 1] = {&layer_units_[s.shape.kinds[i]], cut(s.shape.strategies[i].zero),
                      s.shape.strategies[i].reshard};
}

Buffer StageEmitter::tokens_buffer() const {
  const std::int64_t sequences = micro_batches(training_, plan_) * plan_.micro_batch;
  return {Component::workspace,
          Lifetime::persistent,
          DType::int64,
          {{2, sequences, training_.sequence / plan_.cp, 1}},
          "tokens and labels"};
}

Buffer StageEmitter::weights_buffer(const UnitUse& u) const {
  if (u.zero == Zero::full) {
    const DType stored = training_.precision.master ? DType::fp32 : training_.precision.parameters;
    return {Component::weights, Lifetime::persistent, stored, flat(shard(*u.unit)), "weight shard"};
  }
  return {Component::weights, Lifetime::persistent, training_.precision.parameters, flat(whole(u)),
          "weights"};
}

Buffer StageEmitter::gradients_buffer(const UnitUse& u) const {
  const bool cut = u.zero >= Zero::gradients;
  return {Component::gradients, Lifetime::persistent, training_.precision.gradients,
          flat(cut ? shard(*u.unit) : whole(u)), cut ? "gradient shard" : "gradients"};
}

// fp32 moments, and the master copy unless the weight shard is it (ZeRO-3).
Buffer StageEmitter::optimizer_buffer(const UnitUse& u) const {
  const std::int64_t copies = training_.precision.master && u.zero != Zero::full ? 3 : 2;
  const std::int64_t elements = u.zero == Zero::none ? u.unit->elements : shard(*u.unit);
  return {Component::optimizer, Lifetime::persistent, DType::fp32, matrix(copies, elements),
          "optimizer state"};
}

Op StageEmitter::edge(OpName name, Pass pass, bool accumulate) const {
  return edge_op(model_, name, pass, layers_.shard(), accumulate);
}

std::size_t StageEmitter::head_unit_index(const StageBlocks& s) const {
  return s.units.back().unit ? s.units.size() - 1 : 0;
}

Shape StageEmitter::message_shape() const {
  Shape shape = layers_.activation_shape();
  if (scattered()) shape.d[1] /= plan_.tp;
  return shape;
}

// ---- weights and gradients as a block names them

Tensor StageEmitter::weights(const StageBlocks& s, std::size_t unit, bool backward) {
  if (!have_weights_[unit]) {
    if (s.units[unit].zero == Zero::full && data_ranks_ > 1) {
      gather(s, unit, backward);
    } else {
      held_weights_[unit] = builder_.buffer(weights_buffer(s.units[unit]), home::of_unit(unit, home::weights),
                                            Place::fixed, false, false);
      have_weights_[unit] = true;
    }
  }
  return held_weights_[unit];
}

void StageEmitter::gather(const StageBlocks& s, std::size_t unit, bool backward) {
  const UnitUse& use = s.units[unit];
  const bool layer = unit > 0 && unit + 1 < s.units.size();
  // The head, and layers that are kept, stay gathered from the forward to the backward pass of a single
  // stage. The other layers take turns in slots that hold the largest of them.
  const bool kept = (layer ? !use.reshard : s.shape.last && unit == head_unit_index(s)) && plan_.pp == 1;
  std::int64_t elements = shard(*use.unit);
  for (std::size_t u = 1; layer && !kept && u + 1 < s.units.size(); ++u)
    if (s.units[u].zero == Zero::full) elements = std::max(elements, shard(*s.units[u].unit));
  const Buffer whole{Component::gathered, Lifetime::transient, training_.precision.parameters,
                     flat(elements * data_ranks_), "gathered weights"};
  Tensor to;
  if (kept) {
    to = builder_.buffer(whole, home::of_unit(unit, home::gathered), Place::fixed, !backward, backward);
  } else if (layer && gather_slots_.size() > static_cast<std::size_t>(plan_.prefetch)) {
    to = gather_slots_[gathered_ % gather_slots_.size()];
  } else {
    const std::uint32_t its_home = layer ? home::of_slot(gather_slots_.size(), home::gathered_slot)
                                         : home::of_unit(unit, home::gathered);
    to = builder_.buffer(whole, its_home, Place::fixed, true, true);
    if (layer) gather_slots_.push_back(to);
  }
  gathered_ += layer && !kept;
  held_weights_[unit] = to;
  have_weights_[unit] = true;
  if (kept && backward) return;
  const Tensor from =
      builder_.buffer(weights_buffer(use), home::of_unit(unit, home::weights), Place::fixed, false, false);
  builder_.communicate(Stream::data, Kind::all_gather, Role::data, parameter_bytes(*use.unit),
                       training_.precision.parameters, {from}, {to});
}

// Issues the gathers of the unit at `position` of the order of use and of those that may be ahead of it.
void StageEmitter::prefetch(const StageBlocks& s, std::size_t position, bool backward) {
  const std::size_t end = std::min(order_.size(), position + 1 + static_cast<std::size_t>(plan_.prefetch));
  for (std::size_t i = position; i < end; ++i) {
    const std::size_t unit = order_[i];
    if (s.units[unit].unit && s.units[unit].zero == Zero::full && data_ranks_ > 1) weights(s, unit, backward);
  }
}

// Gradients of a unit that are reduced to this rank's part. Layers take turns in slots that hold the largest
// of them: as many as two buckets have, so that one is filled while the other leaves.
Tensor StageEmitter::whole_gradients(const StageBlocks& s, std::size_t unit) {
  const bool layer = unit > 0 && unit + 1 < s.units.size();
  const auto cut_layer = [&](std::size_t u) { return s.units[u].zero >= Zero::gradients; };
  std::int64_t most = shard(*s.units[unit].unit), least = s.units[unit].unit->elements;
  bool buckets = s.units[unit].zero == Zero::gradients;
  for (std::size_t u = 1; layer && u + 1 < s.units.size(); ++u) {
    if (!cut_layer(u)) continue;
    most = std::max(most, shard(*s.units[u].unit));
    least = std::min(least, s.units[u].unit->elements);
    buckets |= s.units[u].zero == Zero::gradients;
  }
  const std::int64_t in_bucket = buckets ? (plan_.bucket_parameters + least - 1) / least : 1;
  if (layer && static_cast<std::int64_t>(gradient_slots_.size()) == 2 * in_bucket)
    return gradient_slots_[whole_layers_++ % gradient_slots_.size()];
  const Buffer whole{Component::gradients, Lifetime::transient, training_.precision.gradients,
                     flat(most * data_ranks_), "unreduced gradients"};
  const std::uint32_t its_home = layer ? home::of_slot(gradient_slots_.size(), home::gradient_slot)
                                       : home::of_unit(unit, home::whole_gradients);
  const Tensor out = builder_.buffer(whole, its_home, Place::fixed, true, true);
  if (layer) {
    gradient_slots_.push_back(out);
    ++whole_layers_;
  }
  return out;
}

Tensor StageEmitter::gradients(const StageBlocks& s, std::size_t unit) {
  if (!have_gradients_[unit]) {
    const UnitUse& use = s.units[unit];
    if (use.zero >= Zero::gradients && data_ranks_ > 1) {
      held_gradients_[unit] = whole_gradients(s, unit);
    } else {
      held_gradients_[unit] = builder_.buffer(gradients_buffer(use), home::of_unit(unit, home::gradients),
                                              Place::fixed, false, false);
    }
    held_gradients_[unit].add = accumulate_ && use.zero < Zero::gradients;
    have_gradients_[unit] = true;
  }
  return held_gradients_[unit];
}

// ---- messages

Tensor StageEmitter::received(bool gradients, bool releases) {
  return builder_.buffer({Component::messages, Lifetime::message, half_, message_shape(),
                          gradients ? "received gradient" : "received input"},
                         gradients ? input_gradient_home : input_home,
                         gradients ? Place::gradient : Place::input, false, releases);
}

// Without sequence parallelism a message carried 1/tp of the tokens' features: the receivers gather the rest.
Tensor StageEmitter::gathered_message(Tensor message, Tensor whole) {
  builder_.communicate(Stream::tensor, Kind::all_gather, Role::tensor,
                       {whole.shape.elements() * size_of(half_)}, half_, {message}, {whole});
  return whole;
}

Tensor StageEmitter::layer_input(const StageBlocks& s, std::size_t layer, bool backward) {
  if (layer == 0 && !s.shape.first && !scattered()) return received(false, backward);
  const Buffer x{Component::activations, Lifetime::stash, half_, layers_.activation_shape(), "layer input"};
  return builder_.buffer(x, static_cast<std::uint32_t>((layer + 1) * 16 + 15), Place::stash, !backward,
                         backward);
}

// ---- forward

std::uint32_t StageEmitter::embed(const StageBlocks& s, Tensor w, Tensor x) {
  const Shape whole = matrix(layers_.shard().tokens(), model_.hidden);
  const Bytes bytes{whole.elements() * size_of(half_)};
  const bool sharded = plan_.sequence_parallel;
  const Tensor out =
      sharded ? builder_.transient("partial embedding", Component::workspace, half_, whole) : x;
  const std::uint32_t row =
      builder_.compute(edge(OpName::embedding, Pass::forward),
                       {tokens(), view(w, *s.units[0].unit, "embedding.weight")}, {out});
  if (s.units[0].unit->find("position.weight")) {
    Tensor positions = view(w, *s.units[0].unit, "position.weight");
    positions.share = Share::first;  // the table is cut, and its parts are summed
    builder_.also_read(positions);
  }
  if (plan_.tp == 1) return row;
  builder_.communicate(Stream::tensor, sharded ? Kind::reduce_scatter : Kind::all_reduce, Role::tensor, bytes,
                       half_, {out}, {x});
  return row;
}

std::uint32_t StageEmitter::head_forward(const StageBlocks& s, Tensor x, Tensor w) {
  const std::size_t h = head_unit_index(s);
  const Unit& unit = *s.units[h].unit;
  const std::int64_t count = layers_.shard().tokens(), width = padded_vocab(model_, plan_.tp) / plan_.tp;
  const auto stash = [&](std::string_view name, Component c, DType type, Shape shape, std::uint32_t k) {
    return builder_.buffer({c, Lifetime::stash, type, shape, name}, head_homes + k, Place::stash, true,
                           false);
  };
  Tensor normed = x;
  if (model_.final_norm) {
    normed = stash("final norm", Component::activations, half_, layers_.activation_shape(), 0);
    builder_.compute(edge(OpName::final_norm, Pass::forward), {x, view(w, unit, "final_norm.weight")},
                     {normed});
    if (unit.find("final_norm.bias")) builder_.also_read(view(w, unit, "final_norm.bias"));
  }
  Tensor whole = normed;
  if (plan_.sequence_parallel) {
    whole =
        builder_.transient("gathered final norm", Component::workspace, half_, matrix(count, model_.hidden));
    builder_.communicate(Stream::tensor, Kind::all_gather, Role::tensor,
                         {whole.shape.elements() * size_of(half_)}, half_, {normed}, {whole});
  }
  const Tensor logits = stash("logits", Component::logits, half_, matrix(count, width), 1);
  const Tensor loss = stash("softmax of logits", Component::logits, DType::fp32, matrix(count, width), 2);
  const Tensor sums = stash("loss sums", Component::logits, DType::fp32, matrix(4, count), 3);
  builder_.compute(edge(OpName::logits, Pass::forward),
                   {whole, view(w, unit, h == 0 ? "embedding.weight" : "head.weight")}, {logits});
  if (unit.find("head.bias")) builder_.also_read(view(w, unit, "head.bias"));
  const std::uint32_t row =
      builder_.compute(edge(OpName::cross_entropy, Pass::forward), {logits, tokens()}, {loss, sums});
  if (plan_.tp > 1) reduce_loss(sums, count);
  return row;
}

// Over the cut vocabulary: the maximum, then the sum of exponentials and the target's logit.
void StageEmitter::reduce_loss(Tensor sums, std::int64_t count) {
  for (std::int64_t i = 1; i < 4; ++i) {
    Tensor row = sums;
    row.whole = false;
    row.offset = i * count;
    row.shape = flat(count);
    builder_.communicate(Stream::tensor, Kind::all_reduce, Role::tensor, {count * 4}, DType::fp32, {row},
                         {row});
    if (i > 1) continue;
    builder_.tag(OpName::maximum);
    builder_.compute(edge(OpName::cross_entropy_shift, Pass::forward), {}, {sums});
  }
}

void StageEmitter::forward(StageBlocks& s) {
  const std::size_t n = s.shape.kinds.size();
  builder_.begin(BlockName::forward, s.shape.device);
  have_weights_.assign(n + 2, false);
  held_weights_.assign(n + 2, {});
  gather_slots_.clear();
  gathered_ = 0;
  order_.clear();
  for (std::size_t u = 0; u < n + 2; ++u)
    if (s.units[u].unit) order_.push_back(u);
  std::size_t position = 0;
  std::uint32_t tokens_row = BlockBuilder::none;
  Tensor message;
  const bool from_message = !s.shape.first;
  if (from_message && scattered()) message = received(false, true);
  const Buffer output{Component::messages, Lifetime::message, half_, layers_.activation_shape(), "output"};
  const auto stage_output = [&] { return builder_.buffer(output, output_home, Place::output, true, false); };
  Tensor x = n == 0 && !s.shape.last ? stage_output() : layer_input(s, 0, false);
  if (from_message && scattered()) gathered_message(message, x);
  if (s.shape.first) {
    prefetch(s, position++, false);
    tokens_row = embed(s, weights(s, 0, false), x);
  }
  const Tensor input = from_message ? (scattered() ? message : x) : x;
  for (std::size_t i = 0; i < n; ++i) {
    prefetch(s, position++, false);
    const bool out = i + 1 == n && !s.shape.last;
    const Tensor y = out ? stage_output() : layer_input(s, i + 1, false);
    layers_.select(model_.kinds[s.shape.kinds[i]], layer_units_[s.shape.kinds[i]], s.shape.strategies[i],
                   static_cast<std::uint32_t>(i));
    layers_.forward(x, weights(s, i + 1, false), y,
                    s.shape.strategies[i].recompute == Recompute::full ? Keep::drop : Keep::stash);
    x = y;
  }
  const Tensor result = x;
  std::uint32_t labels_row = BlockBuilder::none;
  if (s.shape.last) {
    builder_.set_layer(static_cast<std::uint32_t>(n));
    const std::size_t h = head_unit_index(s);
    if (h != 0) prefetch(s, position++, false);
    labels_row = head_forward(s, x, weights(s, h, false));
  }
  s.forward = links(result, from_message ? builder_.first_reader(input) : 0);
  s.forward.unit_rows.assign(n + 2, BlockBuilder::none);
  for (std::size_t u = 0; u < n + 2; ++u)
    if (have_weights_[u]) s.forward.unit_rows[u] = builder_.first_reader(held_weights_[u]);
  s.forward.tokens_row = tokens_row != BlockBuilder::none ? tokens_row : labels_row;
  s.forward.block = builder_.finish();
  s.forward.entries = builder_.entries();
  s.forward.loose_tensor = builder_.loose_tensor_row();
  s.has_forward = true;
}

BlockLinks StageEmitter::links(Tensor output, std::uint32_t input_row) {
  BlockLinks l;
  l.output_row = builder_.last_writer(output);
  l.output_begin = builder_.first_writer(output);
  l.input_row = input_row;
  l.first_compute = builder_.first_row(Stream::compute);
  l.last_compute = builder_.last_row(Stream::compute);
  l.last_data = builder_.last_row(Stream::data);
  return l;
}

// ---- backward

void StageEmitter::head_backward(const StageBlocks& s, Tensor x, Tensor w, Tensor g, Tensor dx,
                                 bool accumulate) {
  const std::size_t h = head_unit_index(s);
  const Unit& unit = *s.units[h].unit;
  const std::int64_t count = layers_.shard().tokens(), width = padded_vocab(model_, plan_.tp) / plan_.tp;
  const Shape whole_shape = matrix(count, model_.hidden);
  const Bytes bytes{whole_shape.elements() * size_of(half_)};
  const auto stash = [&](std::string_view name, Component c, DType type, Shape shape, std::uint32_t k) {
    return builder_.buffer({c, Lifetime::stash, type, shape, name}, head_homes + k, Place::stash, false,
                           true);
  };
  const std::string_view matrix_name = h == 0 ? "embedding.weight" : "head.weight";
  const Tensor normed =
      model_.final_norm ? stash("final norm", Component::activations, half_, layers_.activation_shape(), 0)
                        : x;
  const Tensor logits = stash("logits", Component::logits, half_, matrix(count, width), 1);
  const Tensor loss = stash("softmax of logits", Component::logits, DType::fp32, matrix(count, width), 2);
  const Tensor sums = stash("loss sums", Component::logits, DType::fp32, matrix(4, count), 3);
  Tensor total = builder_.buffer(loss_buffer(), home::loss, Place::fixed, false, false);
  total.add = accumulate_;
  builder_.compute(edge(OpName::cross_entropy, Pass::input_gradient), {loss, sums, tokens()},
                   {logits, total});
  Tensor again = normed;
  if (plan_.sequence_parallel) {
    again = builder_.transient("gathered final norm again", Component::workspace, half_, whole_shape);
    builder_.communicate(Stream::tensor, Kind::all_gather, Role::tensor, bytes, half_, {normed}, {again});
    builder_.after(builder_.last_row(Stream::compute));
  }
  const Tensor d_normed = model_.final_norm ? builder_.transient("final norm gradient", Component::workspace,
                                                                 half_, layers_.activation_shape())
                                            : dx;
  const Tensor partial =
      plan_.sequence_parallel
          ? builder_.transient("partial head gradient", Component::workspace, half_, whole_shape)
          : d_normed;
  builder_.compute(edge(OpName::logits, Pass::input_gradient), {logits, view(w, unit, matrix_name)},
                   {partial});
  if (plan_.tp > 1) {
    const Kind kind = plan_.sequence_parallel ? Kind::reduce_scatter : Kind::all_reduce;
    builder_.communicate(Stream::tensor, kind, Role::tensor, bytes, half_, {partial}, {d_normed});
  }
  const std::uint32_t reduce = builder_.rows() - 1;
  builder_.compute(edge(OpName::logits, Pass::weight_gradient, accumulate), {logits, again},
                   {view(g, unit, matrix_name)});
  if (unit.find("head.bias")) builder_.also_write(view(g, unit, "head.bias"));
  if (plan_.tp > 1 && plan_.tensor_overlap == TensorOverlap::none) builder_.after(reduce);
  if (model_.final_norm) {
    builder_.compute(edge(OpName::final_norm, Pass::input_gradient),
                     {d_normed, x, view(w, unit, "final_norm.weight")},
                     {dx, view(g, unit, "final_norm.weight")});
    if (unit.find("final_norm.bias")) builder_.also_write(view(g, unit, "final_norm.bias"));
  }
}

void StageEmitter::embed_backward(const StageBlocks& s, Tensor g, Tensor dx) {
  Tensor whole = dx;
  if (plan_.sequence_parallel) {
    const Shape shape = matrix(layers_.shard().tokens(), model_.hidden);
    whole = builder_.transient("gathered embedding gradient", Component::workspace, half_, shape);
    builder_.communicate(Stream::tensor, Kind::all_gather, Role::tensor, {shape.elements() * size_of(half_)},
                         half_, {dx}, {whole});
  }
  Tensor table = view(g, *s.units[0].unit, "embedding.weight");
  table.add = g.add || (s.shape.last && head_unit_index(s) == 0);  // the head has written it
  builder_.compute(edge(OpName::embedding, Pass::input_gradient), {whole, tokens()}, {table});
  if (s.units[0].unit->find("position.weight"))
    builder_.also_write(view(g, *s.units[0].unit, "position.weight"));
}

// Gradients of `completed_unit` are done: buckets go out when they are large enough, and all at the end.
void StageEmitter::reduce_bucket(const StageBlocks& s, std::size_t completed_unit, bool flush) {
  if (data_ranks_ == 1) return;
  if (!bucket_.empty() && s.units[bucket_.front()].zero != s.units[completed_unit].zero) send_bucket(s);
  bucket_.push_back(completed_unit);
  std::int64_t elements = 0;
  for (std::size_t u : bucket_) elements += s.units[u].unit->elements;
  if (flush || s.units[completed_unit].zero == Zero::full || elements >= plan_.bucket_parameters)
    send_bucket(s);
}

void StageEmitter::send_bucket(const StageBlocks& s) {
  if (bucket_.empty()) return;
  const Zero zero = s.units[bucket_.front()].zero;
  Bytes bytes{};
  for (std::size_t u : bucket_) bytes += gradient_bytes(s.units[u]);
  builder_.communicate(Stream::data, zero == Zero::none ? Kind::all_reduce : Kind::reduce_scatter, Role::data,
                       bytes, training_.precision.gradients, {}, {});
  for (std::size_t u : bucket_) {
    reduce_rows_[u] = builder_.rows() - 1;
    builder_.also_read(held_gradients_[u]);
    Tensor to = held_gradients_[u];
    if (zero >= Zero::gradients) {
      to = builder_.buffer(gradients_buffer(s.units[u]), home::of_unit(u, home::gradients), Place::fixed,
                           false, false);
      to.add = accumulate_;
    } else {
      to.add = false;
    }
    builder_.also_write(to);
  }
  bucket_.clear();
}

void StageEmitter::backward(StageBlocks& s, bool accumulate, bool reduce) {
  const std::size_t n = s.shape.kinds.size();
  builder_.begin(BlockName::backward, s.shape.device);
  accumulate_ = accumulate;
  have_weights_.assign(n + 2, false);
  have_gradients_.assign(n + 2, false);
  held_weights_.assign(n + 2, {});
  held_gradients_.assign(n + 2, {});
  gather_slots_.clear();
  gradient_slots_.clear();
  whole_layers_ = 0;
  bucket_.clear();
  reduce_rows_.assign(n + 2, BlockBuilder::none);
  gathered_ = 0;
  order_.clear();
  for (std::size_t u = n + 2; u-- > 0;)
    if (s.units[u].unit && (u > 0 || (s.shape.last && head_unit_index(s) == 0))) order_.push_back(u);
  std::size_t position = 0;
  const auto adds = [&](std::size_t u) { return accumulate && s.units[u].zero < Zero::gradients; };
  const auto reduces = [&](std::size_t u, bool flush) {
    if (reduce || s.units[u].zero >= Zero::gradients) reduce_bucket(s, u, flush);
  };
  const Shape act = layers_.activation_shape();
  const Buffer output{Component::messages, Lifetime::message, half_, act, "input gradient"};
  const auto stage_output = [&] {
    return builder_.buffer(output, output_gradient_home, Place::output, true, false);
  };
  Tensor dy = n == 0 && s.shape.last
                  ? stage_output()
                  : builder_.transient("output gradient", Component::workspace, half_, act);
  Tensor input = dy;
  if (s.shape.last) {
    const std::size_t h = head_unit_index(s);
    prefetch(s, position, true);
    if (h != 0) ++position;
    builder_.set_layer(static_cast<std::uint32_t>(n));
    head_backward(s, layer_input(s, n, true), weights(s, h, true), gradients(s, h), dy, adds(h));
    if (h != 0) reduces(h, false);
  } else {
    input = received(true, true);
    if (scattered())
      gathered_message(input, dy);
    else
      dy = input;
  }
  for (std::size_t i = n; i-- > 0;) {
    prefetch(s, position++, true);
    const bool out = i == 0 && !s.shape.first;
    const Tensor dx =
        out ? stage_output() : builder_.transient("layer input gradient", Component::workspace, half_, act);
    const std::uint16_t kind = s.shape.kinds[i];
    layers_.select(model_.kinds[kind], layer_units_[kind], s.shape.strategies[i],
                   static_cast<std::uint32_t>(i));
    layers_.backward(layer_input(s, i, true), weights(s, i + 1, true), gradients(s, i + 1), dy, dx,
                     adds(i + 1));
    reduces(i + 1, i == 0 && !s.shape.first);
    dy = dx;
  }
  const Tensor d_input = dy;
  if (s.shape.first) {
    embed_backward(s, gradients(s, 0), dy);
    reduces(0, true);
  }
  send_bucket(s);  // of units that are cut, where the last one is not
  BlockLinks& l = s.backward[(accumulate ? 1 : 0) + (reduce ? 2 : 0)];
  l = links(d_input, s.shape.last ? 0 : builder_.first_reader(input));
  l.whole_gradients.assign(n + 2, BlockBuilder::none);
  for (std::size_t u = 0; u < n + 2; ++u)
    if (have_gradients_[u] && reduce_rows_[u] != BlockBuilder::none && s.units[u].zero >= Zero::gradients)
      l.whole_gradients[u] = builder_.first_writer(held_gradients_[u]);
  l.reduce_rows = reduce_rows_;
  l.block = builder_.finish();
  l.entries = builder_.entries();
  l.loose_tensor = builder_.loose_tensor_row();
  s.built[(accumulate ? 1 : 0) + (reduce ? 2 : 0)] = true;
}

std::uint32_t StageEmitter::message(bool gradients) {
  builder_.begin(gradients ? BlockName::gradients : BlockName::activations, 0, 2);
  const Shape shape = message_shape();
  const Bytes bytes{shape.elements() * size_of(half_)};
  const Buffer output{Component::messages, Lifetime::message, half_, layers_.activation_shape(),
                      gradients ? "input gradient" : "output"};
  Tensor from = builder_.buffer(output, gradients ? output_gradient_home : output_home, Place::output, false,
                                true, gradients ? 1 : -1);
  if (scattered()) from.share = Share::tensor;
  builder_.communicate(gradients ? Stream::send_previous : Stream::send_next, Kind::send,
                       gradients ? Role::to_previous : Role::to_next, bytes, half_, {from}, {}, false, 0);
  const Buffer arrived{Component::messages, Lifetime::message, half_, shape,
                       gradients ? "received gradient" : "received input"};
  const Tensor to = builder_.buffer(arrived, gradients ? input_gradient_home : input_home,
                                    gradients ? Place::gradient : Place::input, true, false);
  builder_.communicate(gradients ? Stream::receive_next : Stream::receive_previous, Kind::receive,
                       gradients ? Role::from_next : Role::from_previous, bytes, half_, {}, {to}, false, 1);
  return builder_.finish();
}

}  // namespace orrery
