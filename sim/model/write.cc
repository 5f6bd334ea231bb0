#include <algorithm>
#include <cmath>

#include "sim/model/read.h"
#include "sim/model/words.h"

namespace orrery {
namespace {

template <class Words, class Enum>
Json word(const Words& words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

// Members that have their default are left out.
template <class Value>
void put(Json& to, std::string key, const Value& value, const Value& otherwise) {
  if (value != otherwise) to.set(std::move(key), value);
}

// Whole numbers as people write them: 500000, not 5e+05.
Json number(double v) { return v == std::floor(v) ? Json(static_cast<std::int64_t>(v)) : Json(v); }

void put(Json& to, std::string key, double value, double otherwise) {
  if (value != otherwise) to.set(std::move(key), number(value));
}

Json attention(const Attention& a, std::int64_t hidden) {
  Json out = Json::object();
  out.set("heads", a.heads);
  put(out, "kv_heads", a.kv_heads, a.heads);
  if (a.head_dim * std::int64_t{a.heads} != hidden) out.set("head_dim", a.head_dim);
  put(out, "causal", a.causal, true);
  put(out, "window", a.window, 0);
  put(out, "qkv_bias", a.qkv_bias, false);
  put(out, "out_bias", a.out_bias, false);
  put(out, "qk_norm", a.qk_norm, false);
  put(out, "position_table", a.position_table, 0);
  if (const auto& l = a.latent) {
    Json latent = Json::object();
    put(latent, "query_rank", l->query_rank, 0);
    latent.set("kv_rank", l->kv_rank);
    latent.set("nope_dim", l->nope_dim);
    latent.set("rope_dim", l->rope_dim);
    latent.set("value_dim", l->value_dim);
    out.set("latent", std::move(latent));
  }
  return out;
}

Json mlp(const Mlp& m) {
  Json out = Json::object();
  out.set("ffn", m.ffn);
  out.set("activation", word(activation_words, m.activation));
  put(out, "gated", m.gated, false);
  put(out, "bias", m.bias, false);
  return out;
}

Json moe(const Moe& m) {
  Json out = Json::object();
  out.set("experts", m.experts);
  out.set("top_k", m.top_k);
  out.set("ffn", m.ffn);
  put(out, "shared_ffn", m.shared_ffn, std::int64_t{0});
  put(out, "gated", m.gated, true);
  put(out, "router_bias", m.router_bias, false);
  out.set("activation", word(activation_words, m.activation));
  return out;
}

Json layers(const Layer& layer, std::int64_t count) {
  Json out = Json::object();
  out.set("count", count);
  out.set("hidden", layer.hidden);
  out.set("attention", attention(layer.attention, layer.hidden));
  if (layer.cross) out.set("cross", attention(*layer.cross, layer.hidden));
  if (const Mlp* dense = std::get_if<Mlp>(&layer.mlp)) out.set("mlp", mlp(*dense));
  if (const Moe* sparse = std::get_if<Moe>(&layer.mlp)) out.set("moe", moe(*sparse));
  out.set("norm", word(norm_words, layer.norm));
  put(out, "norm_bias", layer.norm_bias, true);
  put(out, "token_divisor", layer.token_divisor, 1);
  put(out, "encoder", layer.encoder, false);
  put(out, "parallel_residual", layer.parallel_residual, false);
  return out;
}

Json rotary(const Rotary& r) {
  const Rotary plain;
  Json out = Json::object();
  put(out, "theta", r.theta, plain.theta);
  if (r.original > 0) {
    Json scaling = Json::object();
    scaling.set("factor", number(r.factor));
    put(scaling, "low_frequency_factor", r.low, plain.low);
    put(scaling, "high_frequency_factor", r.high, plain.high);
    scaling.set("original_positions", r.original);
    out.set("scaling", std::move(scaling));
  }
  return out;
}

Json patches(const Patches& p) {
  Json out = Json::object();
  out.set("image", p.image);
  out.set("patch", p.patch);
  out.set("channels", p.channels);
  out.set("classes", p.classes);
  return out;
}

}  // namespace

Json write_model(const Model& m) {
  Json out = Json::object();
  out.set("schema", "orrery.model/1");
  out.set("name", m.name);
  put(out, "family", m.family, std::string());
  put(out, "source", m.source, std::string());
  if (m.patches) out.set("patches", patches(*m.patches));
  put(out, "vocab", m.vocab, std::int64_t{0});
  put(out, "max_positions", m.max_positions, 0);
  out.set("position", word(position_words, m.position));
  if (m.rotary != Rotary{}) out.set("rotary", rotary(m.rotary));
  put(out, "norm_epsilon", m.norm_epsilon, Model{}.norm_epsilon);
  put(out, "tied", m.tied, false);
  put(out, "final_norm", m.final_norm, true);
  put(out, "head_bias", m.head_bias, false);
  put(out, "embedding_norm", m.embedding_norm, false);
  put(out, "dropout", m.dropout, 0.0);
  put(out, "extra_parameters", m.extra_parameters, std::int64_t{0});
  const std::vector<std::string> shown = unpriced_parts(m);
  Json more = Json::array();
  for (const std::string& part : m.unpriced)
    if (std::find(shown.begin(), shown.end(), part) == shown.end()) more.push(part);
  if (!more.items().empty()) out.set("unpriced", std::move(more));
  Json unexecuted = Json::array();
  for (const std::string& part : m.unexecuted) unexecuted.push(part);
  if (!m.unexecuted.empty()) out.set("unexecuted", std::move(unexecuted));
  Json runs = Json::array();
  for (auto at = m.layers.begin(); at != m.layers.end();) {
    const auto end = std::find_if(at, m.layers.end(), [at](std::uint16_t kind) { return kind != *at; });
    runs.push(layers(m.kinds[*at], end - at));
    at = end;
  }
  out.set("layers", std::move(runs));
  return out;
}

}  // namespace orrery
