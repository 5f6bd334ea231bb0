// Parameter counts that the sources of the presets publish, exactly.
#include "sim/model/params.h"

#include <gtest/gtest.h>

#include "sim/model/ops.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

struct Published {
  const char* name;
  std::int64_t parameters;
};

// GPT-3 with its own vocabulary is `GptThree` below. Hugging Face counts come from the safetensors index of
// each.
constexpr Published published[] = {
    {"gpt2", 124'439'808},
    {"gpt2-medium", 354'823'168},
    {"gpt2-large", 774'030'080},
    {"gpt2-xl", 1'557'611'200},
    {"gpt3-175b", 174'615'846'912},
    {"bloom-176b", 176'247'271'424},
    {"gpt-neox-20b", 20'554'567'680},
    {"mpt-7b", 6'658'859'008},
    {"llama-65b", 65'285'660'672},
    {"llama2-7b", 6'738'415'616},
    {"llama2-13b", 13'015'864'320},
    {"llama2-70b", 68'976'648'192},
    {"codellama-34b", 33'743'970'304},
    {"llama3-8b", 8'030'261'248},
    {"llama3-70b", 70'553'706'496},
    {"llama3.1-405b", 405'853'388'800},
    {"llama3.2-1b", 1'235'814'400},
    {"llama3.2-3b", 3'212'749'824},
    {"mistral-7b", 7'241'732'096},
    {"mixtral-8x7b", 46'702'792'704},
    {"mixtral-8x22b", 140'620'634'112},
    {"qwen2-0.5b", 494'032'768},
    {"qwen2-1.5b", 1'543'714'304},
    {"qwen2-7b", 7'615'616'512},
    {"qwen2-72b", 72'706'203'648},
    {"qwen2.5-3b", 3'085'938'688},
    {"qwen2.5-14b", 14'770'033'664},
    {"qwen2.5-32b", 32'763'876'352},
    {"qwen3-4b", 4'022'468'096},
    {"qwen3-8b", 8'190'735'360},
    {"qwen3-14b", 14'768'307'200},
    {"qwen3-32b", 32'762'123'264},
    {"qwen3-30b-a3b", 30'532'122'624},
    {"qwen3-235b-a22b", 235'093'634'560},
    {"deepseek-v2", 235'741'434'880},
    {"deepseek-v3", 671'026'419'200},
    {"bert-base", 109'482'240},
    {"bert-large", 335'141'888},
    {"t5-small", 60'506'624},
    {"t5-base", 222'903'552},
    {"t5-large", 737'668'096},
    {"t5-3b", 2'851'598'336},
    {"t5-11b", 11'307'321'344},
    {"vit-b16", 86'567'656},
    {"vit-l16", 304'326'632},
    {"vit-h14", 632'045'800},
    {"swin-t", 28'288'354},
    {"swin-s", 49'606'258},
    {"swin-b", 87'768'224},
    {"swin-l", 196'532'476},
};

TEST(Parameters, OfPublishedModels) {
  for (const Published& p : published) EXPECT_EQ(parameters(preset(p.name)), p.parameters) << p.name;
}

TEST(Parameters, OfGptThreeWithItsOwnVocabulary) {
  Model m = preset("gpt3-175b");
  m.vocab = 50'257;
  EXPECT_EQ(parameters(m), 174'604'259'328);
}

TEST(Parameters, ActiveOnes) {
  EXPECT_EQ(active_parameters(preset("mixtral-8x7b")), 12'879'925'248);
  EXPECT_EQ(active_parameters(preset("deepseek-v3")), 37'552'297'472);
  EXPECT_EQ(active_parameters(preset("llama3-8b")), 8'030'261'248);
}

TEST(Parameters, OfDeepSeekWithoutRouterBias) {
  Model m = preset("deepseek-v3");
  for (Layer& layer : m.kinds)
    if (Moe* moe = std::get_if<Moe>(&layer.mlp)) moe->router_bias = false;
  EXPECT_EQ(parameters(m), 671'026'404'352);
  EXPECT_EQ(active_parameters(m), 37'552'282'624);
}

// Narayanan et al. 2021, equation 2: 12 L h^2 (1 + 13/12h + (V + s)/12Lh); it leaves out the final norm.
TEST(Parameters, FollowMegatronsFormula) {
  for (const char* name : {"gpt-1.7b", "gpt-3.6b", "gpt-7.5b", "gpt-18b", "gpt-22b", "gpt-39b", "gpt-76b",
                           "gpt-145b", "gpt-310b", "gpt-530b", "gpt-1t"}) {
    const Model m = preset(name);
    const std::int64_t h = m.hidden, depth = m.depth();
    EXPECT_EQ(parameters(m), 12 * depth * h * h + 13 * depth * h + (m.vocab + m.max_positions) * h + 2 * h)
        << name;
  }
  const auto billions = [](const char* name) { return static_cast<double>(parameters(preset(name))) / 1e9; };
  EXPECT_NEAR(billions("gpt-1.7b"), 1.652, 5e-4);
  EXPECT_NEAR(billions("gpt-22b"), 22.07, 5e-3);
  EXPECT_NEAR(billions("gpt-530b"), 529.60, 5e-3);
  EXPECT_NEAR(billions("gpt-1t"), 1008.04, 5e-3);
}

TEST(Parameters, OfLlmFoundry) {  // V h + s h + L (12 h^2 + 13 h) + 2 h
  for (const char* name :
       {"mpt-125m", "mpt-350m", "mpt-760m", "mpt-1b", "mpt-3b", "mpt-7b", "mpt-13b", "mpt-30b", "mpt-70b"}) {
    const Model m = preset(name);
    const std::int64_t h = m.hidden;
    EXPECT_EQ(parameters(m), (50'368 + 2048) * h + m.depth() * (12 * h * h + 13 * h) + 2 * h) << name;
  }
}

TEST(LayerWeights, OfAGptLayer) {  // 22B: qkv and up biases are cut, norms and the other biases are copies
  const Model m = preset("gpt-22b");
  const std::int64_t h = m.hidden;
  const LayerWeights w = layer_weights(m, m.layer(0));
  EXPECT_EQ(w.all(), 12 * h * h + 13 * h);
  EXPECT_EQ(w.replicated, 6 * h);
  EXPECT_EQ(w.on_rank(8), (12 * h * h + 7 * h) / 8 + 6 * h);
}

TEST(LayerWeights, SumToTheLayerOnAllRanks) {
  for (const char* name : {"gpt3-175b", "llama3-70b", "qwen3-32b", "nemotron4-15b", "deepseek-v3"}) {
    const Model m = preset(name);
    for (const Layer& layer : m.kinds) {
      const LayerWeights w = layer_weights(m, layer);
      EXPECT_EQ(w.all(), layer_parameters(m, layer)) << name;
      for (int tp : {1, 2, 4, 8})
        EXPECT_EQ(tp * w.on_rank(tp) - (tp - 1) * w.replicated, w.all()) << name << tp;
    }
  }
}

TEST(LayerWeights, CopyKeyValueHeadsBeyondTheirNumber) {
  const Model m = preset("llama3-70b");
  const LayerWeights w = layer_weights(m, m.layer(0));
  EXPECT_EQ(w.kv_heads, 8);
  EXPECT_EQ(16 * w.on_rank(16) - 15 * w.replicated, w.all() + 8 * w.kv_head);
}

TEST(EdgeWeights, PadTheVocabulary) {
  const Model m = preset("gpt2");
  EXPECT_EQ(padded_vocab(m, 1), 50'304);
  EXPECT_EQ(padded_vocab(m, 8), 51'200);
  EXPECT_EQ(embedding_weights(m, 8), 6400 * 768);
  EXPECT_EQ(position_weights(m), 1024 * 768);
  EXPECT_EQ(position_weights(preset("llama3-8b")), 0);
}

}  // namespace
}  // namespace orrery
