#include "sim/program/finish.h"

#include <algorithm>

namespace orrery {

bool FinishEmitter::gathers(const UnitUse& u) const {
  return u.unit && stages_.data_ranks() > 1 && (u.zero == Zero::optimizer || u.zero == Zero::gradients);
}

bool FinishEmitter::has_begin(const StageBlocks& s) const {
  if (s.shape.first || s.shape.last) return true;
  return plan_.overlap_parameters &&
         std::any_of(s.units.begin(), s.units.end(), [&](const UnitUse& u) { return gathers(u); });
}

Tensor FinishEmitter::persistent(const Buffer& what, std::uint32_t home, std::size_t chunk) {
  const std::uint32_t key = home << 8 | static_cast<std::uint32_t>(chunk);
  for (const auto& [name, tensor] : named_)
    if (name == key) return tensor;
  const std::int32_t offset = static_cast<std::int32_t>(chunk) * plan_.pp;
  named_.emplace_back(key, builder_.buffer(what, home, Place::fixed, false, false, offset));
  return named_.back().second;
}

FinishBlock FinishEmitter::finish() {
  FinishBlock out;
  out.last_data = builder_.last_row(Stream::data);
  out.last_compute = builder_.last_row(Stream::compute);
  out.block = builder_.finish();
  out.entries = builder_.entries();
  named_.clear();
  return out;
}

// Buckets of units in order of use, as large as those of the gradients.
void FinishEmitter::gather_units(const StageBlocks& s, std::size_t chunk, std::vector<std::uint32_t>* rows) {
  std::size_t first = 0;
  std::int64_t elements = 0;
  Bytes bytes{};
  for (std::size_t u = 0; u < s.units.size(); ++u) {
    if (gathers(s.units[u])) {
      elements += s.units[u].unit->elements;
      bytes += stages_.parameter_bytes(*s.units[u].unit);
    }
    const bool end = u + 1 == s.units.size();
    if (bytes.v == 0 || (!end && elements < plan_.bucket_parameters)) continue;
    const std::uint32_t row = builder_.communicate(Stream::data, Kind::all_gather, Role::data, bytes,
                                                   training_.precision.parameters, {}, {});
    for (std::size_t k = first; k <= u; ++k) {
      if (!gathers(s.units[k])) continue;
      builder_.also_write(
          persistent(stages_.weights_buffer(s.units[k]), home::of_unit(k, home::weights), chunk));
      if (rows) (*rows)[k] = row;
    }
    first = u + 1;
    elements = 0;
    bytes = {};
  }
}

FinishBlock FinishEmitter::begin(const StageBlocks& s, std::vector<std::uint32_t>& rows) {
  builder_.begin(BlockName::begin, s.shape.device);
  rows.assign(s.units.size(), BlockBuilder::none);
  if (plan_.overlap_parameters) gather_units(s, 0, &rows);
  if (s.shape.first || s.shape.last) {
    const Buffer tokens = stages_.tokens_buffer();
    builder_.local(Stream::host, Kind::host, {}, {});
    const std::uint32_t fetched = builder_.rows() - 1;
    builder_.local(Stream::to_device, Kind::copy, tokens.bytes(), {persistent(tokens, home::tokens, 0)});
    builder_.after(fetched);
  }
  return finish();
}

FinishBlock FinishEmitter::reductions(const TeamStages& team) {
  builder_.begin(BlockName::finish, team.device);
  const DType type = training_.precision.gradients;
  for (std::size_t chunk = 0; chunk < team.chunks.size(); ++chunk) {
    const StageBlocks& s = *team.chunks[chunk];
    std::int64_t partial = 0;
    for (const Zero zero : {Zero::none, Zero::optimizer}) {
      Bytes bytes{};
      for (const UnitUse& u : s.units)
        if (u.unit && u.zero == zero) bytes += stages_.gradient_bytes(u);
      if (bytes.v == 0 || plan_.overlap_gradients || stages_.data_ranks() == 1) continue;
      builder_.communicate(Stream::data, zero == Zero::none ? Kind::all_reduce : Kind::reduce_scatter,
                           Role::data, bytes, type, {}, {});
      for (std::size_t u = 0; u < s.units.size(); ++u)
        if (s.units[u].unit && s.units[u].zero == zero)
          builder_.also_write(
              persistent(stages_.gradients_buffer(s.units[u]), home::of_unit(u, home::gradients), chunk));
    }
    for (const UnitUse& u : s.units) {
      if (!u.unit || plan_.tp == 1) continue;
      const std::int64_t cuts = u.zero >= Zero::gradients ? stages_.data_ranks() : 1;
      partial += (partial_elements(*u.unit) + cuts - 1) / cuts;
    }
    if (partial == 0) continue;
    builder_.communicate(Stream::tensor, Kind::all_reduce, Role::tensor, {partial * size_of(type)}, type, {},
                         {});
    write_partial(s, chunk);
  }
  return finish();
}

std::int64_t FinishEmitter::partial_elements(const Unit& unit) const {
  std::int64_t elements = 0;
  for (const UnitTensor& t : unit.tensors)
    if (is_partial(t, plan_.sequence_parallel)) elements += t.elements();
  return elements;
}

// Operands of the tensor ranks' sum, tensor by tensor.
void FinishEmitter::write_partial(const StageBlocks& s, std::size_t chunk) {
  for (std::size_t u = 0; u < s.units.size(); ++u) {
    const UnitUse& use = s.units[u];
    if (!use.unit || partial_elements(*use.unit) == 0) continue;
    Tensor flat = persistent(stages_.gradients_buffer(use), home::of_unit(u, home::gradients), chunk);
    if (use.zero >= Zero::gradients) flat.share = Share::data;
    for (const UnitTensor& t : use.unit->tensors)
      if (is_partial(t, plan_.sequence_parallel)) builder_.also_write(view(flat, *use.unit, t.name));
  }
}

FinishBlock FinishEmitter::tied_embedding(const StageBlocks& first, const StageBlocks& last,
                                          std::uint32_t last_virtual_stage) {
  builder_.begin(BlockName::finish, first.shape.device, 2);
  const DType type = training_.precision.gradients;
  const UnitTensor& matrix = *first.units[0].unit->find("embedding.weight");
  // Both ends are cut alike: what falls into a data rank's part is summed where it lies.
  const bool cut = first.units[0].zero >= Zero::gradients;
  const std::int64_t cuts = cut ? stages_.data_ranks() : 1;
  const Bytes bytes{(matrix.elements() + cuts - 1) / cuts * size_of(type)};
  const std::size_t head = last.units.size() - 1;
  for (std::uint8_t slot = 0; slot < 2; ++slot) {
    const UnitUse& use = slot == 0 ? first.units[0] : last.units[head];
    const std::uint32_t its_home = home::of_unit(slot == 0 ? 0 : head, home::gradients);
    Tensor flat = builder_.buffer(stages_.gradients_buffer(use), its_home, Place::fixed, false, false,
                                  slot == 0 ? 0 : static_cast<std::int32_t>(last_virtual_stage));
    if (cut) flat.share = Share::data;
    builder_.communicate(Stream::data, Kind::all_reduce, Role::embedding, bytes, type, {},
                         {view(flat, *use.unit, slot == 0 ? "embedding.weight" : "head.weight")}, false,
                         slot);
  }
  return finish();
}

FinishBlock FinishEmitter::norm(const TeamStages& team) {
  builder_.begin(BlockName::finish, team.device);
  Op op;
  op.name = OpName::gradient_norm;
  op.pass = Pass::update;
  op.dtype = training_.precision.gradients;
  for (const StageBlocks* s : team.chunks)
    for (const UnitUse& u : s->units)
      if (u.unit) op.elements += u.zero == Zero::none ? u.unit->elements : stages_.shard(*u.unit);
  const Tensor sum =
      builder_.buffer({Component::workspace, Lifetime::persistent, DType::fp32, {}, "gradient norm"},
                      home::gradient_norm, Place::fixed, false, false);
  builder_.compute(op, {}, {sum});
  for (std::size_t chunk = 0; chunk < team.chunks.size(); ++chunk) {
    const StageBlocks& s = *team.chunks[chunk];
    for (std::size_t u = 0; u < s.units.size(); ++u)
      if (s.units[u].unit)
        builder_.also_read(
            persistent(stages_.gradients_buffer(s.units[u]), home::of_unit(u, home::gradients), chunk));
  }
  return finish();
}

FinishBlock FinishEmitter::world(std::uint32_t teams) {
  builder_.begin(BlockName::finish, 0, teams);
  for (std::uint32_t slot = 0; slot < teams; ++slot) {
    const Tensor sum =
        builder_.buffer({Component::workspace, Lifetime::persistent, DType::fp32, {}, "gradient norm"},
                        home::gradient_norm, Place::fixed, false, false, static_cast<std::int32_t>(slot));
    builder_.communicate(Stream::data, Kind::all_reduce, Role::world, {4}, DType::fp32, {}, {sum}, false,
                         static_cast<std::uint8_t>(slot));
  }
  return finish();
}

FinishBlock FinishEmitter::update(const TeamStages& team) {
  builder_.begin(BlockName::finish, team.device);
  Op clip, optimizer;
  clip.name = OpName::clip;
  optimizer.name = OpName::optimizer;
  clip.pass = optimizer.pass = Pass::update;
  clip.dtype = training_.precision.gradients;
  optimizer.dtype = DType::fp32;
  for (const StageBlocks* s : team.chunks) {
    for (const UnitUse& u : s->units) {
      if (!u.unit) continue;
      clip.elements += u.zero >= Zero::gradients ? stages_.shard(*u.unit) : u.unit->elements;
      optimizer.elements += u.zero == Zero::none ? u.unit->elements : stages_.shard(*u.unit);
    }
  }
  const Tensor norm =
      builder_.buffer({Component::workspace, Lifetime::persistent, DType::fp32, {}, "gradient norm"},
                      home::gradient_norm, Place::fixed, false, false);
  builder_.compute(clip, {norm}, {});
  for (std::size_t chunk = 0; chunk < team.chunks.size(); ++chunk) {
    const StageBlocks& s = *team.chunks[chunk];
    for (std::size_t u = 0; u < s.units.size(); ++u) {
      if (s.units[u].unit)
        builder_.also_write(
            persistent(stages_.gradients_buffer(s.units[u]), home::of_unit(u, home::gradients), chunk));
    }
  }
  builder_.compute(optimizer, {norm}, {});
  for (std::size_t chunk = 0; chunk < team.chunks.size(); ++chunk) {
    const StageBlocks& s = *team.chunks[chunk];
    for (std::size_t u = 0; u < s.units.size(); ++u) {
      if (!s.units[u].unit) continue;
      builder_.also_read(
          persistent(stages_.gradients_buffer(s.units[u]), home::of_unit(u, home::gradients), chunk));
      builder_.also_write(
          persistent(stages_.optimizer_buffer(s.units[u]), home::of_unit(u, home::optimizer), chunk));
      builder_.also_write(
          persistent(stages_.weights_buffer(s.units[u]), home::of_unit(u, home::weights), chunk));
    }
  }
  for (std::size_t chunk = 0; chunk < team.chunks.size() && !plan_.overlap_parameters; ++chunk)
    gather_units(*team.chunks[chunk], chunk, nullptr);
  return finish();
}

}  // namespace orrery
