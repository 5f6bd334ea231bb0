#include "sim/program/units.h"

#include "sim/base/error.h"
#include "sim/model/ops.h"

namespace orrery {
namespace {

class Listing {
 public:
  void matrix(std::string_view name, std::int64_t rows, std::int64_t columns, int axis) {
    unit_.tensors.push_back({name, rows, columns, axis, unit_.elements, Partial::no});
    unit_.elements += rows * columns;
  }
  // Held by every tensor rank; its gradient is whole on each only after a sum.
  void partial(std::string_view name, std::int64_t elements, Partial kind = Partial::by_tokens) {
    matrix(name, elements, 1, -1);
    unit_.tensors.back().partial = kind;
  }
  void norm(std::string_view weight, std::string_view bias, const Model& model, Norm kind, bool has_bias) {
    partial(weight, model.hidden);
    if (kind == Norm::layer && has_bias) partial(bias, model.hidden);
  }
  Unit take() { return std::move(unit_); }

 private:
  Unit unit_;
};

bool any_norm_bias(const Model& model) { return !model.kinds.empty() && model.kinds.back().norm_bias; }
Norm last_norm(const Model& model) { return model.kinds.empty() ? Norm::layer : model.kinds.back().norm; }

}  // namespace

const UnitTensor* Unit::find(std::string_view name) const {
  for (const UnitTensor& t : tensors)
    if (t.name == name) return &t;
  return nullptr;
}

Unit layer_unit(const Model& model, const Layer& layer, int tp) {
  const Attention& a = layer.attention;
  const auto& mlp = std::get<Mlp>(layer.mlp);
  const std::int64_t h = layer.hidden;
  const std::int64_t kv = (a.kv_heads + tp - 1) / tp;
  const std::int64_t qkv = (a.heads / tp + 2 * kv) * a.head_dim;
  const std::int64_t up = (mlp.gated ? 2 : 1) * mlp.ffn / tp;
  Listing list;
  list.norm("norm1.weight", "norm1.bias", model, layer.norm, layer.norm_bias);
  list.matrix("attention.qkv.weight", qkv, h, 0);
  if (a.qkv_bias) list.matrix("attention.qkv.bias", qkv, 1, 0);
  if (a.qk_norm) list.partial("attention.qk_norm.weight", 2 * a.head_dim, Partial::by_heads);
  list.matrix("attention.out.weight", h, a.heads / tp * a.head_dim, 1);
  if (a.out_bias) list.partial("attention.out.bias", h);
  list.norm("norm2.weight", "norm2.bias", model, layer.norm, layer.norm_bias);
  list.matrix("mlp.up.weight", up, h, 0);
  if (mlp.bias) list.matrix("mlp.up.bias", up, 1, 0);
  list.matrix("mlp.down.weight", h, mlp.ffn / tp, 1);
  if (mlp.bias) list.partial("mlp.down.bias", h);
  return list.take();
}

namespace {
void add_head(Listing& list, const Model& model, int tp, bool with_matrix) {
  // First, as in the embedding's unit: cut alike, both ends of a tied matrix have it in the same parts.
  if (with_matrix) list.matrix("head.weight", padded_vocab(model, tp) / tp, model.hidden, 0);
  if (model.final_norm)
    list.norm("final_norm.weight", "final_norm.bias", model, last_norm(model), any_norm_bias(model));
  if (model.head_bias) list.matrix("head.bias", padded_vocab(model, tp) / tp, 1, 0);
}
}  // namespace

Unit embedding_unit(const Model& model, int tp, bool with_head) {
  Listing list;
  list.matrix("embedding.weight", padded_vocab(model, tp) / tp, model.hidden, 0);
  if (model.position == Position::learned)
    list.matrix("position.weight", model.max_positions, model.hidden, -1);
  if (model.embedding_norm)
    list.norm("embedding_norm.weight", "embedding_norm.bias", model, Norm::layer, true);
  if (with_head) add_head(list, model, tp, false);
  return list.take();
}

Unit head_unit(const Model& model, int tp) {
  Listing list;
  add_head(list, model, tp, true);
  return list.take();
}

Tensor view(const Tensor& flat, const Unit& unit, std::string_view name) {
  const UnitTensor* t = unit.find(name);
  ORRERY_CHECK(t != nullptr);
  return {flat.buffer, false, flat.offset + t->offset, {{t->rows, t->columns, 1, 1}}, flat.add, flat.share};
}

}  // namespace orrery
