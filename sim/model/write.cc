#include <algorithm>

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
