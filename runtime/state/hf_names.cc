#include "runtime/state/hf_names.h"

#include <algorithm>
#include <array>

namespace orrery {
namespace {

struct Pair {
  std::string_view ours, theirs;
};
constexpr Pair gpt2_names[] = {{"embedding", "wte"},
                               {"position", "wpe"},
                               {"final_norm", "ln_f"},
                               {"norm1", "ln_1"},
                               {"attention.qkv", "attn.c_attn"},
                               {"attention.out", "attn.c_proj"},
                               {"norm2", "ln_2"},
                               {"mlp.up", "mlp.c_fc"},
                               {"mlp.down", "mlp.c_proj"}};
constexpr Pair llama_names[] = {{"embedding", "embed_tokens"},         {"final_norm", "norm"},
                                {"norm1", "input_layernorm"},          {"attention.out", "self_attn.o_proj"},
                                {"norm2", "post_attention_layernorm"}, {"mlp.down", "mlp.down_proj"}};

std::string_view theirs(std::span<const Pair> names, std::string_view ours) {
  const auto found = std::ranges::find(names, ours, &Pair::ours);
  ORRERY_CHECK(found != names.end());
  return found->theirs;
}

struct Piece {
  std::string_view name;
  std::int64_t rows = 0;
};
std::vector<Piece> llama_pieces(const Layer& layer, std::string_view module, std::int64_t rows) {
  const std::int64_t d = layer.attention.head_dim;
  const std::int64_t queries = layer.attention.heads * d, keys = layer.attention.kv_heads * d;
  if (module == "attention.qkv")
    return {{"self_attn.q_proj", queries}, {"self_attn.k_proj", keys}, {"self_attn.v_proj", keys}};
  if (module == "attention.qk_norm") return {{"self_attn.q_norm", d}, {"self_attn.k_norm", d}};
  if (module == "mlp.up") return {{"mlp.gate_proj", rows / 2}, {"mlp.up_proj", rows / 2}};
  return {{theirs(llama_names, module), rows}};
}

bool like_gpt2(const Model& m, const Layer& l) {
  return m.position == Position::learned && m.tied && l.norm == Norm::layer && l.norm_bias &&
         l.attention.heads == l.attention.kv_heads && l.attention.qkv_bias && l.attention.out_bias &&
         !l.attention.qk_norm && !std::get<Mlp>(l.mlp).gated && std::get<Mlp>(l.mlp).bias;
}

bool like_llama(const Model& m, const Layer& l) {
  return m.position == Position::rotary && l.norm == Norm::rms && std::get<Mlp>(l.mlp).gated &&
         !std::get<Mlp>(l.mlp).bias && !l.attention.out_bias;
}

}  // namespace

HfFamily hf_family(const Model& model, const Where& where) {
  const auto all = [&](bool (*like)(const Model&, const Layer&)) {
    return unpriced_parts(model).empty() && model.final_norm && !model.embedding_norm && !model.head_bias &&
           std::ranges::all_of(model.kinds, [&](const Layer& l) { return like(model, l); });
  };
  if (all(like_gpt2)) return HfFamily::gpt2;
  if (all(like_llama)) return HfFamily::llama;
  fail(where,
       "a model of the shape of GPT-2 (learned positions, biases, tied) or of Llama (rotary positions, RMS "
       "norm, gated, no biases but of queries, keys and values)",
       model.name);
}

std::vector<HfPart> hf_parts(HfFamily family, const Model& model, const CanonicalTensor& tensor) {
  if (tensor.name == "head.weight") return {{std::string(hf_head), 0, tensor.rows, false}};
  const TensorName name = parse_name(tensor.name);
  const std::string kind = "." + std::string(name.kind);
  const bool edge = name.layer < 0;
  if (family == HfFamily::gpt2) {
    const std::string layer = edge ? "" : "h." + std::to_string(name.layer) + ".";
    return {{layer + std::string(theirs(gpt2_names, name.module)) + kind, 0, tensor.rows,
             !edge && !tensor.vector}};
  }
  const std::string layer = edge ? "" : "layers." + std::to_string(name.layer) + ".";
  const std::vector<Piece> pieces = edge ? std::vector<Piece>{{theirs(llama_names, name.module), tensor.rows}}
                                         : llama_pieces(model.layer(name.layer), name.module, tensor.rows);
  std::vector<HfPart> out;
  std::int64_t row = 0;
  for (const Piece& piece : pieces) {
    out.push_back({layer + std::string(piece.name) + kind, row, piece.rows, false});
    row += piece.rows;
  }
  return out;
}

std::vector<std::int64_t> shape(const HfPart& part, const CanonicalTensor& tensor) {
  std::vector<std::int64_t> out{part.rows};
  if (!tensor.vector) out.insert(part.transposed ? out.begin() : out.end(), tensor.columns);
  return out;
}

std::string_view hf_prefix(HfFamily family) { return family == HfFamily::gpt2 ? "transformer." : "model."; }

bool hf_redundant(const Model& model, std::string_view name) {
  constexpr std::array<std::string_view, 3> buffers{".attn.bias", ".attn.masked_bias",
                                                    ".rotary_emb.inv_freq"};
  return (model.tied && name == hf_head) ||
         std::ranges::any_of(buffers, [&](std::string_view end) { return name.ends_with(end); });
}

}  // namespace orrery
