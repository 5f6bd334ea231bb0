#include "sim/program/builder.h"

#include <algorithm>

namespace orrery {

void BlockBuilder::begin(BlockName name, std::uint32_t device, std::uint32_t slots) {
  device_ = device;
  layer_ = 0;
  first_row_ = static_cast<std::uint32_t>(program_.rows.size());
  block_ = {};
  block_.name = name;
  block_.slots = slots;
  block_.first_row = first_row_;
  block_.first_buffer = static_cast<std::uint32_t>(program_.block_buffers.size());
  uses_.clear();
  row_streams_.clear();
  entries_.clear();
  std::fill(std::begin(last_on_stream_), std::end(last_on_stream_), none);
  joined_tensor_ = none;
  open_ = false;
}

std::uint32_t BlockBuilder::finish() {
  close_row();
  block_.rows = rows();
  block_.buffers = static_cast<std::uint32_t>(program_.block_buffers.size()) - block_.first_buffer;
  program_.blocks.push_back(block_);
  return static_cast<std::uint32_t>(program_.blocks.size()) - 1;
}

Tensor BlockBuilder::buffer(const Buffer& what, std::uint32_t home, Place place, bool acquires, bool releases,
                            std::int32_t stage_offset) {
  const auto index = static_cast<std::uint32_t>(program_.buffers.size());
  program_.buffers.push_back(what);
  program_.block_buffers.push_back({index, home, stage_offset, place, acquires, releases});
  Uses fresh;
  std::fill(std::begin(fresh.readers), std::end(fresh.readers), none);
  uses_.push_back(fresh);
  return {static_cast<std::uint16_t>(uses_.size() - 1), true, 0, what.shape, false, Share::all};
}

Tensor BlockBuilder::transient(std::string_view name, Component component, DType dtype, Shape shape) {
  const std::uint32_t home = local_home | static_cast<std::uint32_t>(uses_.size());
  return buffer({component, Lifetime::transient, dtype, shape, name}, home, Place::fixed, true, true);
}

std::uint32_t BlockBuilder::compute(const Op& op, std::initializer_list<Tensor> reads,
                                    std::initializer_list<Tensor> writes) {
  Row row;
  row.cost_class = classes_.compute(op, device_);
  row.op = op.name;
  row.pass = op.pass;
  const std::uint32_t index = append(row);
  for (const Tensor& t : reads) use(t, false);
  for (const Tensor& t : writes) use(t, true);
  return index;
}

std::uint32_t BlockBuilder::communicate(Stream stream, Kind kind, Role role, Bytes bytes, DType dtype,
                                        std::initializer_list<Tensor> reads,
                                        std::initializer_list<Tensor> writes, bool pipelined,
                                        std::uint8_t slot) {
  Row row;
  row.cost_class = classes_.communicate(kind, role, bytes, dtype, pipelined);
  row.kind = kind;
  row.stream = stream;
  row.role = role;
  row.slot = slot;
  const std::uint32_t index = append(row);
  for (const Tensor& t : reads) use(t, false);
  for (const Tensor& t : writes) use(t, true);
  return index;
}

std::uint32_t BlockBuilder::local(Stream stream, Kind kind, Bytes bytes,
                                  std::initializer_list<Tensor> writes) {
  Row row;
  row.cost_class = classes_.local(kind, bytes, device_);
  row.kind = kind;
  row.stream = stream;
  const std::uint32_t index = append(row);
  for (const Tensor& t : writes) use(t, true);
  return index;
}

std::uint32_t BlockBuilder::append(Row row) {
  close_row();
  row.layer = layer_;
  row.first_wait = static_cast<std::uint32_t>(program_.waits.size());
  row.first_operand = static_cast<std::uint32_t>(program_.operands.size());
  program_.rows.push_back(row);
  row_streams_.push_back(row.stream);
  std::uint32_t& last = last_on_stream_[static_cast<std::size_t>(row.stream)];
  previous_ = last;
  last = rows() - 1;
  block_.streams |= 1u << static_cast<unsigned>(row.stream);
  std::fill(std::begin(pending_), std::end(pending_), none);
  open_ = true;
  return rows() - 1;
}

void BlockBuilder::use(const Tensor& t, bool write) {
  const std::uint32_t row = rows() - 1;
  const Stream stream = row_streams_[row];
  program_.operands.push_back({t.buffer, write, write && t.add, t.share, t.whole, t.offset, t.shape});
  Uses& uses = uses_[t.buffer];
  if (uses.writer != none) wait_for(uses.writer);
  if (write) {
    for (std::uint32_t reader : uses.readers)
      if (reader != none) wait_for(reader);
    std::fill(std::begin(uses.readers), std::end(uses.readers), none);
    uses.writer = row;
    if (uses.first_write == none) uses.first_write = row;
  } else {
    uses.readers[static_cast<std::size_t>(stream)] = row;
    if (uses.first_read == none) uses.first_read = row;
  }
}

void BlockBuilder::wait_for(std::uint32_t row) {
  const Stream stream = row_streams_[row];
  if (stream == row_streams_.back()) return;
  std::uint32_t& latest = pending_[static_cast<std::size_t>(stream)];
  if (latest == none || latest < row) latest = row;
}

// Waits of a row are complete when the next one begins: only the last on each stream, as streams are in
// order.
void BlockBuilder::close_row() {
  if (!open_) return;
  const std::uint32_t row = rows() - 1;
  bool waits = false;
  for (std::uint32_t earlier : pending_) {
    if (earlier == none) continue;
    program_.waits.push_back(row - earlier);
    waits = true;
  }
  const std::uint32_t tensor = pending_[static_cast<std::size_t>(Stream::tensor)];
  const bool joins = row_streams_[row] == Stream::compute && tensor != none;
  if (joins && (joined_tensor_ == none || joined_tensor_ < tensor)) joined_tensor_ = tensor;
  if (!waits && row_streams_[row] != Stream::compute && previous_ == none) entries_.push_back(row);
  open_ = false;
}

std::uint32_t BlockBuilder::first_row(Stream s) const {
  const auto at = std::find(row_streams_.begin(), row_streams_.end(), s);
  return at == row_streams_.end() ? none : static_cast<std::uint32_t>(at - row_streams_.begin());
}

std::uint32_t BlockBuilder::loose_tensor_row() const {
  const std::uint32_t last = last_row(Stream::tensor);
  return joined_tensor_ == last ? none : last;
}

}  // namespace orrery
