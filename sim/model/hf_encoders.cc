// Encoders, encoder-decoder pairs and image models of Hugging Face: bert, t5, vit, swin.
#include <algorithm>
#include <array>

#include "sim/base/error.h"
#include "sim/model/hf_parts.h"

namespace orrery {
namespace {

using Limits = ModelLimits;

// A label each; 0 without a head.
int classes_of(const HfConfig& c) {
  if (c.given("id2label")) return static_cast<int>(c.reader().object("id2label").keys().size());
  return c.integer_or({"num_labels"}, 0, 0, Limits::vocab);
}

Patches patches_of(const HfConfig& c) {
  Patches p;
  p.image = c.integer({"image_size"}, 1, Limits::image);
  p.patch = c.integer({"patch_size"}, 1, p.image);
  p.channels = c.integer_or({"num_channels"}, 3, 1, Limits::image);
  p.classes = classes_of(c);
  return p;
}

std::vector<std::int64_t> numbers(const HfConfig& c, std::string_view key, std::int64_t high) {
  std::vector<std::int64_t> out;
  c.known({key});
  for (const Reader& item : c.reader().array(key)) out.push_back(item.as_integer(1, high));
  return out;
}

}  // namespace

// As published: the encoder and the pooler, without the head that pre-training adds.
void read_bert(const HfConfig& c, Model& m) {
  const std::int64_t hidden = c.integer({"hidden_size"}, 1, Limits::width);
  const int heads = heads_of(c, {"num_attention_heads"}, hidden);
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"max_position_embeddings"}, 512, 1, Limits::positions);
  m.position = Position::learned;
  m.tied = true;
  m.final_norm = false;
  m.embedding_norm = true;
  m.norm_epsilon = norm_epsilon(c, 1e-12);
  m.dropout = c.number_or({"hidden_dropout_prob"}, 0.1, 0, 1);
  m.extra_parameters =
      c.integer_or({"type_vocab_size"}, 2, 1, Limits::image) * hidden + hidden * hidden + hidden;
  Layer layer = classic_layer(hidden, heads, c.integer({"intermediate_size"}, 1, Limits::ffn),
                              c.activation({"hidden_act"}, Activation::gelu, m), true);
  layer.attention.causal = false;
  layer.encoder = true;
  append(m, layer, depth_of(c, {"num_hidden_layers"}));
}

void read_t5(const HfConfig& c, Model& m) {
  m.vocab = c.integer({"vocab_size"}, 1, Limits::vocab);
  m.max_positions = c.integer_or({"n_positions"}, 512, 1, Limits::positions);
  m.position = Position::relative;
  m.norm_epsilon = norm_epsilon(c, 1e-6);
  m.tied = c.flag("tie_word_embeddings", true);
  m.dropout = c.number_or({"dropout_rate"}, 0.1, 0, 1);
  Layer layer;
  layer.hidden = c.integer({"d_model"}, 1, Limits::width);
  layer.norm = Norm::rms;
  Attention& a = layer.attention;
  a.heads = a.kv_heads = c.integer({"num_heads"}, 1, Limits::heads);
  a.head_dim = c.integer({"d_kv"}, 1, Limits::head_dim);
  a.causal = false;
  const std::int64_t ffn = c.integer({"d_ff"}, 1, Limits::ffn);
  constexpr std::array<std::string_view, 3> words{"relu", "gated-gelu", "gated-silu"};
  const std::size_t projection =
      c.given("feed_forward_proj") ? c.reader().word("feed_forward_proj", words) : 0;
  constexpr Activation activations[]{Activation::relu, Activation::gelu_tanh, Activation::silu};
  layer.mlp = Mlp{ffn, activations[projection], projection > 0, false};
  const int depth = depth_of(c, {"num_layers"});
  const int decoders = c.integer_or({"num_decoder_layers"}, depth, 1, Limits::depth);
  const int buckets = c.integer_or({"relative_attention_num_buckets"}, 32, 1, Limits::image);
  const auto stack = [&](int count) {  // the first layer's table serves all
    layer.attention.position_table = buckets;
    append(m, layer, 1);
    layer.attention.position_table = 0;
    append(m, layer, count - 1);
  };
  layer.encoder = true;
  stack(depth);
  layer.encoder = false;
  layer.cross = a;
  a.causal = true;
  stack(decoders);
}

void read_vit(const HfConfig& c, Model& m) {
  const std::int64_t hidden = c.integer({"hidden_size"}, 1, Limits::width);
  const int heads = heads_of(c, {"num_attention_heads"}, hidden);
  m.patches = patches_of(c);
  const std::int64_t side = m.patches->image / m.patches->patch;
  m.position = Position::learned;
  m.max_positions = static_cast<int>(std::min(side * side + 1, Limits::positions));
  m.norm_epsilon = norm_epsilon(c, 1e-12);
  m.dropout = c.number_or({"hidden_dropout_prob"}, 0, 0, 1);
  Layer layer = classic_layer(hidden, heads, c.integer({"intermediate_size"}, 1, Limits::ffn),
                              c.activation({"hidden_act"}, Activation::gelu, m), true);
  layer.attention.qkv_bias = c.flag("qkv_bias", true);
  layer.attention.causal = false;
  layer.encoder = true;
  append(m, layer, depth_of(c, {"num_hidden_layers"}));
}

void read_swin(const HfConfig& c, Model& m) {
  m.patches = patches_of(c);
  m.position = Position::relative;
  m.embedding_norm = true;
  m.norm_epsilon = norm_epsilon(c, 1e-5);
  if (c.flag("use_absolute_embeddings", false)) c.reader().fail_at("use_absolute_embeddings", "false");
  std::int64_t hidden = c.integer({"embed_dim"}, 1, Limits::width);
  const std::vector<std::int64_t> depths = numbers(c, "depths", Limits::depth);
  const std::vector<std::int64_t> heads = numbers(c, "num_heads", Limits::heads);
  if (heads.size() != depths.size() || depths.size() > 8)
    c.reader().fail_at("num_heads", "a number of heads for each of the (at most 8) depths");
  const int window = c.integer({"window_size"}, 1, 128);
  const double ratio = c.number_or({"mlp_ratio"}, 4, 0.125, 64);
  const Activation activation = c.activation({"hidden_act"}, Activation::gelu, m);
  const bool bias = c.flag("qkv_bias", true);
  c.known({"num_layers", "hidden_size"});  // follow from the above
  int divisor = 1;
  for (std::size_t stage = 0; stage < depths.size(); ++stage, hidden *= 2, divisor *= 4) {
    if (hidden > Limits::width || hidden % heads[stage] != 0)
      c.reader().fail_at("num_heads",
                         "heads that divide the width of each stage (" + std::to_string(hidden) + " here)");
    const auto ffn =
        std::max(std::int64_t{1}, static_cast<std::int64_t>(ratio * static_cast<double>(hidden)));
    Layer layer = classic_layer(hidden, static_cast<int>(heads[stage]), ffn, activation, true);
    layer.attention.qkv_bias = bias;
    layer.attention.causal = false;
    layer.attention.window = window * window;
    layer.attention.position_table = (2 * window - 1) * (2 * window - 1);
    layer.token_divisor = divisor;
    layer.encoder = true;
    append(m, layer, depths[stage]);
  }
}

}  // namespace orrery
