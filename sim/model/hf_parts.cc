#include "sim/model/hf_parts.h"

#include <algorithm>
#include <array>

#include "sim/base/error.h"

namespace orrery {

using Limits = ModelLimits;

Layer classic_layer(std::int64_t hidden, int heads, std::int64_t ffn, Activation activation, bool bias) {
  Layer layer;
  layer.hidden = hidden;
  layer.attention.heads = layer.attention.kv_heads = heads;
  layer.attention.head_dim = static_cast<int>(hidden / heads);
  layer.attention.qkv_bias = layer.attention.out_bias = bias;
  layer.mlp = Mlp{ffn, activation, false, bias};
  layer.norm_bias = bias;
  return layer;
}

int heads_of(const HfConfig& c, HfConfig::Names names, std::int64_t hidden) {
  const int heads = c.integer(names, 1, Limits::heads);
  if (hidden % heads != 0)
    fail(c.reader().where(), "heads that divide the hidden width",
         std::to_string(heads) + " for " + std::to_string(hidden));
  return heads;
}

int depth_of(const HfConfig& c, HfConfig::Names names) { return c.integer(names, 1, Limits::depth); }

void append_windowed(const HfConfig& c, Model& m, Layer layer, std::int64_t depth, int window,
                     std::int64_t full_until) {
  if (c.given("layer_types")) {
    constexpr std::array<std::string_view, 2> words{"full_attention", "sliding_attention"};
    const std::vector<Reader> types = c.reader().array("layer_types");
    if (static_cast<std::int64_t>(types.size()) != depth)
      c.reader().fail_at("layer_types", "one type for each of " + std::to_string(depth) + " layers");
    for (const Reader& type : types) {
      layer.attention.window = type.as_word(words) == 1 ? window : 0;
      append(m, layer, 1);
    }
    return;
  }
  append(m, layer, full_until);
  layer.attention.window = window;
  append(m, layer, depth - full_until);
}

Layer modern_layer(const HfConfig& c, Model& m, const Style& style) {
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"max_position_embeddings"}, 0, 0, Limits::positions);
  m.tied = c.flag("tie_word_embeddings", m.tied);
  m.dropout = c.fraction("attention_dropout", 0);
  Layer layer;
  layer.hidden = c.integer({"hidden_size"}, 1, Limits::width);
  layer.norm = Norm::rms;
  Attention& a = layer.attention;
  a.heads = c.integer({"num_attention_heads"}, 1, Limits::heads);
  a.kv_heads = c.integer_or({"num_key_value_heads"}, a.heads, 1, a.heads);
  const bool says = c.given("head_dim") || style.head_dim > 0;
  if (!says) heads_of(c, {"num_attention_heads"}, layer.hidden);
  a.head_dim = c.integer_or({"head_dim"}, style.head_dim > 0 ? style.head_dim : layer.hidden / a.heads, 1,
                            Limits::head_dim);
  a.out_bias = c.flag("attention_bias", false);
  a.qkv_bias = a.out_bias || style.qkv_bias;
  a.qk_norm = style.qk_norm;
  const Activation activation = c.activation({"hidden_act"}, style.activation);
  layer.mlp = Mlp{c.integer({"intermediate_size"}, 1, Limits::ffn), activation, style.gated,
                  c.flag("mlp_bias", false)};
  return layer;
}

void append_qwen(const HfConfig& c, Model& m, const Layer& layer) {
  const int depth = depth_of(c, {"num_hidden_layers"});
  const bool sliding = c.flag("use_sliding_window", false);
  const int window = c.integer_or({"sliding_window"}, 4096, 1, Limits::positions);
  const int full = c.integer_or({"max_window_layers"}, 28, 0, Limits::positions);
  append_windowed(c, m, layer, depth, sliding ? window : 0, sliding ? std::min(full, depth) : depth);
}

}  // namespace orrery
