// FLOPs by the conventions of the field, against published figures and closed forms.
#include <gtest/gtest.h>

#include "sim/model/params.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

TEST(ForwardFlops, OfImageModels) {  // giga-FLOP, twice the multiplications that torchvision lists
  const auto giga = [](const char* name) { return forward_flops(preset(name)).v / 1e9; };
  EXPECT_NEAR(giga("vit-b16"), 35.128, 5e-4);
  EXPECT_NEAR(giga("vit-l16"), 123.11, 5e-3);
  EXPECT_NEAR(giga("swin-t"), 8.981, 5e-4);
  EXPECT_NEAR(giga("swin-b"), 30.862, 5e-4);
  EXPECT_NEAR(giga("swin-l"), 68.95, 5e-3);
}

TEST(ForwardFlops, OfViTInFull) {
  EXPECT_EQ(forward_flops(preset("vit-b16")).v, 12.0 * (2.0 * 197 * 7'077'888 + 4.0 * 197 * 197 * 768) +
                                                    2.0 * 196 * 768 * 768 + 2.0 * 768 * 1000);
}

struct Measured {
  const char* name;
  int batch, devices;
  double seconds, mfu;  // in percent, of 312 TFLOP/s
};

// Korthikanti et al. 2022, Table 5, selective recompute with sequence parallelism.
TEST(ModelFlops, GiveTheUtilisationOfKorthikanti) {
  for (const Measured& run :
       {Measured{"gpt-22b", 4, 8, 1.10, 41.65}, Measured{"gpt3-175b", 64, 64, 13.75, 51.39},
        Measured{"gpt-530b", 280, 280, 37.83, 56.05}, Measured{"gpt-1t", 512, 512, 71.49, 56.27}}) {
    const double flops = model_flops(preset(run.name), run.batch, 2048, FlopConvention::megatron).v;
    EXPECT_NEAR(100 * flops / run.seconds / run.devices / 312e12, run.mfu, 5e-3) << run.name;
  }
}

TEST(ModelFlops, EqualTheClosedFormOfGpt) {
  for (const char* name : {"gpt-1.7b", "gpt-22b", "gpt3-175b", "gpt-1t"}) {
    const Model m = preset(name);
    const double h = static_cast<double>(m.hidden), depth = m.depth(), s = 2048,
                 v = static_cast<double>(m.vocab);
    const double body = 72 * 3 * depth * s * h * h;  // of 3 sequences
    const auto flops = [&](FlopConvention c) { return model_flops(m, 3, 2048, c).v; };
    const double vocabulary = v / (12 * depth * h);
    EXPECT_NEAR(flops(FlopConvention::megatron) / (body * (1 + s / (6 * h) + vocabulary)), 1, 1e-12);
    EXPECT_NEAR(flops(FlopConvention::megatron_causal) / (body * (1 + s / (12 * h) + vocabulary)), 1, 1e-12);
    EXPECT_NEAR(
        flops(FlopConvention::hardware_full) / (body / 3 * 4 * (1 + s / (6 * h) + v / (16 * depth * h))), 1,
        1e-12);
    EXPECT_NEAR(
        flops(FlopConvention::palm) / (3 * s * (6 * static_cast<double>(parameters(m)) + 12 * depth * h * s)),
        1, 1e-12);
  }
}

TEST(ModelFlops, EqualTheClosedFormOfLlama) {
  const double s = 8192, h = 8192, layer = h * (64 + 16) * 128 + 64 * 128 * h + 3 * h * 28672;
  const double token = 80 * (6 * layer + 12 * s * 64 * 128) + 6 * h * 128256;
  EXPECT_NEAR(model_flops(preset("llama3-70b"), 2, 8192, FlopConvention::megatron).v / (2 * s * token), 1,
              1e-12);
}

TEST(ModelFlops, CountWhatATokenUsesOfDeepSeek) {
  const double s = 4096, h = 7168;
  const double attention = h * 1536 + 1536 * 128 * 192 + h * 576 + 512 * 128 * 256 + 128 * 128 * h;
  const double core = 2 * s * 128 * (192 + 128);  // forward, a token
  const double dense = 3 * h * 18432, sparse = 9 * 3 * h * 2048 + h * 256;
  const double token = 61 * (2 * attention + core) + 2 * (3 * dense + 58 * sparse) + 2 * h * 129280;
  EXPECT_NEAR(model_flops(preset("deepseek-v3"), 1, 4096, FlopConvention::megatron).v / (3 * s * token), 1,
              1e-12);
}

TEST(ModelFlops, SeeOnlyTheWindow) {
  const Model windowed = preset("mistral-7b");
  Model whole = windowed;
  whole.kinds[0].attention.window = 0;
  const auto flops = [](const Model& m, int s, FlopConvention c) { return model_flops(m, 1, s, c).v; };
  EXPECT_EQ(flops(windowed, 4096, FlopConvention::megatron), flops(whole, 4096, FlopConvention::megatron));
  const double per_key = 12.0 * 32 * 32 * 128;  // a query and key, three passes
  EXPECT_NEAR(flops(whole, 8192, FlopConvention::megatron) - flops(windowed, 8192, FlopConvention::megatron),
              per_key * 8192 * 4096, 1e3);
  // With half the square: of 8192 queries, those before 4096 see half of 4096 on average, the others all of
  // it.
  EXPECT_NEAR(flops(whole, 8192, FlopConvention::megatron_causal) -
                  flops(windowed, 8192, FlopConvention::megatron_causal),
              per_key * 8192 * (4096 - 3072), 1e3);
}

}  // namespace
}  // namespace orrery
