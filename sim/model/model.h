// A Model: the architecture of a network as the field writes it down, able to express grouped-query and
// latent attention, mixtures of experts with shared experts, encoder-decoder pairs, windowed attention and
// layers that differ. It holds shapes, by which plans are priced, and attributes that only a run needs; what a layer
// computes is in ops.h, its parameters in params.h.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace orrery {

// gelu_tanh: the approximation by tanh of GPT-2 (Hendrycks & Gimpel 2016); priced as gelu.
enum class Activation : std::uint8_t { gelu, relu, squared_relu, silu, gelu_tanh };
enum class Norm : std::uint8_t { layer, rms };
enum class Position : std::uint8_t { none, learned, rotary, alibi, relative };

// Rotary positions: angles position / theta^(2i/d). Llama 3.1 stretches the slow ones: those with fewer than `low`
// turns in `original` positions by `factor`, those with more than `high` not, between them in proportion.
struct Rotary {
  double theta = 10000, factor = 1, low = 1, high = 4;
  int original = 0;                            // 0: no stretching
  bool operator==(const Rotary&) const = default;
};

// Multi-head latent attention (DeepSeek-V2): low-rank queries (0: none) and keys/values.
struct LatentAttention {
  int query_rank = 0, kv_rank = 0, nope_dim = 0, rope_dim = 0, value_dim = 0;
  bool operator==(const LatentAttention&) const = default;
};

struct Attention {
  int heads = 0, kv_heads = 0, head_dim = 0;   // heads * head_dim may differ from hidden
  bool causal = true;
  int window = 0;                              // sliding window in tokens, 0: none
  bool qkv_bias = false, out_bias = false;
  bool qk_norm = false;                        // one norm of head_dim for queries, one for keys
  int position_table = 0;                      // rows of a learned table of relative positions, a weight a head
  std::optional<LatentAttention> latent;
  bool operator==(const Attention&) const = default;
};

struct Mlp {
  std::int64_t ffn = 0;
  Activation activation = Activation::gelu;
  bool gated = false, bias = false;
  bool operator==(const Mlp&) const = default;
};

struct Moe {
  int experts = 0, top_k = 0;
  std::int64_t ffn = 0;                        // of one routed expert
  std::int64_t shared_ffn = 0;                 // of all shared experts together, 0: none
  bool gated = true, router_bias = false;
  Activation activation = Activation::silu;
  bool operator==(const Moe&) const = default;
};

// One transformer layer. `hidden` and `token_divisor` differ between layers only in pyramids (Swin).
struct Layer {
  std::int64_t hidden = 0;
  Attention attention;
  std::optional<Attention> cross;              // of a decoder that reads an encoder
  std::variant<Mlp, Moe> mlp;
  Norm norm = Norm::layer;
  bool norm_bias = true;
  int token_divisor = 1;
  bool encoder = false;
  bool parallel_residual = false;              // attention and feed-forward read the same input
  bool operator==(const Layer&) const = default;
};

// What an image model puts before its layers. A class token goes with learned positions; where the width changes
// between layers, four neighbouring tokens are merged (norm of 4h, then a matrix without bias).
struct Patches {
  int image = 0, patch = 0, channels = 3, classes = 0;   // sides in pixels; classes 0: no head
  bool operator==(const Patches&) const = default;
};

struct Model {
  std::string name, family, source;            // "llama3-70b", "llama", where the shapes come from
  std::int64_t hidden = 0, vocab = 0;          // hidden: of the last layer; vocab 0: no token embedding
  int max_positions = 0;                       // rows of a learned position table; else the longest context
  Position position = Position::rotary;
  Rotary rotary;                               // if position is rotary
  double norm_epsilon = 1e-5;
  bool tied = false;                           // input and output embeddings are one matrix
  bool final_norm = true, head_bias = false;
  bool embedding_norm = false;                 // a norm right after the embedding (BLOOM, BERT)
  double dropout = 0;                          // of residuals and attention; 0: none
  std::vector<Layer> kinds;                    // the different layers
  std::vector<std::uint16_t> layers;           // the layer at each depth: index into kinds; encoders first
  std::optional<Patches> patches;
  std::int64_t extra_parameters = 0;           // of parts not listed (poolers, type embeddings)
  std::vector<std::string> unpriced;           // parts that are expressed but not priced yet (see unpriced_parts)
  std::vector<std::string> unexecuted;         // parts that are priced, but that no member here defines: only to plan

  int depth() const { return static_cast<int>(layers.size()); }
  const Layer& layer(int i) const { return kinds[layers[static_cast<std::size_t>(i)]]; }
  bool operator==(const Model&) const = default;
};

// What the ops of ops.h do not cover: anything but a dense decoder. Readers fill Model::unpriced with it.
std::vector<std::string> unpriced_parts(const Model&);
// The first of Model::unpriced, or a window that is smaller than the sequence: plans for it are not supported.
std::optional<std::string> not_priced(const Model&, std::int64_t sequence);

}  // namespace orrery
