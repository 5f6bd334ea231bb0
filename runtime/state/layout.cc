#include "runtime/state/layout.h"

#include <algorithm>
#include <charconv>

#include "sim/base/error.h"
#include "sim/program/units.h"

namespace orrery {
namespace {

bool is_vocabulary(const TensorName& name) { return name.module == "embedding" || name.module == "head"; }

// Consecutive local rows that are consecutive canonical rows.
struct Band {
  std::int64_t rows = 0, canonical = 0;
  bool owned = true;
};

std::vector<Band> qkv_bands(const Attention& a, int tp, int rank) {
  const std::int64_t d = a.head_dim, q = a.heads / tp * d;
  const std::int64_t kv = (a.kv_heads + tp - 1) / tp * d, first = std::int64_t{rank} * a.kv_heads / tp * d;
  const bool owned = a.kv_heads >= tp || rank % (tp / a.kv_heads) == 0;
  return {{q, rank * q},
          {kv, a.heads * d + first, owned},
          {kv, std::int64_t{a.heads + a.kv_heads} * d + first, owned}};
}

// Of a tensor of which a rank holds `rows` rows, cut along them.
std::vector<Band> bands(const Model& model, const TensorName& name, std::int64_t rows, int tp, int rank) {
  const std::int64_t first = rank * rows;
  if (is_vocabulary(name)) return {{std::clamp<std::int64_t>(model.vocab - first, 0, rows), first}};
  if (name.module == "attention.qkv") return qkv_bands(model.layer(name.layer).attention, tp, rank);
  if (name.module == "mlp.up" && std::get<Mlp>(model.layer(name.layer).mlp).gated) {
    const std::int64_t half = rows / 2;
    return {{half, rank * half}, {half, (tp + rank) * half}};
  }
  return {{rows, first}};
}

}  // namespace

TensorName parse_name(std::string_view name) {
  TensorName out;
  constexpr std::string_view prefix = "layers.";
  if (name.starts_with(prefix)) {
    const char* end = name.data() + name.size();
    const auto [dot, error] = std::from_chars(name.data() + prefix.size(), end, out.layer);
    ORRERY_CHECK(error == std::errc() && dot != end);
    name = {dot + 1, end};
  }
  const std::size_t dot = name.rfind('.');
  ORRERY_CHECK(dot != std::string_view::npos);
  out.module = name.substr(0, dot);
  out.kind = name.substr(dot + 1);
  return out;
}

std::string text(const Slice& s) {
  const auto range = [](std::int64_t from, std::int64_t count) {
    return std::to_string(from) + ":" + std::to_string(from + count);
  };
  return s.tensor + "[" + range(s.row, s.rows) + ", " + range(s.column, s.columns) + "]";
}

std::vector<CanonicalTensor> canonical_tensors(const Model& model) {
  std::vector<CanonicalTensor> out;
  const auto add = [&](const Unit& unit, const std::string& prefix) {
    for (const UnitTensor& t : unit.tensors) {
      const TensorName name = parse_name(t.name);
      out.push_back({prefix + std::string(t.name), is_vocabulary(name) ? model.vocab : t.rows, t.columns,
                     name.kind == "bias" || name.module.find("norm") != std::string_view::npos});
    }
  };
  add(embedding_unit(model, 1, model.tied), "");
  for (int i = 0; i < model.depth(); ++i)
    add(layer_unit(model, model.layer(i), 1), "layers." + std::to_string(i) + ".");
  if (!model.tied) add(head_unit(model, 1), "");
  return out;
}

std::vector<Placement> place(const Model& model, const Weight& weight, int tp, int tensor_rank) {
  const TensorName name = parse_name(weight.name);
  const std::int64_t rows = weight.shape[0] / (weight.axis == 0 ? tp : 1);
  const std::int64_t columns = weight.shape[1] / (weight.axis == 1 ? tp : 1);
  ORRERY_CHECK(rows * columns == weight.elements);
  const bool copy = weight.axis < 0 && tensor_rank != 0;
  const std::vector<Band> all =
      weight.axis == 0 ? bands(model, name, rows, tp, tensor_rank) : std::vector<Band>{{rows, 0}};
  std::vector<Placement> out;
  std::int64_t offset = weight.offset;
  for (const Band& band : all) {
    if (band.rows > 0)
      out.push_back(
          {{weight.name, band.canonical, band.rows, weight.axis == 1 ? tensor_rank * columns : 0, columns},
           offset,
           band.owned && !copy && !weight.tied});
    offset += band.rows * columns;
  }
  return out;
}

std::vector<Placement> place(const Model& model, std::span<const Weight> weights, std::uint32_t virtual_stage,
                             std::uint32_t home, int tp, int tensor_rank) {
  std::vector<Placement> out;
  for (const Weight& w : weights) {
    if (w.virtual_stage != virtual_stage || w.home != home) continue;
    const std::vector<Placement> more = place(model, w, tp, tensor_rank);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

std::vector<Placement> within(std::span<const Placement> placements, std::int64_t begin, std::int64_t end) {
  std::vector<Placement> out;
  for (const Placement& p : placements) {
    const Slice& s = p.slice;
    std::int64_t at = std::max(begin - p.offset, std::int64_t{0});
    const std::int64_t stop = std::min(end - p.offset, s.elements());
    while (at < stop) {
      // The rest of a row, or whole rows.
      const std::int64_t column = at % s.columns, whole = (stop - at) / s.columns;
      const bool rows = column == 0 && whole > 0;
      const std::int64_t columns = rows ? s.columns : std::min(s.columns - column, stop - at);
      out.push_back({{s.tensor, s.row + at / s.columns, rows ? whole : 1, s.column + column, columns},
                     p.offset + at - begin,
                     p.owned});
      at += out.back().slice.elements();
    }
  }
  return out;
}

void fill(const WeightSource& source, std::span<const Placement> placements, std::span<float> range) {
  std::fill(range.begin(), range.end(), 0.0F);
  for (const Placement& p : placements)
    source.read(p.slice, range.subspan(static_cast<std::size_t>(p.offset),
                                       static_cast<std::size_t>(p.slice.elements())));
}

}  // namespace orrery
