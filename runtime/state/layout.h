// Where the elements of a rank's flat weights lie in the canonical tensors: the model's own, whole and
// without padding, which checkpoints and imports speak of whatever the plan. This is the only place that
// knows the layouts of tensor ranks (their canonical order is that of one rank):
//
//   attention.qkv    this rank's query heads, its key heads, its value heads; canonical: all queries, all
//   keys,
//                    all values. Key and value heads that several ranks copy are owned by the first of them.
//   mlp.up, gated    this rank's gate rows, its up rows; canonical: all gate rows, all up rows
//   vocabulary       rows padded to 128 a tensor rank; canonical: Model::vocab rows
//   others           cut evenly along their axis; copies are owned by tensor rank 0
//
// A tied matrix is owned by the first stage. Vectors have one column.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/model/model.h"
#include "sim/program/program.h"

namespace orrery {

// A rectangle of a canonical tensor; its elements are in row order.
struct Slice {
  std::string tensor;  // "layers.3.attention.qkv.weight"
  std::int64_t row = 0, rows = 0, column = 0, columns = 0;
  std::int64_t elements() const { return rows * columns; }
  bool operator==(const Slice&) const = default;
};
std::string text(const Slice&);  // "layers.3.mlp.down.weight[0:768, 0:1536]"

// "layers.3.attention.qkv.weight" is 3, "attention.qkv" and "weight".
struct TensorName {
  int layer = -1;  // of the edges
  std::string_view module, kind;
};
TensorName parse_name(std::string_view canonical);

struct CanonicalTensor {
  std::string name;
  std::int64_t rows = 0, columns = 1;
  bool vector = false;  // one dimension in files of others
  Slice whole() const { return {name, 0, rows, 0, columns}; }
};
// All of a dense decoder's, in the order of its layers.
std::vector<CanonicalTensor> canonical_tensors(const Model&);

// `slice` lies, contiguous, from element `offset` of a flat range on.
struct Placement {
  Slice slice;
  std::int64_t offset = 0;
  bool owned = true;  // one of all ranks that hold these elements
};

// Of one tensor on one tensor rank, by offset.
std::vector<Placement> place(const Model&, const Weight&, int tp, int tensor_rank);
// Of the flat weights `home` of a virtual stage, whole (ZeRO-3: gathered).
std::vector<Placement> place(const Model&, std::span<const Weight>, std::uint32_t virtual_stage,
                             std::uint32_t home, int tp, int tensor_rank);
// What of `placements` falls into the flat range [begin, end), offsets counted from `begin`: what a data rank
// holds of a unit that ZeRO cuts.
std::vector<Placement> within(std::span<const Placement> placements, std::int64_t begin, std::int64_t end);

// Anything that knows the values of canonical tensors: a checkpoint, a seed, a file of others. Immutable.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual void read(const Slice&, std::span<float> to) const = 0;
};
// The flat range that `placements` describe; padding is 0.
void fill(const WeightSource&, std::span<const Placement> placements, std::span<float> range);

}  // namespace orrery
