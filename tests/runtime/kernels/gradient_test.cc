// Gradient kernels against central differences of the reference's forward pass: L = sum of weights * output
// 0, dL/dx by moving one input at a time.
#include <cmath>
#include <random>

#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

using Int = std::int64_t;

Tensor drawn(Int rows, Int columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Tensor t = zeros(rows, columns);
  for (double& x : t.values) x = static_cast<double>(static_cast<float>(normal(random)));
  return t;
}

double loss(Invocation forward, const Tensor& weights) {
  compute(forward);
  double sum = 0;
  for (std::size_t i = 0; i < weights.values.size(); ++i) sum += weights.values[i] * forward.out[0].values[i];
  return sum;
}

// dL / d(operand); operand(invocation) is an input or, in place, an output.
template <class Operand>
Tensor central_differences(Invocation forward, const Tensor& weights, const Operand& operand) {
  constexpr double step = 1e-5;
  Tensor gradient = operand(forward);
  for (std::size_t i = 0; i < gradient.values.size(); ++i) {
    double& x = operand(forward).values[i];
    const double before = x;
    x = before + step;
    const double above = loss(forward, weights);
    x = before - step;
    const double below = loss(forward, weights);
    x = before;
    gradient.values[i] = (above - below) / (2 * step);
  }
  return gradient;
}

void expect_near(const Tensor& got, const Tensor& want, const std::string& what) {
  double largest = 0;
  for (const double x : want.values) largest = std::max(largest, std::abs(x));
  ASSERT_EQ(got.values.size(), want.values.size()) << what;
  for (std::size_t i = 0; i < want.values.size(); ++i)
    EXPECT_NEAR(got.values[i], want.values[i], 2e-5 * largest + 1e-6) << what << ", element " << i;
}

auto input(std::size_t i) {
  return [i](Invocation& v) -> Tensor& { return v.in[i]; };
}

TEST(Gradients, Matmul) {
  Invocation forward{.kernel = KernelName::matmul, .attributes = {.transpose_b = true}};
  forward.in = {drawn(5, 7, 1), drawn(6, 7, 2), drawn(1, 6, 3)};
  forward.out = {zeros(5, 6)};
  const Tensor dy = drawn(5, 6, 4);
  HostDevice device;
  Invocation dx{.kernel = KernelName::matmul};
  dx.in = {dy, forward.in[1]};
  dx.out = {zeros(5, 7)};
  expect_near(launched(dx, device).out[0], central_differences(forward, dy, input(0)), "d x");
  Invocation dw{.kernel = KernelName::matmul, .attributes = {.transpose_a = true}};
  dw.in = {dy, forward.in[0]};
  dw.out = {zeros(6, 7)};
  expect_near(launched(dw, device).out[0], central_differences(forward, dy, input(1)), "d weight");
  Invocation db{.kernel = KernelName::column_sum};
  db.in = {dy};
  db.out = {zeros(1, 6)};
  expect_near(launched(db, device).out[0], central_differences(forward, dy, input(2)), "d bias");
}

TEST(Gradients, Norm) {
  for (const Norm kind : {Norm::layer, Norm::rms}) {
    Invocation forward{.kernel = KernelName::norm, .attributes = {.norm = kind}};
    forward.in = {drawn(4, 19, 1), drawn(1, 19, 2), drawn(1, 19, 3)};
    forward.out = {zeros(4, 19)};
    const Tensor dy = drawn(4, 19, 4);
    Invocation backward{.kernel = KernelName::norm_gradient, .attributes = forward.attributes};
    backward.in = {dy, forward.in[0], forward.in[1]};
    backward.out = {zeros(4, 19), zeros(1, 19), zeros(1, 19)};
    HostDevice device;
    const Invocation after = launched(backward, device);
    for (std::size_t i = 0; i < 3; ++i)
      expect_near(after.out[i], central_differences(forward, dy, input(i)), "operand " + std::to_string(i));
  }
}

TEST(Gradients, Rotary) {
  Invocation forward{.kernel = KernelName::rotary,
                     .attributes = {.heads = 2, .kv_heads = 1, .head_dim = 4, .sequence = 3}};
  forward.out = {drawn(6, 16, 1)};
  const Tensor dy = drawn(6, 16, 2);
  Invocation backward = forward;
  backward.attributes.inverse = true;
  backward.out = {dy};
  HostDevice device;
  const auto in_place = [](Invocation& v) -> Tensor& { return v.out[0]; };
  expect_near(launched(backward, device).out[0], central_differences(forward, dy, in_place), "d qkv");
}

TEST(Gradients, Activations) {
  for (const Activation kind : {Activation::gelu, Activation::gelu_tanh, Activation::relu,
                                Activation::squared_relu, Activation::silu})
    for (const bool gated : {false, true}) {
      Invocation forward{.kernel = KernelName::activation,
                         .attributes = {.activation = kind, .gated = gated}};
      forward.in = {drawn(3, gated ? 42 : 21, 1)};
      forward.out = {zeros(3, 21)};
      const Tensor dy = drawn(3, 21, 2);
      Invocation backward{.kernel = KernelName::activation_gradient, .attributes = forward.attributes};
      backward.in = {dy, forward.in[0]};
      backward.out = {zeros(3, gated ? 42 : 21)};
      HostDevice device;
      expect_near(launched(backward, device).out[0], central_differences(forward, dy, input(0)),
                  "activation " + std::to_string(static_cast<int>(kind)));
    }
}

KernelAttributes attention_attributes(bool causal) {
  return {.causal = causal,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 4,
          .sequence = 7,
          .dropout = 0.25F,
          .dropout_key = 3,
          .all_heads = 4,
          .global_columns = 7};
}

TEST(Gradients, FusedAttention) {
  for (const bool causal : {true, false}) {
    Invocation forward{.kernel = KernelName::attention, .attributes = attention_attributes(causal)};
    forward.in = {drawn(14, 32, 1)};
    forward.out = {zeros(14, 16), zeros(8, 7)};
    const Tensor dy = drawn(14, 16, 2);
    HostDevice device;
    const Invocation after = launched(forward, device);
    Invocation backward{.kernel = KernelName::attention_gradient, .attributes = forward.attributes};
    backward.in = {dy, forward.in[0], after.out[0], after.out[1]};
    backward.out = {zeros(14, 32)};
    expect_near(launched(backward, device).out[0], central_differences(forward, dy, input(0)), "d qkv");
  }
}

TEST(Gradients, StepsOfUnfusedAttention) {
  const KernelAttributes a = attention_attributes(true);
  HostDevice device;
  const Tensor qkv = drawn(14, 32, 1), d_scores = drawn(56, 7, 2), d_core = drawn(14, 16, 3);
  Invocation scores{.kernel = KernelName::scores, .attributes = a};
  scores.in = {qkv};
  scores.out = {zeros(56, 7)};
  Invocation scores_back{.kernel = KernelName::scores_gradient, .attributes = a};
  scores_back.in = {d_scores, qkv};
  scores_back.out = {zeros(14, 32)};
  expect_near(launched(scores_back, device).out[0], central_differences(scores, d_scores, input(0)),
              "scores");

  Invocation soft{.kernel = KernelName::softmax, .attributes = a};
  soft.in = {drawn(56, 7, 4)};
  soft.out = {zeros(56, 7)};
  soft.attributes.dropout = 0;
  Invocation soft_back{.kernel = KernelName::softmax_gradient, .attributes = soft.attributes};
  soft_back.in = {launched(soft, device).out[0]};
  soft_back.out = {d_scores};
  expect_near(launched(soft_back, device).out[0], central_differences(soft, d_scores, input(0)), "softmax");

  Invocation context{.kernel = KernelName::context, .attributes = a};
  context.in = {drawn(56, 7, 5), qkv};
  context.out = {zeros(14, 16)};
  Invocation context_back{.kernel = KernelName::context_gradient, .attributes = a};
  context_back.in = {d_core, context.in[0], qkv};
  context_back.out = {zeros(56, 7), zeros(14, 32)};
  const Invocation after = launched(context_back, device);
  expect_near(after.out[0], central_differences(context, d_core, input(0)), "d probabilities");
  expect_near(after.out[1], central_differences(context, d_core, input(1)), "d values");
}

TEST(Gradients, Residual) {
  Invocation forward{.kernel = KernelName::residual,
                     .attributes = {.dropout = 0.25F, .dropout_key = 3, .global_columns = 9}};
  forward.in = {drawn(5, 9, 1), drawn(5, 9, 2), drawn(1, 9, 3)};
  forward.out = {zeros(5, 9)};
  const Tensor dy = drawn(5, 9, 4);
  Invocation backward{.kernel = KernelName::residual_gradient, .attributes = forward.attributes};
  backward.in = {dy};
  backward.out = {zeros(5, 9)};
  HostDevice device;
  const Invocation after = launched(backward, device);
  expect_near(after.out[0], central_differences(forward, dy, input(1)), "d branch");
  Invocation bias{.kernel = KernelName::column_sum};
  bias.in = {after.out[0]};
  bias.out = {zeros(1, 9)};
  expect_near(launched(bias, device).out[0], central_differences(forward, dy, input(2)), "d bias");
}

TEST(Gradients, Embedding) {
  Invocation forward{.kernel = KernelName::embedding, .attributes = {.sequence = 4, .first_row = 2}};
  Tensor ids = zeros(8, 1, DType::int64);
  ids.values = {2, 3, 2, 9, 0, 4, 2, 4};
  forward.in = {ids, drawn(3, 5, 1), drawn(4, 5, 2)};
  forward.out = {zeros(8, 5)};
  const Tensor dy = drawn(8, 5, 3);
  Invocation backward{.kernel = KernelName::embedding_gradient, .attributes = forward.attributes};
  backward.in = {dy, ids};
  backward.out = {zeros(3, 5), zeros(4, 5)};
  HostDevice device;
  const Invocation after = launched(backward, device);
  expect_near(after.out[0], central_differences(forward, dy, input(1)), "d table");
  expect_near(after.out[1], central_differences(forward, dy, input(2)), "d positions");
}

// The loss from its definition: the sum over tokens of log-sum-exp less the label's logit.
double cross_entropy(const Tensor& logits, const Tensor& labels) {
  double sum = 0;
  for (Int t = 0; t < logits.rows; ++t) {
    if (labels.values[static_cast<std::size_t>(t)] < 0) continue;
    double total = 0;
    for (Int i = 0; i < logits.columns; ++i) total += std::exp(logits.at(t, i));
    sum += std::log(total) - logits.at(t, static_cast<Int>(labels.values[static_cast<std::size_t>(t)]));
  }
  return sum;
}

TEST(Gradients, CrossEntropy) {
  Tensor logits = drawn(4, 11, 1), labels = zeros(4, 1, DType::int64);
  labels.values = {3, 10, -100, 0};
  const KernelAttributes a{.scale = 0.5F, .vocab = 11};
  HostDevice device;
  Invocation forward{.kernel = KernelName::cross_entropy, .attributes = a};
  forward.in = {logits, labels};
  forward.out = {zeros(4, 11), zeros(4, 4)};
  const Invocation after = launched(forward, device);
  Invocation backward{.kernel = KernelName::cross_entropy_gradient, .attributes = a};
  backward.in = {after.out[0], after.out[1], labels};
  backward.out = {zeros(4, 11), zeros(1, 1)};
  const Invocation result = launched(backward, device);
  EXPECT_NEAR(result.out[1].at(0, 0), cross_entropy(logits, labels), 1e-5);
  for (std::size_t i = 0; i < logits.values.size(); ++i) {
    Tensor above = logits, below = logits;
    above.values[i] += 1e-5;
    below.values[i] -= 1e-5;
    const double slope = (cross_entropy(above, labels) - cross_entropy(below, labels)) / 2e-5;
    EXPECT_NEAR(result.out[0].values[i], 0.5 * slope, 1e-6) << i;
  }
}

}  // namespace
}  // namespace orrery::test
