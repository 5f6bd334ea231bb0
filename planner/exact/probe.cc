#include "planner/exact/probe.h"

#include <algorithm>

#include "sim/cost/price.h"
#include "sim/program/fold.h"

namespace orrery::exact {

Probe::Probe(const orrery::Problem& problem, const Plan& plan)
    : p_(problem),
      plan_(plan),
      micro_batches_(static_cast<std::uint32_t>(orrery::micro_batches(problem.training, plan))),
      classes_(program_.classes),
      builder_(program_, classes_),
      emitter_(builder_, problem.model, problem.training, plan_),
      finish_(builder_, emitter_, problem.training, plan_) {
  program_.clear();
  classes_.clear();
  folding_.run(p_.cluster, plan_, true, p_.model.tied && plan_.pp > 1, program_, classes_);
}

Probe::Chunk Probe::units(Ends ends, const std::vector<LayerStrategy>& word) {
  plan_.layers = word;  // the edges follow the first and the last layer
  StageShape shape{ends.first, ends.last, 0, {}, word};
  shape.kinds.assign(word.size(), p_.model.layers.front());
  Chunk out;
  const auto same =
      std::find_if(made_.begin(), made_.end(), [&](const StageBlocks& b) { return b.shape == shape; });
  if (same != made_.end()) {
    out.blocks = &*same;
    return out;
  }
  made_.emplace_back();
  out.blocks = &made_.back();
  out.blocks->shape = std::move(shape);
  emitter_.list_units(*out.blocks);
  return out;
}

Probe::Chunk Probe::chunk(Ends ends, const std::vector<LayerStrategy>& word) {
  Chunk out = units(ends, word);
  if (!out.blocks->has_forward) emitter_.forward(*out.blocks);
  for (const std::size_t t : {0, 1, 2}) {
    const bool accumulate = t > 0;
    const bool reduce = plan_.overlap_gradients && (t == 2 || micro_batches_ == 1);
    out.variant[t] = (accumulate ? 1u : 0u) + (reduce ? 2u : 0u);
    if (!out.blocks->built[out.variant[t]]) emitter_.backward(*out.blocks, accumulate, reduce);
  }
  return out;
}

// Of all ranks the least, which is no more than any meeting takes.
Time Probe::price(const Row& row) const {
  Time least = -never;
  const auto of = [&](std::uint32_t c) {
    prices_.resize(std::max<std::size_t>(prices_.size(), program_.classes.size()), never);
    if (is_never(prices_[c]))
      prices_[c] = orrery::price(program_.classes[c], p_.calibration, p_.cluster).total().v;
    return prices_[c];
  };
  if (!is_meeting(row.kind)) return of(row.cost_class);
  for (const Team& team : program_.teams)
    for (const std::uint32_t v : team.roles[static_cast<std::size_t>(row.role)].variant)
      least = std::min(least, of(row.cost_class + v));
  return least;
}

bool Probe::one_player() const {
  return std::all_of(program_.teams.begin(), program_.teams.end(),
                     [](const Team& t) { return t.players.size() == 1; });
}

// Ends of a block's rows; never: not reached from `from`.
std::vector<Time> Probe::play(const BlockLinks& links, std::optional<std::uint32_t> from) const {
  const Block& block = program_.blocks[links.block];
  std::vector<Time> end(block.rows, never);
  Time stream[stream_count];
  std::fill(std::begin(stream), std::end(stream), from ? never : 0);
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const Row& row = program_.rows[block.first_row + r];
    if (row.stream == Stream::data) continue;
    Time& last = stream[static_cast<std::size_t>(row.stream)];
    Time start = from == r ? std::max<Time>(last, 0) : last;
    const std::uint32_t waits_end = block.first_row + r + 1 < program_.rows.size()
                                        ? program_.rows[block.first_row + r + 1].first_wait
                                        : static_cast<std::uint32_t>(program_.waits.size());
    for (std::uint32_t w = row.first_wait; w < waits_end; ++w)
      start = std::max(start, end[r - program_.waits[w]]);
    last = end[r] = plus(start, price(row));
  }
  return end;
}

Time Probe::compute(const BlockLinks& links, std::optional<std::uint32_t> from) const {
  return play(links, from)[links.last_compute];
}

Time Probe::loose(const BlockLinks& links) const {
  if (links.loose_tensor == BlockBuilder::none) return 0;
  const std::vector<Time> end = play(links, {});
  return std::max<Time>(0, end[links.loose_tensor] - end[links.last_compute]);
}

DataTimes Probe::data(std::uint32_t b) const {
  const Block& block = program_.blocks[b];
  DataTimes out;
  for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r) {
    const Row& row = program_.rows[r];
    if (row.stream == Stream::data)
      (row.kind == Kind::all_gather ? out.gathers : out.reductions) += price(row);
  }
  return out;
}

// The end of the last row that a row of the block waits for.
Time Probe::waited(const Block& block, std::uint32_t r, const std::vector<Time>& end) const {
  const std::uint32_t at = block.first_row + r;
  const std::uint32_t waits_end = at + 1 < program_.rows.size()
                                      ? program_.rows[at + 1].first_wait
                                      : static_cast<std::uint32_t>(program_.waits.size());
  Time last = 0;
  for (std::uint32_t w = program_.rows[at].first_wait; w < waits_end; ++w)
    last = std::max(last, end[r - program_.waits[w]]);
  return last;
}

Time Probe::after_gradients(const BlockLinks& links) const {
  const Block& block = program_.blocks[links.block];
  const std::vector<Time> end = play(links, {});
  Time whole = 0;
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const Row& row = program_.rows[block.first_row + r];
    if (row.stream == Stream::data && row.kind != Kind::all_gather)
      whole = std::max(whole, waited(block, r, end));
  }
  return std::max<Time>(0, end[links.last_compute] - whole);
}

Time Probe::before_reduction(const BlockLinks& links, std::size_t unit) const {
  const std::uint32_t row = links.reduce_rows[unit];
  return row == BlockBuilder::none ? 0 : waited(program_.blocks[links.block], row, play(links, {}));
}

Time Probe::before_parameters(const BlockLinks& links) const {
  const Block& block = program_.blocks[links.block];
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    const std::uint32_t row = block.first_row + r;
    if (program_.rows[row].stream != Stream::compute) continue;
    const std::uint32_t last = row + 1 < program_.rows.size()
                                   ? program_.rows[row + 1].first_operand
                                   : static_cast<std::uint32_t>(program_.operands.size());
    for (std::uint32_t o = program_.rows[row].first_operand; o < last; ++o) {
      const Operand& operand = program_.operands[o];
      const Buffer& buffer =
          program_.buffers[program_.block_buffers[block.first_buffer + operand.buffer].buffer];
      if (!operand.write &&
          (buffer.component == orrery::Component::weights || buffer.component == orrery::Component::gathered))
        return compute(links) - compute(links, r);
    }
  }
  return 0;
}

Time Probe::total(std::uint32_t b, Stream stream) const {
  const Block& block = program_.blocks[b];
  Time sum = 0;
  for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r)
    if (program_.rows[r].stream == stream) sum += price(program_.rows[r]);
  return sum;
}

std::uint32_t Probe::begin_block(const Chunk& c) {
  std::vector<std::uint32_t> rows;
  return finish_.begin(*c.blocks, rows).block;
}
FinishBlock Probe::reductions(const Chunk& c) { return finish_.reductions({{c.blocks}, 0}); }
FinishBlock Probe::norm(const Chunk& c) { return finish_.norm({{c.blocks}, 0}); }
FinishBlock Probe::update(const Chunk& c) { return finish_.update({{c.blocks}, 0}); }

Time Probe::world() {
  if (plan_.ranks() == 1) return 0;
  const Block& block = program_.blocks[finish_.world(static_cast<std::uint32_t>(plan_.pp)).block];
  return price(program_.rows[block.first_row]);
}

Time Probe::tied(const Chunk& first, const Chunk& last) {
  const Block& block =
      program_.blocks[finish_
                          .tied_embedding(*first.blocks, *last.blocks,
                                          static_cast<std::uint32_t>(plan_.pp * plan_.virtual_stages - 1))
                          .block];
  return price(program_.rows[block.first_row]);
}

std::uint32_t Probe::message_block(bool gradients) {
  if (!messages_[gradients]) messages_[gradients] = emitter_.message(gradients);
  return *messages_[gradients];
}

Time Probe::message(bool gradients, std::uint32_t from) {
  const Row& row = program_.rows[program_.blocks[message_block(gradients)].first_row];
  Time least = -never;
  for (const std::uint32_t v : program_.teams[from].roles[static_cast<std::size_t>(row.role)].variant)
    least = std::min(
        least, orrery::price(program_.classes[row.cost_class + v], p_.calibration, p_.cluster).total().v);
  return least;
}

Probe::Bytes Probe::bytes(std::uint32_t b, std::uint32_t slot) const {
  const Block& block = program_.blocks[b];
  constexpr std::uint32_t none = ~0u;
  std::vector<std::uint32_t> first(block.buffers, none), last(block.buffers, none);
  const auto operands_end = [&](std::uint32_t row) {
    return row + 1 < program_.rows.size() ? program_.rows[row + 1].first_operand
                                          : static_cast<std::uint32_t>(program_.operands.size());
  };
  for (std::uint32_t r = block.first_row; r < block.first_row + block.rows; ++r) {
    if (program_.rows[r].slot != slot) continue;
    for (std::uint32_t o = program_.rows[r].first_operand; o < operands_end(r); ++o) {
      const std::uint16_t buffer = program_.operands[o].buffer;
      if (first[buffer] == none) first[buffer] = r;
      last[buffer] = r;
    }
  }
  Bytes out;
  std::vector<Time> begins(block.rows, 0), ends(block.rows, 0);
  for (std::uint32_t x = 0; x < block.buffers; ++x) {
    if (first[x] == none) continue;
    const BlockBuffer& buffer = program_.block_buffers[block.first_buffer + x];
    const Time size = program_.buffers[buffer.buffer].bytes().v;
    if (buffer.acquires) begins[first[x] - block.first_row] += size;
    if (buffer.releases) ends[last[x] - block.first_row] += size;
  }
  for (std::uint32_t r = 0; r < block.rows; ++r) {
    out.net += begins[r];
    out.peak = std::max(out.peak, out.net);
    out.net -= ends[r];
  }
  return out;
}

Time Probe::output(const Chunk& c) const {
  const Block& block = program_.blocks[c.blocks->forward.block];
  Time sum = 0;
  for (std::uint32_t b = block.first_buffer; b < block.first_buffer + block.buffers; ++b) {
    const BlockBuffer& buffer = program_.block_buffers[b];
    if (buffer.place == Place::output) sum += program_.buffers[buffer.buffer].bytes().v;
  }
  return sum;
}

Time Probe::persistent(const Chunk& c) const {
  Time sum = 0;
  for (const UnitUse& u : c.blocks->units)
    if (u.unit)
      sum += (emitter_.weights_buffer(u).bytes() + emitter_.gradients_buffer(u).bytes() +
              emitter_.optimizer_buffer(u).bytes())
                 .v;
  if (c.blocks->shape.first || c.blocks->shape.last) sum += emitter_.tokens_buffer().bytes().v;
  if (c.blocks->shape.last) sum += emitter_.loss_buffer().bytes().v;
  return sum;
}

Time Probe::gradient_bytes(const Chunk& one) const { return emitter_.gradient_bytes(one.blocks->units[1]).v; }

Time Probe::tokens_copy(const Chunk& first) {
  const std::uint32_t block = begin_block(first);
  return total(block, Stream::host) + total(block, Stream::to_device);
}

std::int64_t Probe::layer_elements() const { return made_.front().units[1].unit->elements; }

}  // namespace orrery::exact
