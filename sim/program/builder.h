// Builds one block of a Program. Rows name the buffers that they read and write, and the waits follow: a row
// waits for the last writer of what it reads, and for the writer and all readers of what it writes, where
// these are on other streams. So no two uses of a buffer race, and no wait is written by hand.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "sim/program/classes.h"
#include "sim/program/program.h"

namespace orrery {

// A buffer of the block under construction, or a part of one.
struct Tensor {
  std::uint16_t buffer = 0;
  bool whole = true;
  std::int64_t offset = 0;
  Shape shape;
  bool add = false;  // writes add
  Share share = Share::all;
};

class BlockBuilder {
 public:
  static constexpr std::uint32_t none = ~0u;
  static constexpr std::uint32_t local_home = 1u << 31;  // set in the homes of transient()s

  explicit BlockBuilder(Program& program, ClassTable& classes) : program_(program), classes_(classes) {}

  void begin(BlockName, std::uint32_t device, std::uint32_t slots = 1);
  std::uint32_t finish();  // the block's index

  // A buffer that the block uses. `home` tells it apart within the virtual stage and place; a transient() is
  // told apart by its block as well.
  Tensor buffer(const Buffer&, std::uint32_t home, Place, bool acquires, bool releases,
                std::int32_t stage_offset = 0);
  Tensor transient(std::string_view name, Component, DType, Shape);

  // Appends a row and returns its index within the block.
  std::uint32_t compute(const Op&, std::initializer_list<Tensor> reads, std::initializer_list<Tensor> writes);
  std::uint32_t communicate(Stream, Kind, Role, Bytes, DType, std::initializer_list<Tensor> reads,
                            std::initializer_list<Tensor> writes, bool pipelined = false,
                            std::uint8_t slot = 0);
  std::uint32_t local(Stream, Kind, Bytes, std::initializer_list<Tensor> writes);  // copy or host
  // More operands, a tag, and an extra wait, of the newest row.
  void also_read(Tensor t) { use(t, false); }
  void also_write(Tensor t) { use(t, true); }
  void tag(OpName op) { program_.rows.back().op = op; }
  void after(std::uint32_t earlier) { wait_for(earlier); }

  void set_layer(std::uint32_t layer) { layer_ = static_cast<std::uint16_t>(layer); }
  std::uint32_t rows() const { return static_cast<std::uint32_t>(program_.rows.size()) - first_row_; }
  std::uint32_t first_writer(Tensor t) const { return uses_[t.buffer].first_write; }
  std::uint32_t first_reader(Tensor t) const { return uses_[t.buffer].first_read; }
  // The newest row of a stream and the newest writer of a buffer; `none` if there is none.
  std::uint32_t first_row(Stream s) const;
  std::uint32_t last_row(Stream s) const { return last_on_stream_[static_cast<std::size_t>(s)]; }
  std::uint32_t last_writer(Tensor t) const { return uses_[t.buffer].writer; }
  // The last row of the tensor stream if no compute row of the block waits for it; else `none`.
  std::uint32_t loose_tensor_row() const;
  // Rows of other streams than compute that nothing in the block orders after the block's beginning.
  const std::vector<std::uint32_t>& entries() const { return entries_; }

 private:
  struct Uses {
    std::uint32_t writer = none, first_read = none, first_write = none;
    std::uint32_t readers[stream_count];  // the last reader on each stream
  };
  void close_row();
  std::uint32_t append(Row row);
  void use(const Tensor&, bool write);
  void wait_for(std::uint32_t row);

  Program& program_;
  ClassTable& classes_;
  Block block_;
  std::uint32_t first_row_ = 0, device_ = 0;
  std::uint16_t layer_ = 0;
  std::vector<Uses> uses_;
  std::vector<Stream> row_streams_;
  std::vector<std::uint32_t> entries_;
  std::uint32_t pending_[stream_count];  // the newest row's waits: the last row on each stream
  std::uint32_t last_on_stream_[stream_count];
  std::uint32_t previous_ = none;       // the row before the newest one on its stream
  std::uint32_t joined_tensor_ = none;  // the last tensor row that a compute row waits for
  bool open_ = false;
};

}  // namespace orrery
