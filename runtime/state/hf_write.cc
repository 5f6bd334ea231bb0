#include "runtime/state/hf_weights.h"
#include "sim/base/half.h"

namespace orrery {
namespace {

Json gpt2_config(const Model& m) {
  const Layer& l = m.kinds.front();
  const Mlp& mlp = std::get<Mlp>(l.mlp);
  return Json::object({{"model_type", "gpt2"},
                       {"architectures", Json::array({"GPT2LMHeadModel"})},
                       {"vocab_size", m.vocab},
                       {"n_positions", m.max_positions},
                       {"n_embd", l.hidden},
                       {"n_layer", m.depth()},
                       {"n_head", l.attention.heads},
                       {"n_inner", mlp.ffn},
                       {"activation_function", mlp.activation == Activation::gelu ? "gelu" : "gelu_new"},
                       {"layer_norm_epsilon", m.norm_epsilon},
                       {"resid_pdrop", m.dropout},
                       {"embd_pdrop", m.dropout},
                       {"attn_pdrop", m.dropout},
                       {"tie_word_embeddings", m.tied}});
}

Json llama_config(const Model& m) {
  const Layer& l = m.kinds.front();
  const Attention& a = l.attention;
  const std::string_view type = a.qk_norm ? "qwen3" : a.qkv_bias ? "qwen2" : "llama";
  const std::string_view architecture = a.qk_norm    ? "Qwen3ForCausalLM"
                                        : a.qkv_bias ? "Qwen2ForCausalLM"
                                                     : "LlamaForCausalLM";
  Json out = Json::object({{"model_type", type},
                           {"architectures", Json::array({architecture})},
                           {"vocab_size", m.vocab},
                           {"hidden_size", l.hidden},
                           {"num_hidden_layers", m.depth()},
                           {"num_attention_heads", a.heads},
                           {"num_key_value_heads", a.kv_heads},
                           {"head_dim", a.head_dim},
                           {"intermediate_size", std::get<Mlp>(l.mlp).ffn},
                           {"hidden_act", "silu"},
                           {"rms_norm_eps", m.norm_epsilon},
                           {"rope_theta", m.rotary.theta},
                           {"attention_dropout", m.dropout},
                           {"tie_word_embeddings", m.tied}});
  if (m.max_positions > 0) out.set("max_position_embeddings", m.max_positions);
  if (m.rotary.original > 0)
    out.set("rope_scaling", Json::object({{"rope_type", "llama3"},
                                          {"factor", m.rotary.factor},
                                          {"low_freq_factor", m.rotary.low},
                                          {"high_freq_factor", m.rotary.high},
                                          {"original_max_position_embeddings", m.rotary.original}}));
  return out;
}

// One part of a canonical tensor, as the file holds it.
void write_part(const WeightSource& source, const CanonicalTensor& tensor, const HfPart& part, DType dtype,
                const std::function<void(ByteSpan)>& append) {
  const Slice slice{tensor.name, part.row, part.rows, 0, tensor.columns};
  std::vector<float> values(static_cast<std::size_t>(slice.elements()));
  source.read(slice, values);
  if (part.transposed) {
    const auto rows = static_cast<std::size_t>(part.rows), columns = static_cast<std::size_t>(tensor.columns);
    std::vector<float> turned(values.size());
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) turned[c * rows + r] = values[r * columns + c];
    values.swap(turned);
  }
  if (dtype == DType::fp32) return append(std::as_bytes(std::span(values)));
  std::vector<Bf16> halves(values.size());
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = to_bf16(values[i]);
  append(std::as_bytes(std::span(halves)));
}

}  // namespace

Json hf_config(const Model& model, DType dtype, const Where& where) {
  Json out = hf_family(model, where) == HfFamily::gpt2 ? gpt2_config(model) : llama_config(model);
  return out.set("torch_dtype", dtype == DType::fp32 ? "float32" : "bfloat16");
}

void write_hf(Disk& disk, const std::string& directory, const Model& model, const WeightSource& source,
              DType dtype) {
  ORRERY_CHECK(dtype == DType::fp32 || dtype == DType::bf16);
  const Where where{directory, {}};
  const HfFamily family = hf_family(model, where);
  std::vector<NewTensor> tensors;
  for (const CanonicalTensor& tensor : canonical_tensors(model))
    for (const HfPart& part : hf_parts(family, model, tensor)) {
      tensors.push_back({part.name == hf_head ? part.name : std::string(hf_prefix(family)) + part.name, dtype,
                         shape(part, tensor), [=, &source](const auto& append) {
                           write_part(source, tensor, part, dtype, append);
                         }});
    }
  disk.make_directory(directory);
  const std::pair<std::string, std::string> metadata[] = {{"format", "pt"}};
  write_safetensors(disk, directory + "/model.safetensors", tensors, metadata);
  write_whole(disk, directory + "/config.json", hf_config(model, dtype, where).dump() + "\n");
}

}  // namespace orrery
