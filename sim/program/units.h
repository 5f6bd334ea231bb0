// The parameters of a model as the units that data parallelism moves: one a layer, one for the embedding and
// one for the head. A unit is flat: its tensors one after the other, as one rank of a tensor group holds
// them.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/model/model.h"
#include "sim/program/builder.h"

namespace orrery {

// Of a tensor that every tensor rank holds: whether a rank sees a part of its gradient only. Norms and biases
// under sequence parallelism (its tokens), norms of queries and keys always (its heads).
enum class Partial : std::uint8_t { no, by_tokens, by_heads };

struct UnitTensor {
  std::string_view name;               // "attention.qkv.weight"
  std::int64_t rows = 0, columns = 1;  // on one rank
  int axis = -1;                       // cut along rows (0) or columns (1); -1: a copy on every tensor rank
  std::int64_t offset = 0;             // within the unit, in elements
  Partial partial = Partial::no;
  std::int64_t elements() const { return rows * columns; }
};

struct Unit {
  std::vector<UnitTensor> tensors;
  std::int64_t elements = 0;  // on one rank
  std::int64_t cut_as = 0;  // cut over data ranks as if it had so many, if more: to be cut as another unit is
  const UnitTensor* find(std::string_view name) const;  // nullptr if the unit has no such tensor
};

// Whether the gradient of a tensor must be summed over the tensor ranks at the step's end.
constexpr bool is_partial(const UnitTensor& t, bool sequence_parallel) {
  return t.partial == Partial::by_heads || (t.partial == Partial::by_tokens && sequence_parallel);
}

Unit layer_unit(const Model&, const Layer&, int tp);
Unit embedding_unit(const Model&, int tp, bool with_head);  // with_head: tied, or one stage holds both
Unit head_unit(const Model&, int tp);                       // final norm and the output matrix

// A view of `name` in a flat tensor that holds the unit.
Tensor view(const Tensor& flat, const Unit&, std::string_view name);

}  // namespace orrery
