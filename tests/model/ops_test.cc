#include "sim/model/ops.h"

#include <gtest/gtest.h>

#include "sim/model/params.h"
#include "tests/model/presets.h"

namespace orrery {
namespace {

constexpr OpName linears[] = {OpName::qkv, OpName::attention_out, OpName::mlp_up, OpName::mlp_down};
constexpr Pass passes[] = {Pass::forward, Pass::input_gradient, Pass::weight_gradient};

struct Shape {
  std::int64_t m, n, k;
  bool operator==(const Shape&) const = default;
};
void PrintTo(const Shape& s, std::ostream* out) { *out << s.m << " x " << s.n << " x " << s.k; }

Shape shape(const Model& m, OpName name, Pass pass, const Shard& shard) {
  const Op op =
      name == OpName::logits ? edge_op(m, name, pass, shard) : layer_op(m, m.layer(0), name, pass, shard);
  EXPECT_EQ(op.kind, OpKind::matmul);
  EXPECT_EQ(op.batch, 1);
  return {op.m, op.n, op.k};
}

// facts of Megatron-LM for each linear: forward (T, N, K), input gradient (T, K, N), weight gradient (N, K,
// T).
TEST(Linears, HaveTheShapesOfLlamaOnEightRanks) {
  const Model m = preset("llama3-70b");
  const Shard shard{.tp = 8, .cp = 2, .micro_batch = 2, .sequence = 8192};
  const std::int64_t T = 8192, h = 8192, qkv = (64 + 2 * 8) * 128 / 8, out = 64 * 128 / 8, up = 2 * 28672 / 8,
                     down = 28672 / 8;
  const std::int64_t vocab = padded_vocab(m, 8) / 8;
  EXPECT_EQ(vocab, 129024 / 8);
  const struct {
    OpName name;
    std::int64_t n, k;
  } table[] = {{OpName::qkv, qkv, h},
               {OpName::attention_out, h, out},
               {OpName::mlp_up, up, h},
               {OpName::mlp_down, h, down},
               {OpName::logits, vocab, h}};
  for (const auto& row : table) {
    EXPECT_EQ(shape(m, row.name, Pass::forward, shard), (Shape{T, row.n, row.k})) << name(row.name);
    EXPECT_EQ(shape(m, row.name, Pass::recompute, shard), (Shape{T, row.n, row.k})) << name(row.name);
    EXPECT_EQ(shape(m, row.name, Pass::input_gradient, shard), (Shape{T, row.k, row.n})) << name(row.name);
    EXPECT_EQ(shape(m, row.name, Pass::weight_gradient, shard), (Shape{row.n, row.k, T})) << name(row.name);
  }
}

TEST(Linears, CopyKeyValueHeadsBeyondTheirNumber) {
  const Model m = preset("llama3-70b");
  const Shard shard{.tp = 16, .sequence = 1024};
  EXPECT_EQ(shape(m, OpName::qkv, Pass::forward, shard).n, (64 / 16 + 2) * 128);
}

TEST(Linears, KnowTheirTypeAndWhetherTheyAdd) {
  const Model m = preset("llama3-8b");
  const Shard shard{.sequence = 1024, .compute = DType::fp8};
  const Op up = layer_op(m, m.layer(0), OpName::mlp_up, Pass::weight_gradient, shard, true);
  EXPECT_EQ(up.dtype, DType::fp8);
  EXPECT_TRUE(up.accumulate);
  EXPECT_FALSE(layer_op(m, m.layer(0), OpName::mlp_up, Pass::weight_gradient, shard, false).accumulate);
  EXPECT_FALSE(layer_op(m, m.layer(0), OpName::mlp_up, Pass::forward, shard, true).accumulate);
  EXPECT_EQ(edge_op(m, OpName::logits, Pass::forward, shard).dtype, DType::bf16);
  EXPECT_EQ(layer_op(m, m.layer(0), OpName::attention, Pass::forward, shard).dtype, DType::bf16);
}

TEST(Core, UnfusedIsTwoProductsForwardAndFourBackward) {
  const Model m = preset("gpt-22b");
  const Shard shard{.tp = 8, .micro_batch = 4, .sequence = 2048};
  const auto op = [&](OpName n, Pass p) { return layer_op(m, m.layer(0), n, p, shard); };
  const Op scores = op(OpName::scores, Pass::forward), context = op(OpName::context, Pass::forward);
  EXPECT_EQ(scores.batch, 4 * 64 / 8);
  EXPECT_EQ((Shape{scores.m, scores.n, scores.k}), (Shape{2048, 2048, 96}));
  EXPECT_EQ((Shape{context.m, context.n, context.k}), (Shape{2048, 96, 2048}));
  const Op both = op(OpName::scores, Pass::input_gradient);  // dQ and dK
  EXPECT_EQ(both.batch, 2 * scores.batch);
  EXPECT_EQ((Shape{both.m, both.n, both.k}), (Shape{2048, 96, 2048}));
  for (OpName n : {OpName::scores, OpName::context}) {
    EXPECT_EQ(flops(op(n, Pass::input_gradient)).v, 2 * flops(op(n, Pass::forward)).v);
    EXPECT_EQ(flops(op(n, Pass::forward)).v, 2.0 * 4 * 8 * 2048 * 2048 * 96);  // the whole square
  }
}

TEST(Core, FusedVisitsTheLowerTriangle) {
  Model m = preset("llama3-8b");
  const Shard shard{.tp = 4, .cp = 2, .micro_batch = 3, .sequence = 4096};
  const Op forward = layer_op(m, m.layer(0), OpName::attention, Pass::forward, shard);
  EXPECT_EQ(forward.kind, OpKind::attention);
  EXPECT_EQ(forward.batch, 3 * 32 / 4);
  EXPECT_EQ((Shape{forward.m, forward.n, forward.k}), (Shape{2048, 4096, 128}));
  const double square = 4.0 * 3 * 8 * 2048 * 4096 * 128;
  EXPECT_EQ(flops(forward).v, square * (1 + 1.0 / 4096) / 2);
  EXPECT_EQ(flops(layer_op(m, m.layer(0), OpName::attention, Pass::input_gradient, shard)).v,
            2.5 * flops(forward).v);
  m.kinds[0].attention.causal = false;
  EXPECT_EQ(flops(layer_op(m, m.layer(0), OpName::attention, Pass::forward, shard)).v, square);
}

TEST(MemoryOps, CountElements) {
  const Model m = preset("llama3-70b");
  Shard shard{.tp = 8, .micro_batch = 2, .sequence = 4096};
  const auto elements = [&](OpName n) {
    return layer_op(m, m.layer(0), n, Pass::input_gradient, shard).elements;
  };
  const std::int64_t T = 8192, h = 8192;
  EXPECT_EQ(elements(OpName::norm1), T * h);
  EXPECT_EQ(elements(OpName::attention_layout), T * 64 * 128 / 8);
  EXPECT_EQ(elements(OpName::softmax), std::int64_t{2} * 8 * 4096 * 4096);
  EXPECT_EQ(elements(OpName::activation), T * 28672 / 8);
  EXPECT_TRUE(layer_op(m, m.layer(0), OpName::activation, Pass::forward, shard).gated);
  EXPECT_EQ(edge_op(m, OpName::embedding, Pass::forward, shard).elements, T * h);
  EXPECT_EQ(edge_op(m, OpName::cross_entropy, Pass::forward, shard).elements, T * padded_vocab(m, 8) / 8);
  shard.sequence_parallel = true;
  for (OpName n :
       {OpName::norm1, OpName::norm2, OpName::residual1, OpName::residual2, OpName::residual_gradient})
    EXPECT_EQ(elements(n), T * h / 8) << name(n);
  EXPECT_EQ(edge_op(m, OpName::final_norm, Pass::forward, shard).elements, T * h / 8);
  EXPECT_EQ(elements(OpName::attention_layout), T * 64 * 128 / 8);
  EXPECT_EQ(flops(layer_op(m, m.layer(0), OpName::norm1, Pass::forward, shard)).v, 0);
}

double layer_flops(const Model& m, const Layer& layer, const Shard& shard, bool fused) {
  double sum = 0;
  for (Pass pass : passes) {
    for (OpName n : linears) sum += flops(layer_op(m, layer, n, pass, shard)).v;
    if (pass == Pass::weight_gradient) continue;
    if (fused)
      sum += flops(layer_op(m, layer, OpName::attention, pass, shard)).v;
    else
      sum += flops(layer_op(m, layer, OpName::scores, pass, shard)).v +
             flops(layer_op(m, layer, OpName::context, pass, shard)).v;
  }
  return sum;
}

// All ops of all ranks are Megatron's formula, however the layer is cut.
TEST(Sharding, ConservesFlops) {
  for (const char* preset_name : {"gpt-1.7b", "gpt3-175b", "gpt-1t", "llama2-7b", "llama3-70b",
                                  "llama3.1-405b", "qwen3-32b", "nemotron4-340b", "bloom-176b"}) {
    Model m = preset(preset_name);
    m.vocab = padded_vocab(m, 64);
    for (const int tp : {1, 2, 4, 8}) {
      for (const int cp : {1, 2, 4}) {
        const Shard shard{
            .tp = tp, .cp = cp, .sequence_parallel = tp > 1, .micro_batch = 2, .sequence = 2048};
        double sum = 0;
        for (int i = 0; i < m.depth(); ++i) sum += layer_flops(m, m.layer(i), shard, false);
        for (Pass pass : passes) sum += flops(edge_op(m, OpName::logits, pass, shard)).v;
        const double whole = model_flops(m, 2, 2048, FlopConvention::megatron).v;
        EXPECT_NEAR(sum * tp * cp / whole, 1, 1e-12) << preset_name << " tp " << tp << " cp " << cp;
      }
    }
  }
}

TEST(Sharding, ConservesFusedFlops) {
  const Model m = preset("llama3-8b");
  const double whole = layer_flops(m, m.layer(0), {.micro_batch = 4, .sequence = 8192}, true);
  for (const int tp : {2, 4, 8})
    for (const int cp : {1, 2, 4})
      EXPECT_NEAR(
          tp * cp *
              layer_flops(m, m.layer(0), {.tp = tp, .cp = cp, .micro_batch = 4, .sequence = 8192}, true) /
              whole,
          1, 1e-12);
}

TEST(Names, AreOneForEach) {
  EXPECT_EQ(name(OpName::none), "none");
  EXPECT_EQ(name(OpName::residual_gradient), "residual_gradient");
  EXPECT_EQ(name(Pass::update), "update");
  EXPECT_EQ(name(DType::uint8), "uint8");
}

TEST(OpsDeathTest, RefuseWhatALayerLacks) {
  const Model mixtral = preset("mixtral-8x7b"), deepseek = preset("deepseek-v3");
  const Shard shard{.sequence = 1024};
  EXPECT_DEATH(layer_op(mixtral, mixtral.layer(0), OpName::mlp_up, Pass::forward, shard), "ops.cc");
  EXPECT_DEATH(layer_op(deepseek, deepseek.layer(0), OpName::qkv, Pass::forward, shard), "ops.cc");
  EXPECT_DEATH(layer_op(mixtral, mixtral.layer(0), OpName::norm1, Pass::weight_gradient, shard), "ops.cc");
  EXPECT_DEATH(layer_op(mixtral, mixtral.layer(0), OpName::logits, Pass::forward, shard), "ops.cc");
}

}  // namespace
}  // namespace orrery
