#include "sim/model/read.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/model/params.h"
#include "sim/model/read_internal.h"
#include "sim/model/words.h"

namespace orrery {
namespace {

using Limits = ModelLimits;

int small(const Reader& r, std::string_view key, std::int64_t low, std::int64_t high) {
  return static_cast<int>(r.integer(key, low, high));
}
int small_or(const Reader& r, std::string_view key, int otherwise, std::int64_t low, std::int64_t high) {
  return static_cast<int>(r.integer_or(key, otherwise, low, high));
}

Activation read_activation(const Reader& r, Activation otherwise) {
  return static_cast<Activation>(
      r.word_or("activation", static_cast<std::size_t>(otherwise), activation_words));
}

LatentAttention read_latent(const Reader& r) {
  LatentAttention l;
  l.query_rank = small_or(r, "query_rank", 0, 0, Limits::width);
  l.kv_rank = small(r, "kv_rank", 1, Limits::width);
  l.nope_dim = small(r, "nope_dim", 1, Limits::head_dim);
  l.rope_dim = small(r, "rope_dim", 0, Limits::head_dim);
  l.value_dim = small(r, "value_dim", 1, Limits::head_dim);
  r.done();
  return l;
}

Attention read_attention(const Reader& r, std::int64_t hidden) {
  Attention a;
  a.heads = small(r, "heads", 1, Limits::heads);
  a.kv_heads = small_or(r, "kv_heads", a.heads, 1, a.heads);
  if (!r.has("head_dim") && hidden % a.heads != 0)
    r.fail_at("heads",
              "a divisor of the hidden width " + std::to_string(hidden) + ", or a \"head_dim\" beside it");
  a.head_dim = small_or(r, "head_dim", static_cast<int>(hidden / a.heads), 1, Limits::head_dim);
  a.causal = r.boolean_or("causal", true);
  a.window = small_or(r, "window", 0, 0, Limits::positions);
  a.qkv_bias = r.boolean_or("qkv_bias", false);
  a.out_bias = r.boolean_or("out_bias", false);
  a.qk_norm = r.boolean_or("qk_norm", false);
  a.position_table = small_or(r, "position_table", 0, 0, Limits::image);
  if (const auto latent = r.object_if("latent")) a.latent = read_latent(*latent);
  r.done();
  return a;
}

Mlp read_mlp(const Reader& r) {
  Mlp m;
  m.ffn = r.integer("ffn", 1, Limits::ffn);
  m.activation = read_activation(r, Activation::gelu);
  m.gated = r.boolean_or("gated", false);
  m.bias = r.boolean_or("bias", false);
  r.done();
  return m;
}

Moe read_moe(const Reader& r) {
  Moe m;
  m.experts = small(r, "experts", 1, Limits::experts);
  m.top_k = small(r, "top_k", 1, m.experts);
  m.ffn = r.integer("ffn", 1, Limits::ffn);
  m.shared_ffn = r.integer_or("shared_ffn", 0, 0, Limits::ffn);
  m.gated = r.boolean_or("gated", true);
  m.router_bias = r.boolean_or("router_bias", false);
  m.activation = read_activation(r, Activation::silu);
  r.done();
  return m;
}

Layer read_layer(const Reader& r) {
  Layer layer;
  layer.hidden = r.integer("hidden", 1, Limits::width);
  layer.attention = read_attention(r.object("attention"), layer.hidden);
  if (const auto cross = r.object_if("cross")) layer.cross = read_attention(*cross, layer.hidden);
  if (const auto moe = r.object_if("moe")) {
    layer.mlp = read_moe(*moe);
    if (r.has("mlp")) r.fail_at("mlp", "either \"mlp\" or \"moe\"");
  } else {
    layer.mlp = read_mlp(r.object("mlp"));
  }
  layer.norm = static_cast<Norm>(r.word_or("norm", static_cast<std::size_t>(Norm::layer), norm_words));
  layer.norm_bias = r.boolean_or("norm_bias", true);
  layer.token_divisor = small_or(r, "token_divisor", 1, 1, Limits::image);
  layer.encoder = r.boolean_or("encoder", false);
  layer.parallel_residual = r.boolean_or("parallel_residual", false);
  return layer;
}

Patches read_patches(const Reader& r) {
  Patches p;
  p.image = small(r, "image", 1, Limits::image);
  p.patch = small(r, "patch", 1, p.image);
  p.channels = small_or(r, "channels", 3, 1, Limits::image);
  p.classes = small(r, "classes", 0, Limits::vocab);
  r.done();
  return p;
}

Rotary read_rotary(const Reader& r) {
  Rotary rotary;
  rotary.theta = r.number_or("theta", rotary.theta, 1, Limits::theta);
  if (const auto scaling = r.object_if("scaling")) {
    rotary.factor = scaling->number("factor", 1, Limits::stretch);
    rotary.low = scaling->number_or("low_frequency_factor", rotary.low, 0, Limits::stretch);
    rotary.high = scaling->number_or("high_frequency_factor", rotary.high, 0, Limits::stretch);
    if (rotary.high <= rotary.low)
      scaling->fail_at("high_frequency_factor", "a number above low_frequency_factor");
    rotary.original = small(*scaling, "original_positions", 1, Limits::positions);
    scaling->done();
  }
  r.done();
  return rotary;
}

Model read_own(const Reader& r) {
  Model m;
  m.name = r.string("name");
  m.family = r.string_or("family", "");
  m.source = r.string_or("source", "");
  if (const auto patches = r.object_if("patches")) m.patches = read_patches(*patches);
  if (!m.patches || r.has("vocab")) m.vocab = r.integer("vocab", 1, Limits::vocab);
  m.max_positions = small_or(r, "max_positions", 0, 0, Limits::positions);
  m.position = static_cast<Position>(
      r.word_or("position", static_cast<std::size_t>(Position::rotary), position_words));
  if (const auto rotary = r.object_if("rotary")) {
    if (m.position != Position::rotary) r.fail_at("rotary", "none, as positions are not rotary");
    m.rotary = read_rotary(*rotary);
  }
  m.norm_epsilon = r.number_or("norm_epsilon", m.norm_epsilon, 0, 1);
  m.tied = r.boolean_or("tied", false);
  m.final_norm = r.boolean_or("final_norm", true);
  m.head_bias = r.boolean_or("head_bias", false);
  m.embedding_norm = r.boolean_or("embedding_norm", false);
  m.dropout = r.number_or("dropout", 0, 0, 1);
  m.extra_parameters = r.integer_or("extra_parameters", 0, 0, Limits::extra);
  for (const Reader& part : r.array_if("unpriced")) m.unpriced.push_back(part.as_string());
  for (const Reader& part : r.array_if("unexecuted")) m.unexecuted.push_back(part.as_string());
  for (const Reader& run : r.array("layers")) {
    const Layer layer = read_layer(run);
    const std::int64_t count = run.integer_or("count", 1, 1, Limits::depth);
    run.done();
    if (m.depth() + count > Limits::depth)
      run.fail_at("count", "at most " + std::to_string(Limits::depth) + " layers in all");
    append(m, layer, count);
  }
  r.done();
  finish(m, r);
  return m;
}

void check_layers(const Model& m, const Reader& r) {
  bool decoding = false, encoders = m.layer(0).encoder;
  for (int i = 0; i < m.depth(); ++i) {
    const Layer& layer = m.layer(i);
    decoding = decoding || !layer.encoder;
    const std::string which = "layer " + std::to_string(i);
    if (layer.encoder && decoding) fail(r.where(), "encoder layers come before decoder layers", which);
    if (layer.cross && (layer.encoder || !encoders))
      fail(r.where(), "cross-attention only in the decoder of a model with encoder layers", which);
    if (layer.attention.heads % layer.attention.kv_heads != 0)
      fail(r.where(), "key/value heads that divide the heads",
           std::to_string(layer.attention.kv_heads) + " for " + std::to_string(layer.attention.heads) +
               " in " + which);
    if (!m.patches && (layer.hidden != m.hidden || layer.token_divisor != 1))
      fail(r.where(), "layers of one width (only image models merge tokens)", "another in " + which);
  }
}

}  // namespace

void append(Model& m, const Layer& layer, std::int64_t count) {
  if (count == 0) return;
  const auto at = std::find(m.kinds.begin(), m.kinds.end(), layer);
  const auto kind = static_cast<std::uint16_t>(at - m.kinds.begin());
  if (at == m.kinds.end()) m.kinds.push_back(layer);
  m.layers.insert(m.layers.end(), static_cast<std::size_t>(count), kind);
}

void finish(Model& m, const Reader& r) {
  if (m.layers.empty()) fail(r.where(), "one layer at least", "none");
  m.hidden = m.layer(m.depth() - 1).hidden;
  if (m.patches && m.vocab > 0) fail(r.where(), "either patches or a vocabulary", "both");
  if (m.position == Position::learned && m.max_positions == 0)
    fail(r.where(), "max_positions, as positions are learned", "none");
  check_layers(m, r);
  if (parameters(m) > Limits::parameters)
    fail(r.where(), "a model of at most 10^15 parameters", std::to_string(parameters(m)));
  for (const std::string& part : unpriced_parts(m))
    if (std::find(m.unpriced.begin(), m.unpriced.end(), part) == m.unpriced.end()) m.unpriced.push_back(part);
}

Model read_model(Reader r) {
  if (r.has("schema")) {
    r.schema("orrery.model/1");
    return read_own(r);
  }
  return r.has("model_type") || r.has("text_config") ? read_hf(r) : read_own(r);
}

Model modified(Model m, const Reader& r) {
  m.name = r.string_or("name", m.name);
  if (m.vocab > 0) m.vocab = r.integer_or("vocab", m.vocab, 1, Limits::vocab);
  m.max_positions = small_or(r, "max_positions", m.max_positions, 1, Limits::positions);
  m.tied = r.boolean_or("tied", m.tied);
  for (Layer& layer : m.kinds)
    layer.attention.kv_heads = small_or(r, "kv_heads", layer.attention.kv_heads, 1, layer.attention.heads);
  if (r.has("layers")) {
    const std::int64_t count = r.integer("layers", 1, Limits::depth);
    if (m.kinds.size() > 1) r.fail_at("layers", "layers that are all alike, to change their number");
    m.layers.assign(static_cast<std::size_t>(count), 0);
  }
  finish(m, r);
  return m;
}

}  // namespace orrery
