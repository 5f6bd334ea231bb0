// The operands of one row as one rank sees them in one call: memory, type and shape.
#pragma once
#include <vector>

#include "runtime/kernel.h"
#include "runtime/play/rank.h"

namespace orrery {

struct Bound {
  TensorRef tensor;  // of the part that the operand names
  bool add = false;
  std::byte* buffer = nullptr;       // where its buffer begins,
  std::int64_t buffer_elements = 0;  // and what the buffer holds
  std::string_view name;
};

struct Operands {
  std::vector<Bound> reads, writes;  // in the order in which the row names them

  const TensorRef& read(std::size_t i) const { return reads.at(i).tensor; }
  const TensorRef& write(std::size_t i) const { return writes.at(i).tensor; }
  // None where the row has no such operand (biases, masks), or its share of it is nothing.
  TensorRef read_if(std::size_t i) const {
    return i < reads.size() && reads[i].tensor.rows > 0 ? reads[i].tensor : TensorRef{};
  }
  TensorRef write_if(std::size_t i) const { return i < writes.size() ? writes[i].tensor : TensorRef{}; }
};

// `row` counts within the call's block.
void bind_operands(const RankMemory&, const Coordinates&, const Call&, std::uint32_t row, Operands& out);

}  // namespace orrery
