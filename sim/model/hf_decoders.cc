// Dense decoders of Hugging Face: gpt2, gpt_neox, bloom, mpt, llama, mistral, qwen 2 and 3, nemotron.
#include "sim/model/hf_parts.h"

namespace orrery {

using Limits = ModelLimits;

constexpr std::string_view unusual_scale = "attention scores that are not scaled by head_dim^-1/2";

void read_gpt2(const HfConfig& c, Model& m) {
  const int hidden = c.integer({"n_embd", "hidden_size"}, 1, Limits::width);
  const int heads = heads_of(c, {"n_head", "num_attention_heads"}, hidden);
  const int ffn = c.integer_or({"n_inner"}, 4 * std::int64_t{hidden}, 1, Limits::ffn);
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions =
      c.integer_or({"n_positions", "max_position_embeddings", "n_ctx"}, 1024, 1, Limits::positions);
  m.position = Position::learned;
  m.tied = c.flag("tie_word_embeddings", true);
  m.dropout = c.number_or({"resid_pdrop"}, 0.1, 0, 1);
  m.norm_epsilon = norm_epsilon(c, 1e-5);
  if (!c.flag("scale_attn_weights", true) || c.flag("scale_attn_by_inverse_layer_idx", false))
    m.unexecuted.emplace_back(unusual_scale);
  const Activation activation = c.activation({"activation_function"}, Activation::gelu_tanh, m);
  append(m, classic_layer(hidden, heads, ffn, activation, true),
         depth_of(c, {"n_layer", "num_hidden_layers"}));
}

void read_gpt_neox(const HfConfig& c, Model& m) {
  const int hidden = c.integer({"hidden_size"}, 1, Limits::width);
  const int heads = heads_of(c, {"num_attention_heads"}, hidden);
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"max_position_embeddings"}, 2048, 1, Limits::positions);
  set_rotary(c, m, 10000, 0.25);
  m.norm_epsilon = norm_epsilon(c, 1e-5);
  m.tied = c.flag("tie_word_embeddings", false);
  Layer layer = classic_layer(hidden, heads, c.integer({"intermediate_size"}, 1, Limits::ffn),
                              c.activation({"hidden_act"}, Activation::gelu, m), true);
  layer.attention.qkv_bias = layer.attention.out_bias = c.flag("attention_bias", true);
  layer.parallel_residual = c.flag("use_parallel_residual", true);
  append(m, layer, depth_of(c, {"num_hidden_layers"}));
}

void read_bloom(const HfConfig& c, Model& m) {
  const int hidden = c.integer({"hidden_size", "n_embed"}, 1, Limits::width);
  const int heads = heads_of(c, {"n_head", "num_attention_heads"}, hidden);
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"seq_length"}, 2048, 1, Limits::positions);
  m.position = Position::alibi;
  m.embedding_norm = true;
  m.norm_epsilon = norm_epsilon(c, 1e-5);
  if (c.flag("apply_residual_connection_post_layernorm", false))
    m.unexecuted.emplace_back("residuals that start after the norm");
  m.tied = c.flag("tie_word_embeddings", true);
  m.dropout = c.number_or({"hidden_dropout"}, 0, 0, 1);
  append(m, classic_layer(hidden, heads, 4 * std::int64_t{hidden}, Activation::gelu_tanh, true),
         depth_of(c, {"n_layer", "num_hidden_layers"}));
}

void read_mpt(const HfConfig& c, Model& m) {
  const int hidden = c.integer({"d_model", "hidden_size"}, 1, Limits::width);
  const int heads = heads_of(c, {"n_heads", "num_attention_heads"}, hidden);
  const int ratio = c.integer_or({"expansion_ratio", "mlp_ratio"}, 4, 1, 64);
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"max_seq_len"}, 2048, 1, Limits::positions);
  m.norm_epsilon = norm_epsilon(c, 1e-5);
  if (c.given("logit_scale")) m.unexecuted.emplace_back("scaled logits");
  bool alibi = false;
  Layer layer =
      classic_layer(hidden, heads, std::int64_t{ratio} * hidden, Activation::gelu, !c.flag("no_bias", true));
  if (c.given("attn_config")) {
    const Reader attention = c.reader().object("attn_config");
    alibi = attention.boolean_or("alibi", false);
    if (attention.boolean_or("qk_ln", false))
      attention.fail_at("qk_ln", "false: norms of queries over the whole width are not understood");
    if (attention.given("softmax_scale")) m.unexecuted.emplace_back(unusual_scale);
    if (attention.given("clip_qkv")) m.unexecuted.emplace_back("clipped queries, keys and values");
    if (attention.given("kv_n_heads"))
      layer.attention.kv_heads = static_cast<int>(attention.integer("kv_n_heads", 1, heads));
  }
  m.position = alibi ? Position::alibi : c.flag("learned_pos_emb", true) ? Position::learned : Position::none;
  m.tied = c.flag("tie_word_embeddings", true);
  m.dropout = c.number_or({"resid_pdrop"}, 0, 0, 1);
  append(m, layer, depth_of(c, {"n_layers", "num_hidden_layers"}));
}

void read_llama(const HfConfig& c, Model& m) {
  const Layer layer = modern_layer(c, m, {});
  const int depth = depth_of(c, {"num_hidden_layers"});
  append_windowed(c, m, layer, depth, c.integer_or({"sliding_window"}, 0, 1, Limits::positions), 0);
}

void read_qwen2(const HfConfig& c, Model& m) {
  const Layer layer = modern_layer(c, m, {.qkv_bias = true});
  append_qwen(c, m, layer);
}

void read_qwen3(const HfConfig& c, Model& m) {
  const Layer layer = modern_layer(c, m, {.qk_norm = true, .head_dim = 128});
  append_qwen(c, m, layer);
}

void read_nemotron(const HfConfig& c, Model& m) {
  Layer layer = modern_layer(
      c, m,
      {.gated = false, .activation = Activation::squared_relu, .rotary_part = 0.5, .norm_epsilon = 1e-5});
  layer.norm = Norm::layer;
  append(m, layer, depth_of(c, {"num_hidden_layers"}));
}

}  // namespace orrery
