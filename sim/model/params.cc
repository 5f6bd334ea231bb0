#include "sim/model/params.h"

#include <array>

#include "sim/model/ops.h"

namespace orrery {
namespace {

std::int64_t norm_weights(Norm kind, bool bias, std::int64_t width) {
  return kind == Norm::layer && bias ? 2 * width : width;
}

// Matrices, biases and inner norms of an attention block; not the norm before it.
LayerWeights attention_weights(const Attention& a, std::int64_t h) {
  LayerWeights w;
  w.sharded += std::int64_t{a.position_table} * a.heads;
  if (a.out_bias) w.replicated += h;
  if (a.latent) {
    const LatentAttention& l = *a.latent;
    const std::int64_t heads = a.heads, query = heads * (l.nope_dim + l.rope_dim);
    w.replicated += h * (l.kv_rank + l.rope_dim) + l.kv_rank;
    w.sharded += l.kv_rank * heads * (l.nope_dim + l.value_dim) + heads * l.value_dim * h;
    w.sharded += l.query_rank > 0 ? l.query_rank * query : h * query;
    if (l.query_rank > 0) w.replicated += h * l.query_rank + l.query_rank;
    return w;
  }
  const std::int64_t inner = std::int64_t{a.heads} * a.head_dim;
  w.sharded += 2 * h * inner + (a.qkv_bias ? inner : 0);
  w.kv_head = 2 * std::int64_t{a.head_dim} * (h + (a.qkv_bias ? 1 : 0));
  w.kv_heads = a.kv_heads;
  if (a.qk_norm) w.replicated += 2 * a.head_dim;
  return w;
}

// active: only the routed experts that a token visits.
void add_mlp(LayerWeights& w, const Layer& layer, bool active) {
  const std::int64_t h = layer.hidden;
  if (const Mlp* mlp = std::get_if<Mlp>(&layer.mlp)) {
    w.sharded += (mlp->gated ? 3 : 2) * h * mlp->ffn;
    if (mlp->bias) {
      w.sharded += (mlp->gated ? 2 : 1) * mlp->ffn;
      w.replicated += h;
    }
    return;
  }
  const Moe& moe = std::get<Moe>(layer.mlp);
  const std::int64_t matrices = moe.gated ? 3 : 2;
  w.sharded += matrices * h * ((active ? moe.top_k : moe.experts) * moe.ffn + moe.shared_ffn);
  w.replicated += h * moe.experts + (moe.router_bias ? moe.experts : 0);
}

LayerWeights weights(const Layer& layer, bool active) {
  const std::int64_t h = layer.hidden;
  LayerWeights w = attention_weights(layer.attention, h);
  if (layer.cross) {
    const LayerWeights cross = attention_weights(*layer.cross, h);
    w.sharded += cross.sharded + cross.kv_head * cross.kv_heads;
    w.replicated += cross.replicated;
  }
  w.replicated += (layer.cross ? 3 : 2) * norm_weights(layer.norm, layer.norm_bias, h);
  add_mlp(w, layer, active);
  return w;
}

bool image(const Model& m) { return m.patches.has_value(); }

std::int64_t grid_tokens(const Patches& p) { return std::int64_t{p.image / p.patch} * (p.image / p.patch); }

// The tokens that layer 0 of an image model sees, with the class token.
std::int64_t image_tokens(const Model& m) {
  return grid_tokens(*m.patches) + (m.position == Position::learned ? 1 : 0);
}

std::int64_t first_width(const Model& m) { return m.layers.empty() ? m.hidden : m.layer(0).hidden; }

bool merges_before(const Model& m, int layer) {
  return layer > 0 && m.layer(layer).hidden != m.layer(layer - 1).hidden;
}

std::int64_t edge_parameters(const Model& m) {
  const std::int64_t width = first_width(m);
  const Layer last = m.layers.empty() ? Layer{} : m.layer(m.depth() - 1);
  std::int64_t n = m.vocab * width + position_weights(m) + m.extra_parameters;
  if (m.vocab > 0 && !m.tied) n += m.vocab * m.hidden;
  if (m.head_bias) n += m.vocab;
  if (m.embedding_norm) n += norm_weights(last.norm, last.norm_bias, width);
  if (m.final_norm) {
    const bool both = !m.layers.empty() && m.layer(0).encoder && !last.encoder;
    n += (both ? 2 : 1) * norm_weights(last.norm, last.norm_bias, m.hidden);
  }
  if (const auto& p = m.patches) {
    n += std::int64_t{p->channels} * p->patch * p->patch * width + width;
    if (m.position == Position::learned) n += width;
    n += m.hidden * p->classes + p->classes;
  }
  for (int i = 0; i < m.depth(); ++i) {
    if (!merges_before(m, i)) continue;
    const std::int64_t four = 4 * m.layer(i - 1).hidden;
    n += four * m.layer(i).hidden + norm_weights(last.norm, last.norm_bias, four);
  }
  return n;
}

std::int64_t count(const Model& m, bool active) {
  std::int64_t n = edge_parameters(m);
  for (int i = 0; i < m.depth(); ++i) n += weights(m.layer(i), active).all();
  return n;
}

// Keys that a query of a sequence of s sees on average; `half`: only those before it, as in s/2.
double keys_seen(const Attention& a, double s, bool half) {
  const double w = a.window > 0 && a.window < s ? a.window : s;
  return half && a.causal ? w * (s - w / 2) / s : w;
}

// Multiplications per query and key, Q K^T and P V together.
double core_width(const Attention& a) {
  if (const auto& l = a.latent)
    return static_cast<double>(a.heads) * (l->nope_dim + l->rope_dim + l->value_dim);
  return 2.0 * a.heads * a.head_dim;
}

// Elements of the matrices that a token meets in a layer.
double matrix_weights(const Layer& layer) {
  Layer bare = layer;
  for (Attention* a : {&bare.attention, bare.cross ? &*bare.cross : nullptr}) {
    if (a == nullptr) continue;
    a->qkv_bias = a->out_bias = a->qk_norm = false;
    a->position_table = 0;
  }
  if (Mlp* mlp = std::get_if<Mlp>(&bare.mlp)) mlp->bias = false;
  if (Moe* moe = std::get_if<Moe>(&bare.mlp)) moe->router_bias = false;
  std::int64_t n = weights(bare, true).all() -
                   (layer.cross ? 3 : 2) * norm_weights(layer.norm, layer.norm_bias, layer.hidden);
  if (const auto& l = layer.attention.latent) n -= l->kv_rank + l->query_rank;  // their norms
  return static_cast<double>(n);
}

struct Forward {
  double layers = 0, edges = 0;
};

// One sequence of `s` tokens (an image has its own number of them).
Forward forward(const Model& m, double s, bool half) {
  Forward f;
  const double first = image(m) ? static_cast<double>(image_tokens(m)) : s;
  for (int i = 0; i < m.depth(); ++i) {
    const Layer& layer = m.layer(i);
    const double tokens = first / layer.token_divisor;
    f.layers += 2 * tokens * matrix_weights(layer);
    f.layers += 2 * tokens * keys_seen(layer.attention, tokens, half) * core_width(layer.attention);
    if (layer.cross)
      f.layers += 2 * tokens * keys_seen(*layer.cross, tokens, half) * core_width(*layer.cross);
    if (merges_before(m, i)) {
      const double narrow = static_cast<double>(m.layer(i - 1).hidden);
      f.edges += 2 * tokens * 4 * narrow * static_cast<double>(layer.hidden);
    }
  }
  if (const auto& p = m.patches) {
    f.edges += 2 * static_cast<double>(grid_tokens(*p) * p->channels * p->patch * p->patch * first_width(m));
    f.edges += 2 * static_cast<double>(m.hidden * p->classes);
  }
  f.edges += 2 * s * static_cast<double>(m.vocab * m.hidden);
  return f;
}

}  // namespace

std::int64_t parameters(const Model& m) { return count(m, false); }
std::int64_t active_parameters(const Model& m) { return count(m, true); }
std::int64_t layer_parameters(const Model&, const Layer& layer) { return weights(layer, false).all(); }
LayerWeights layer_weights(const Model&, const Layer& layer) { return weights(layer, false); }

std::int64_t embedding_weights(const Model& m, int tp) { return padded_vocab(m, tp) / tp * first_width(m); }

std::int64_t position_weights(const Model& m) {
  return m.position == Position::learned ? m.max_positions * first_width(m) : 0;
}

Flops model_flops(const Model& m, std::int64_t sequences, std::int64_t sequence, FlopConvention convention) {
  const double s = static_cast<double>(sequence), n = static_cast<double>(sequences);
  if (convention == FlopConvention::palm) {
    double core = 0;
    const double tokens = image(m) ? static_cast<double>(image_tokens(m)) : s;
    for (int i = 0; i < m.depth(); ++i) core += 6 * core_width(m.layer(i).attention) * tokens;
    return {n * tokens * (6 * static_cast<double>(active_parameters(m)) + core)};
  }
  const Forward f = forward(m, s, convention == FlopConvention::megatron_causal);
  const double layer_passes = convention == FlopConvention::hardware_full ? 4 : 3;
  return {n * (layer_passes * f.layers + 3 * f.edges)};
}

Flops forward_flops(const Model& m) {
  const Forward f = forward(m, image(m) ? 0 : m.max_positions, false);
  return {f.layers + f.edges};
}

std::string_view name(FlopConvention c) {
  constexpr std::array<std::string_view, 4> names{"megatron", "megatron_causal", "palm", "hardware_full"};
  return names[static_cast<std::size_t>(c)];
}

}  // namespace orrery
