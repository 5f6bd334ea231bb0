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

void set_rotary(const HfConfig& c, Model& m, double theta, double part) {
  m.rotary.theta = c.number_or({"rope_theta", "rotary_emb_base"}, theta, 1, Limits::theta);
  part = c.number_or({"partial_rotary_factor", "rotary_pct"}, part, 0, 1);
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {  // before and since transformers 5
    if (!c.given(key)) continue;
    const Reader object = c.reader().object(key);
    const HfConfig rope(object);
    m.rotary.theta = rope.number_or({"rope_theta"}, m.rotary.theta, 1, Limits::theta);
    part = rope.number_or({"partial_rotary_factor"}, part, 0, 1);
    const std::string type = rope.text({"rope_type", "type"});
    if (type == "llama3") {
      m.rotary.factor = rope.number({"factor"}, 1, Limits::stretch);
      m.rotary.low = rope.number({"low_freq_factor"}, 0, Limits::stretch);
      m.rotary.high = rope.number({"high_freq_factor"}, 0, Limits::stretch);
      if (m.rotary.high <= m.rotary.low) object.fail_at("high_freq_factor", "a number above low_freq_factor");
      m.rotary.original = rope.integer({"original_max_position_embeddings"}, 1, Limits::positions);
    } else if (type != "default") {
      m.unexecuted.push_back("rotary scaling \"" + type + "\"");
    }
  }
  if (part < 1) m.unexecuted.emplace_back("rotary positions in a part of each head");
}

double norm_epsilon(const HfConfig& c, double otherwise) {
  return c.number_or({"rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", "norm_eps", "norm_epsilon"},
                     otherwise, 0, 1);
}

Layer modern_layer(const HfConfig& c, Model& m, const Style& style) {
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"max_position_embeddings"}, 0, 0, Limits::positions);
  m.tied = c.flag("tie_word_embeddings", m.tied);
  m.dropout = c.number_or({"attention_dropout"}, 0, 0, 1);
  set_rotary(c, m, style.theta, style.rotary_part);
  m.norm_epsilon = norm_epsilon(c, style.norm_epsilon);
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
  const Activation activation = c.activation({"hidden_act"}, style.activation, m);
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
