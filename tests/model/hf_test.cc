// config.json of Hugging Face against the presets of the same models, and the traps of that format.
#include <gtest/gtest.h>

#include "sim/model/params.h"
#include "tests/base/error_of.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

Model config(std::string_view text, std::string_view file = "some/where/config.json") {
  return model_from(text, file);
}

// The same network: what a preset knows beside it (name, source) aside.
void expect_same(Model read, Model expected) {
  read.name = expected.name;
  read.family = expected.family;
  read.source = expected.source;
  EXPECT_EQ(write_model(read).dump(), write_model(expected).dump());
  EXPECT_EQ(read, expected);
}

struct Case {
  const char* preset;
  const char* text;
};

constexpr Case cases[] = {
    {"gpt2-xl",
     R"({"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
      "bos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024,
      "n_embd": 1600, "n_head": 25, "n_layer": 48, "n_positions": 1024, "resid_pdrop": 0.1, "summary_use_proj": true,
      "task_specific_params": {"text-generation": {"max_length": 50}}, "vocab_size": 50257})"},
    {"llama2-70b", R"({"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 8192,
      "intermediate_size": 28672, "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 64,
      "num_hidden_layers": 80, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
      "rope_scaling": null, "tie_word_embeddings": false, "torch_dtype": "float16", "vocab_size": 32000})"},
    {"llama2-7b",
     R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
      "num_hidden_layers": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "vocab_size": 32000,
      "dtype": "bfloat16"})"},
    {"llama3.2-1b",
     R"({"model_type": "llama", "attention_bias": false, "attention_dropout": 0.0, "head_dim": 64,
      "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072,
      "mlp_bias": false, "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
      "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
      "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256})"},
    {"llama3-8b",
     R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
      "max_position_embeddings": 8192, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
      "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 500000.0, "tie_word_embeddings": false,
      "vocab_size": 128256})"},
    {"llama3.1-405b",
     R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 16384, "intermediate_size": 53248,
      "max_position_embeddings": 131072, "num_attention_heads": 128, "num_hidden_layers": 126, "num_key_value_heads": 8,
      "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
      "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0, "vocab_size": 128256})"},
    {"codellama-34b",
     R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 8192, "intermediate_size": 22016,
      "max_position_embeddings": 16384, "num_attention_heads": 64, "num_hidden_layers": 48, "num_key_value_heads": 8,
      "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 1000000, "vocab_size": 32000})"},
    {"qwen2.5-14b",
     R"({"model_type": "qwen2", "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 13824,
      "max_position_embeddings": 131072, "max_window_layers": 48, "num_attention_heads": 40, "num_hidden_layers": 48,
      "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": 131072,
      "tie_word_embeddings": false, "use_sliding_window": false, "vocab_size": 152064})"},
    {"mistral-7b",
     R"({"model_type": "mistral", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
      "max_position_embeddings": 32768, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
      "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false, "vocab_size": 32000})"},
    {"qwen2-7b",
     R"({"model_type": "qwen2", "attention_dropout": 0.0, "hidden_act": "silu", "hidden_size": 3584,
      "intermediate_size": 18944, "max_position_embeddings": 131072, "max_window_layers": 28,
      "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
      "rope_theta": 1000000.0, "sliding_window": 131072,
      "tie_word_embeddings": false, "use_sliding_window": false, "vocab_size": 152064})"},
    {"qwen3-32b", R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 5120,
      "intermediate_size": 25600, "num_hidden_layers": 64, "num_attention_heads": 64, "num_key_value_heads": 8,
      "head_dim": 128, "hidden_act": "silu", "rms_norm_eps": 1e-06, "vocab_size": 151936,
      "tie_word_embeddings": false, "max_position_embeddings": 40960, "rope_theta": 1000000, "sliding_window": null,
      "max_window_layers": 64, "use_sliding_window": false, "torch_dtype": "bfloat16"})"},
    {"qwen3-30b-a3b",
     R"({"model_type": "qwen3_moe", "attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128,
      "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 40960,
      "max_window_layers": 48, "mlp_only_layers": [], "moe_intermediate_size": 768, "norm_topk_prob": true,
      "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48,
      "num_key_value_heads": 4, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000.0,
      "sliding_window": null, "tie_word_embeddings": false, "vocab_size": 151936})"},
    {"mixtral-8x7b", R"({"model_type": "mixtral", "hidden_act": "silu", "hidden_size": 4096,
      "intermediate_size": 14336, "max_position_embeddings": 32768, "num_attention_heads": 32, "num_experts_per_tok": 2,
      "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8, "output_router_logits": false,
      "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
      "router_aux_loss_coef": 0.02, "sliding_window": null, "tie_word_embeddings": false, "vocab_size": 32000})"},
    {"deepseek-v3",
     R"({"model_type": "deepseek_v3", "attention_bias": false, "ep_size": 1, "first_k_dense_replace": 3,
      "hidden_act": "silu", "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512,
      "max_position_embeddings": 163840, "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 8,
      "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128, "num_experts_per_tok": 8,
      "num_hidden_layers": 61, "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "q_lora_rank": 1536,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "quantization_config": {"weight_block_size": [128, 128]},
      "rms_norm_eps": 1e-06, "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0,
      "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"}, "rope_theta": 10000,
      "tie_word_embeddings": false, "topk_group": 4, "v_head_dim": 128, "vocab_size": 129280})"},
    {"bloom-176b", R"({"apply_residual_connection_post_layernorm": false, "attention_dropout": 0.0,
      "hidden_dropout": 0.0, "layer_norm_epsilon": 1e-05, "model_type": "bloom", "n_embed": 14336, "n_layer": 70, "num_attention_heads": 112,
      "pretraining_tp": 4, "seq_length": 2048, "vocab_size": 250880})"},
    {"gpt-neox-20b", R"({"attention_probs_dropout_prob": 0, "hidden_act": "gelu_fast", "hidden_size": 6144,
      "intermediate_size": 24576, "max_position_embeddings": 2048, "model_type": "gpt_neox", "num_attention_heads": 64,
      "layer_norm_eps": 1e-05, "num_hidden_layers": 44, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false, "vocab_size": 50432})"},
    {"mpt-7b", R"({"attn_config": {"alibi": false, "attn_impl": "torch", "qk_ln": false}, "d_model": 4096,
      "emb_pdrop": 0, "expansion_ratio": 4, "learned_pos_emb": true, "max_seq_len": 2048, "model_type": "mpt",
      "n_heads": 32, "n_layers": 32, "no_bias": false, "vocab_size": 50368})"},
    {"nemotron4-340b",
     R"({"model_type": "nemotron", "attention_bias": false, "head_dim": 192, "hidden_act": "relu2",
      "hidden_size": 18432, "intermediate_size": 73728, "max_position_embeddings": 4096, "mlp_bias": false,
      "norm_eps": 1e-05, "num_attention_heads": 96, "num_hidden_layers": 96, "num_key_value_heads": 8, "partial_rotary_factor": 0.5,
      "tie_word_embeddings": false, "vocab_size": 256000})"},
    {"bert-large", R"({"model_type": "bert", "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu",
      "hidden_dropout_prob": 0.1, "hidden_size": 1024, "intermediate_size": 4096, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
      "num_attention_heads": 16, "num_hidden_layers": 24, "pooler_fc_size": 768, "type_vocab_size": 2,
      "vocab_size": 30522})"},
    {"t5-11b", R"({"model_type": "t5", "d_ff": 65536, "d_kv": 128, "d_model": 1024, "dropout_rate": 0.1,
      "feed_forward_proj": "relu", "layer_norm_epsilon": 1e-06, "n_positions": 512, "num_heads": 128, "num_layers": 24,
      "relative_attention_num_buckets": 32, "vocab_size": 32128})"},
    {"swin-t", R"({"model_type": "swin", "depths": [2, 2, 6, 2], "embed_dim": 96, "hidden_act": "gelu",
      "hidden_size": 768, "image_size": 224, "mlp_ratio": 4.0, "num_channels": 3, "num_heads": [3, 6, 12, 24],
      "num_labels": 1000, "num_layers": 4, "patch_size": 4, "qkv_bias": true, "window_size": 7})"},
    {"vit-h14",
     R"({"model_type": "vit", "encoder_stride": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
      "hidden_size": 1280, "image_size": 224, "intermediate_size": 5120, "layer_norm_eps": 1e-06, "num_attention_heads": 16, "num_channels": 3,
      "num_hidden_layers": 32, "num_labels": 1000, "patch_size": 14, "qkv_bias": true})"},
};

TEST(HfConfig, GivesTheSameNetworkAsThePreset) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.preset);
    expect_same(config(c.text), preset(c.preset));
  }
}

std::string llama(const std::string& more, const std::string& type = "llama") {
  return R"({"model_type": ")" + type +
         R"(", "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4,
    "num_hidden_layers": 6, "vocab_size": 1000)" +
         more + "}";
}

TEST(HfConfig, HeadsAsTheFileSays) {
  EXPECT_EQ(config(llama("")).layer(0).attention.head_dim, 16);
  EXPECT_EQ(config(llama("")).layer(0).attention.kv_heads, 4);
  EXPECT_EQ(config(llama(R"(, "head_dim": 32)")).layer(0).attention.head_dim, 32);
  EXPECT_EQ(config(llama(R"(, "head_dim": null, "num_key_value_heads": 2)")).layer(0).attention.head_dim, 16);
  EXPECT_EQ(config(llama("", "qwen3")).layer(0).attention.head_dim, 128);
}

std::vector<int> windows(const Model& m) {
  std::vector<int> out;
  for (int i = 0; i < m.depth(); ++i) out.push_back(m.layer(i).attention.window);
  return out;
}

TEST(HfConfig, WindowsAsTheFamilyMeansThem) {
  EXPECT_EQ(windows(config(llama(R"(, "sliding_window": 32)", "mistral"))), std::vector<int>(6, 32));
  EXPECT_EQ(windows(config(llama(R"(, "sliding_window": null)", "mistral"))), std::vector<int>(6, 0));
  EXPECT_EQ(windows(config(llama(R"(, "sliding_window": 32)", "qwen2"))), std::vector<int>(6, 0));
  EXPECT_EQ(windows(config(llama(
                R"(, "sliding_window": 32, "use_sliding_window": true, "max_window_layers": 4)", "qwen2"))),
            (std::vector<int>{0, 0, 0, 0, 32, 32}));
  EXPECT_EQ(
      windows(config(llama(R"(, "sliding_window": 32, "layer_types": ["full_attention", "sliding_attention",
              "full_attention", "sliding_attention", "full_attention", "full_attention"])",
                           "mistral"))),
      (std::vector<int>{0, 32, 0, 32, 0, 0}));
}

using Parts = std::vector<std::string>;

TEST(HfConfig, RotaryPositionsAsTheFileSays) {
  EXPECT_EQ(config(llama("")).rotary, Rotary{});
  EXPECT_EQ(config(llama(R"(, "rope_theta": 5e5)")).rotary.theta, 5e5);
  EXPECT_EQ(config(llama(R"(, "rope_theta": null, "rope_scaling": null)")).rotary, Rotary{});
  EXPECT_EQ(config(llama(R"(, "rope_scaling": {"rope_type": "default"})")).rotary, Rotary{});
  const Rotary scaled{.theta = 5e5, .factor = 8, .low = 2, .high = 6, .original = 4096};
  constexpr const char* scaling =
      R"({"rope_theta": 5e5, "rope_type": "llama3", "factor": 8, "low_freq_factor": 2, "high_freq_factor": 6,
          "original_max_position_embeddings": 4096})";
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Model m = config(llama(std::string(", \"") + key + "\": " + scaling));
    EXPECT_EQ(m.rotary, scaled) << key;
    EXPECT_EQ(m.unexecuted, Parts{}) << key;
  }
  EXPECT_EQ(
      config(
          R"({"model_type": "gpt_neox", "hidden_size": 64, "intermediate_size": 256, "num_attention_heads": 4,
      "num_hidden_layers": 6, "vocab_size": 1000, "rotary_emb_base": 5000})")
          .rotary.theta,
      5000);
}

TEST(HfConfig, NormEpsilonByAnyOfItsNamesOrTheFamilysOwn) {
  for (const char* name :
       {"rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", "norm_eps", "norm_epsilon"})
    EXPECT_EQ(config(llama(std::string(", \"") + name + "\": 1e-3")).norm_epsilon, 1e-3) << name;
  EXPECT_EQ(config(llama("")).norm_epsilon, 1e-6);
  EXPECT_EQ(config(llama("", "nemotron")).norm_epsilon, 1e-5);
  EXPECT_EQ(config(llama("", "bert")).norm_epsilon, 1e-12);
}

TEST(HfConfig, ActivationsAsPyTorchComputesThem) {
  const std::pair<const char*, Activation> words[] = {{"gelu", Activation::gelu},
                                                      {"gelu_python", Activation::gelu},
                                                      {"gelu_new", Activation::gelu_tanh},
                                                      {"gelu_fast", Activation::gelu_tanh},
                                                      {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                      {"relu", Activation::relu},
                                                      {"relu2", Activation::squared_relu},
                                                      {"silu", Activation::silu},
                                                      {"swish", Activation::silu}};
  for (const auto& [word, meaning] : words) {
    const Model m = config(llama(std::string(R"(, "hidden_act": ")") + word + "\""));
    EXPECT_EQ(std::get<Mlp>(m.layer(0).mlp).activation, meaning) << word;
    EXPECT_EQ(m.unexecuted, Parts{}) << word;
  }
}

// What can be planned but not run is noted, survives writing and changes no price.
Parts unexecuted(const std::string& text) {
  const Model m = config(text);
  EXPECT_EQ(m.unpriced, unpriced_parts(m)) << text;
  EXPECT_EQ(model_from(write_model(m).dump()), m) << text;
  return m.unexecuted;
}

TEST(HfConfig, NotesWhatAModelCannotExpress) {
  for (const std::string type : {"linear", "dynamic", "yarn", "longrope"})
    EXPECT_EQ(unexecuted(llama(R"(, "rope_scaling": {"factor": 4, "type": ")" + type + "\"}")),
              Parts{"rotary scaling \"" + type + "\""});
  EXPECT_EQ(unexecuted(llama(R"(, "hidden_act": "quick_gelu")")), Parts{"the activation \"quick_gelu\""});
  const Parts partial{"rotary positions in a part of each head"};
  EXPECT_EQ(unexecuted(llama(R"(, "partial_rotary_factor": 0.5)")), partial);
  EXPECT_EQ(unexecuted(llama("", "nemotron")), partial);
  EXPECT_EQ(unexecuted(llama(R"(, "partial_rotary_factor": 1)", "nemotron")), Parts{});
  EXPECT_EQ(unexecuted(llama("", "gpt_neox")), partial);
  EXPECT_EQ(unexecuted(llama(R"(, "rotary_pct": 1)", "gpt_neox")), Parts{});
}

TEST(HfConfig, NotesHowOlderFamiliesDiffer) {
  const auto older = [](const std::string& type, const std::string& more) {
    return unexecuted(R"({"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
        "vocab_size": 1000, "model_type": ")" +
                      type + "\"" + more + "}");
  };
  for (const char* type : {"gpt2", "bloom", "mpt"}) EXPECT_EQ(older(type, ""), Parts{}) << type;
  const Parts scale{"attention scores that are not scaled by head_dim^-1/2"};
  EXPECT_EQ(older("gpt2", R"(, "scale_attn_weights": false)"), scale);
  EXPECT_EQ(older("gpt2", R"(, "scale_attn_by_inverse_layer_idx": true)"), scale);
  EXPECT_EQ(older("mpt", R"(, "attn_config": {"softmax_scale": 0.5, "clip_qkv": null})"), scale);
  EXPECT_EQ(older("mpt", R"(, "attn_config": {"clip_qkv": 6}, "logit_scale": 0.5)"),
            (Parts{"scaled logits", "clipped queries, keys and values"}));
  EXPECT_EQ(older("bloom", R"(, "apply_residual_connection_post_layernorm": true)"),
            Parts{"residuals that start after the norm"});
}

TEST(HfConfig, SparseLayersAsTheFileSays) {
  const Model m = config(R"({"model_type": "qwen2_moe", "hidden_size": 64, "intermediate_size": 256,
    "num_attention_heads": 4, "num_hidden_layers": 6, "vocab_size": 1000, "num_experts": 8, "num_experts_per_tok": 2,
    "moe_intermediate_size": 32, "shared_expert_intermediate_size": 128, "decoder_sparse_step": 2,
    "mlp_only_layers": [3]})");
  std::vector<bool> sparse;
  for (int i = 0; i < 6; ++i) sparse.push_back(std::holds_alternative<Moe>(m.layer(i).mlp));
  EXPECT_EQ(sparse, (std::vector<bool>{false, true, false, false, false, true}));
  EXPECT_EQ(m.extra_parameters, 2 * 64);
}

TEST(HfConfig, NamesTheModelAfterItsFolderOrFile) {
  EXPECT_EQ(config(llama(""), "models/tiny/config.json").name, "tiny");
  EXPECT_EQ(config(llama(""), "models/tiny.json").name, "tiny");
  EXPECT_EQ(config(llama(""), "config.json").name, "config");
  EXPECT_EQ(config(llama(R"(, "_name_or_path": "org/Tiny-1B")"), "models/tiny.json").name, "Tiny-1B");
}

TEST(HfConfig, ReadsTheNestedTextModel) {
  const Model plain = config(R"({"model_type": "mistral3", "text_config": )" + llama("") + "}");
  expect_same(plain, config(llama("")));
  const Model seeing = config(
      R"({"model_type": "llava", "vision_config": {"hidden_size": 1024}, "text_config": )" + llama("") + "}");
  EXPECT_EQ(seeing.unpriced, std::vector<std::string>{"models of text with a \"vision_config\""});
}

TEST(HfConfig, ListsWhatIsUnderstood) {
  const std::string error = error_of([] { config(llama("", "lama")); });
  EXPECT_NE(
      error.find(
          "some/where/config.json:1: /model_type: expected one of \"bert\", \"bloom\", \"deepseek_v2\""),
      std::string::npos)
      << error;
  EXPECT_NE(error.find("found \"lama\" (did you mean \"llama\"?)"), std::string::npos) << error;
}

TEST(HfConfig, RefusesShapesThatNobodyReads) {
  EXPECT_EQ(error_of([] { config(llama(R"(, "moe_latent_size": 16)")); }),
            "some/where/config.json:2: /moe_latent_size: expected no member that may change shapes and that "
            "is not understood "
            "(remove it if it does not), found 16");
  EXPECT_EQ(error_of([] { config(llama(R"(, "attn_scale_coefficient": 2, "num_labels": 3)")); }), "no error");
}

TEST(HfConfig, NamesWhatIsWrong) {
  EXPECT_EQ(error_of([] { config(R"({"model_type": "llama", "hidden_size": 64})"); }),
            "some/where/config.json:1: expected a member \"vocab_size\" (an integer from 1 to 16777216), "
            "found none");
  EXPECT_EQ(
      error_of([] { config(llama(R"(, "num_key_value_heads": 3)")); }),
      "some/where/config.json:1: expected key/value heads that divide the heads, found 3 for 4 in layer 0");
  EXPECT_EQ(
      error_of([] { config(llama(R"(, "rope_scaling": {"factor": 8})")); }),
      "some/where/config.json:2: /rope_scaling: expected a member \"rope_type\" (a string), found none");
  EXPECT_EQ(
      error_of([] { config(llama(R"(, "rope_scaling": {"rope_type": "llama3", "factor": 8})")); }),
      "some/where/config.json:2: /rope_scaling: expected a member \"low_freq_factor\" (a number from 0 to "
      "1e+06), found none");
  EXPECT_EQ(error_of([] { config(llama(R"(, "hidden_act": "mish")")); }).substr(0, 61),
            "some/where/config.json:2: /hidden_act: expected one of \"gelu\"");
}

}  // namespace
}  // namespace orrery
