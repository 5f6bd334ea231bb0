// Documents with numbers and words changed at random either read, count and read back the same, or end in an
// InputError: nothing that a file says reaches a check of ours.
#include <gtest/gtest.h>

#include <random>

#include "sim/base/error.h"
#include "sim/model/ops.h"
#include "sim/model/params.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void mutate(Json& value) {
    switch (value.kind()) {
      case Json::Kind::object:
        for (Json::Member& m : value.members()) mutate(m.second);
        if (one_in(30) && !value.members().empty()) value.members().erase(value.members().begin());
        break;
      case Json::Kind::array:
        for (Json& item : value.items()) mutate(item);
        if (one_in(30) && !value.items().empty()) value.push(value.items().back());
        break;
      default:
        if (one_in(8)) value = scalar();
    }
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  Json scalar() {
    static const Json choices[] = {0,    1,     2,      3,       7,          64,        1024,
                                   8192, 65536, 262144, 2097152, 1073741824, -1,        0.5,
                                   true, false, Json{}, "rms",   "moe",      "learned", "relative"};
    return choices[random_() % std::size(choices)];
  }
  std::minstd_rand random_;
};

bool read_or_refused(const Json& document) {
  const std::string text = document.dump();
  try {
    const Model m = model_from(text);
    EXPECT_GT(parameters(m), 0) << text;
    EXPECT_GE(parameters(m), active_parameters(m)) << text;
    EXPECT_GE(forward_flops(m).v, 0) << text;
    EXPECT_EQ(model_from(write_model(m).dump()), m) << text;
    for (const Layer& layer : m.kinds)
      EXPECT_EQ(layer_weights(m, layer).all(), layer_parameters(m, layer)) << text;
    return true;
  } catch (const InputError&) {
    return false;
  }
}

constexpr const char* configs[] = {
    R"({"model_type": "qwen3", "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4,
      "num_hidden_layers": 6, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 1000, "sliding_window": 32,
      "use_sliding_window": true, "max_window_layers": 3})",
    R"({"model_type": "deepseek_v3", "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4,
      "num_hidden_layers": 6, "vocab_size": 1000, "q_lora_rank": 16, "kv_lora_rank": 8, "qk_nope_head_dim": 16,
      "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 16, "n_shared_experts": 2, "num_experts_per_tok": 4,
      "moe_intermediate_size": 32, "first_k_dense_replace": 2, "moe_layer_freq": 1})",
    R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4,
      "num_hidden_layers": 2, "vocab_size": 1000, "rms_norm_eps": 1e-5, "rope_theta": 5e5, "rope_scaling": {
      "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 8192}})",
    R"({"model_type": "t5", "d_ff": 128, "d_kv": 16, "d_model": 64, "num_heads": 4, "num_layers": 3, "vocab_size": 500})",
    R"({"model_type": "swin", "depths": [2, 2], "embed_dim": 96, "image_size": 224, "num_heads": [3, 6],
      "num_labels": 10, "patch_size": 4, "window_size": 7, "mlp_ratio": 4.0})",
    R"({"model_type": "vit", "hidden_size": 64, "image_size": 224, "intermediate_size": 256, "num_attention_heads": 4,
      "num_hidden_layers": 3, "patch_size": 16})",
    R"({"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 3, "expansion_ratio": 4, "vocab_size": 100})",
};

TEST(Mutations, AreReadOrRefused) {
  std::vector<std::string> seeds(std::begin(configs), std::end(configs));
  for (const char* name : {"llama3.2-1b", "deepseek-v3", "t5-small", "swin-t", "bert-base", "gpt2"})
    seeds.push_back(preset_text(name));
  unsigned seed = 1;
  int read = 0, refused = 0;
  for (const std::string& text : seeds) {
    const Json document = parse_json(text, "seed.json");
    ASSERT_TRUE(read_or_refused(document)) << text;
    for (int i = 0; i < 300; ++i) {
      Json changed = document;
      Mutator(seed++).mutate(changed);
      ++(read_or_refused(changed) ? read : refused);
    }
  }
  EXPECT_GT(read, 300);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace orrery
