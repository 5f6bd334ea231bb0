// Mixtures of experts of Hugging Face: mixtral, qwen2_moe, qwen3_moe, deepseek V2 and V3.
#include <algorithm>

#include "sim/model/hf_parts.h"

namespace orrery {
namespace {

using Limits = ModelLimits;

// Moves the activation of the dense network that the family's other layers have.
Moe experts_like(const Layer& dense) {
  Moe moe;
  moe.activation = std::get<Mlp>(dense.mlp).activation;
  return moe;
}

// Which layers of Qwen's are sparse: each decoder_sparse_step-th, but not those in mlp_only_layers.
void append_sparse(const HfConfig& c, Model& m, const Layer& dense, const Layer& sparse) {
  const int depth = depth_of(c, {"num_hidden_layers"});
  const int step = c.integer_or({"decoder_sparse_step"}, 1, 1, Limits::depth);
  std::vector<std::int64_t> only;
  if (c.given("mlp_only_layers"))
    for (const Reader& layer : c.reader().array("mlp_only_layers"))
      only.push_back(layer.as_integer(0, depth - 1));
  for (int i = 0; i < depth; ++i) {
    const bool excluded = std::find(only.begin(), only.end(), i) != only.end();
    append(m, excluded || (i + 1) % step != 0 ? dense : sparse, 1);
  }
}

Moe qwen_experts(const HfConfig& c, const Layer& dense) {
  Moe moe = experts_like(dense);
  moe.experts = c.integer({"num_experts"}, 1, Limits::experts);
  moe.top_k = c.integer({"num_experts_per_tok"}, 1, moe.experts);
  moe.ffn = c.integer({"moe_intermediate_size"}, 1, Limits::ffn);
  return moe;
}

LatentAttention latent_attention(const HfConfig& c) {
  LatentAttention l;
  l.query_rank = c.integer_or({"q_lora_rank"}, 0, 1, Limits::width);
  l.kv_rank = c.integer({"kv_lora_rank"}, 1, Limits::width);
  l.nope_dim = c.integer({"qk_nope_head_dim"}, 1, Limits::head_dim);
  l.rope_dim = c.integer({"qk_rope_head_dim"}, 0, Limits::head_dim);
  l.value_dim = c.integer({"v_head_dim"}, 1, Limits::head_dim);
  c.known({"qk_head_dim"});
  return l;
}

}  // namespace

void read_mixtral(const HfConfig& c, Model& m) {
  Layer layer = modern_layer(c, m, {.theta = 1e6, .norm_epsilon = 1e-5});
  Moe moe = experts_like(layer);
  moe.experts = c.integer({"num_local_experts"}, 1, Limits::experts);
  moe.top_k = c.integer({"num_experts_per_tok"}, 1, moe.experts);
  moe.ffn = std::get<Mlp>(layer.mlp).ffn;
  layer.mlp = moe;
  const int window = c.integer_or({"sliding_window"}, 0, 1, Limits::positions);
  append_windowed(c, m, layer, depth_of(c, {"num_hidden_layers"}), window, 0);
}

void read_qwen2_moe(const HfConfig& c, Model& m) {
  const Layer dense = modern_layer(c, m, {.qkv_bias = true});
  Layer sparse = dense;
  Moe moe = qwen_experts(c, dense);
  moe.shared_ffn = c.integer({"shared_expert_intermediate_size"}, 1, Limits::ffn);
  sparse.mlp = moe;
  append_sparse(c, m, dense, sparse);
  for (int i = 0; i < m.depth(); ++i)  // a gate of the shared expert
    if (std::holds_alternative<Moe>(m.layer(i).mlp)) m.extra_parameters += sparse.hidden;
  c.known({"max_window_layers"});
  if (c.flag("use_sliding_window", false)) c.reader().fail_at("use_sliding_window", "false");
}

void read_qwen3_moe(const HfConfig& c, Model& m) {
  const Layer dense = modern_layer(c, m, {.qk_norm = true, .head_dim = 128});
  Layer sparse = dense;
  sparse.mlp = qwen_experts(c, dense);
  append_sparse(c, m, dense, sparse);
  c.known({"max_window_layers"});
  if (c.flag("use_sliding_window", false)) c.reader().fail_at("use_sliding_window", "false");
}

void read_deepseek(const HfConfig& c, Model& m) {
  const LatentAttention latent = latent_attention(c);
  Layer dense = modern_layer(c, m, {.head_dim = latent.nope_dim + latent.rope_dim});
  dense.attention.latent = latent;
  Layer sparse = dense;
  Moe moe = experts_like(dense);
  moe.experts = c.integer({"n_routed_experts"}, 1, Limits::experts);
  moe.top_k = c.integer({"num_experts_per_tok"}, 1, moe.experts);
  moe.ffn = c.integer({"moe_intermediate_size"}, 1, Limits::ffn);
  moe.shared_ffn = moe.ffn * c.integer_or({"n_shared_experts"}, 0, 0, 64);
  moe.router_bias = m.family == "deepseek_v3";  // balances the load without a loss
  sparse.mlp = moe;
  const int first = c.integer_or({"first_k_dense_replace"}, 0, 0, Limits::depth);
  const int every = c.integer_or({"moe_layer_freq"}, 1, 1, Limits::depth);
  const int depth = depth_of(c, {"num_hidden_layers"});
  for (int i = 0; i < depth; ++i) append(m, i >= first && i % every == 0 ? sparse : dense, 1);
}

}  // namespace orrery
