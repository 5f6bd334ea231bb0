// Dropout is a function of the element of the op's global tensor, whoever computes it.
#include <cmath>
#include <numeric>

#include "runtime/arithmetic/pointwise.h"
#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

using Int = std::int64_t;

Tensor ones(Int rows, Int columns) {
  Tensor t = zeros(rows, columns);
  for (double& x : t.values) x = 1;
  return t;
}

// Known answers of Random123 (Salmon et al. 2011), kat_vectors, philox4x32 10.
TEST(Philox, KnownAnswers) {
  constexpr std::uint32_t all = 0xffffffffU;
  EXPECT_EQ(philox_words({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  EXPECT_EQ(philox_words({all, all, all, all}, {all, all}),
            (std::array<std::uint32_t, 4>{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
  const Words words = philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, 0xa4093822U, 0x299f31d0U);
  EXPECT_EQ(words.w0, 0xd16cfe09U);
  EXPECT_EQ(words.w1, 0x94fdccebU);
  EXPECT_EQ(words.w2, 0x5001e420U);
  EXPECT_EQ(words.w3, 0x24126ea1U);
}

// dropout(1) of a part of a tensor of `columns`.
std::vector<double> dropped(Int first_token, Int rows, Int columns, std::uint64_t step, std::uint64_t key,
                            float dropout) {
  Invocation v{.kernel = KernelName::residual_gradient,
               .attributes = {.dropout = dropout,
                              .dropout_key = key,
                              .first_token = first_token,
                              .global_columns = columns},
               .step = {.step = step, .seed = 99}};
  v.in[0] = ones(rows, columns);
  v.out[0] = zeros(rows, columns);
  HostDevice device;
  return launched(v, device).out[0].values;
}

TEST(Dropout, DropsTheFractionAndKeepsTheMean) {
  constexpr double n = 400000;
  for (const float p : {0.1F, 0.5F}) {
    const std::vector<double> values = dropped(0, 400, 1000, 7, 3, p);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n, q = static_cast<double>(p);
    EXPECT_NEAR(mean, 1, 5 * std::sqrt(q / (1 - q) / n));
  }
}

TEST(Dropout, EveryStepAndKeyDropsOtherElements) {
  const auto base = dropped(0, 50, 1000, 7, 3, 0.5F);
  for (const auto& other : {dropped(0, 50, 1000, 8, 3, 0.5F), dropped(0, 50, 1000, 7, 4, 0.5F)}) {
    int equal = 0;
    for (std::size_t i = 0; i < base.size(); ++i) equal += base[i] == other[i] ? 1 : 0;
    EXPECT_NEAR(equal, 25000, 600);  // 5 standard deviations of a fair coin
  }
}

TEST(Dropout, RowsOfTokensAreCutAnywhere) {
  const Int columns = 37;
  const auto whole = dropped(0, 24, columns, 7, 3, 0.3F);
  for (const Int ranks : {2, 3, 4, 8})
    for (Int r = 0; r < ranks; ++r) {
      const Int rows = 24 / ranks;
      const auto part = dropped(r * rows, rows, columns, 7, 3, 0.3F);
      const auto begin = whole.begin() + r * rows * columns;
      EXPECT_TRUE(std::equal(part.begin(), part.end(), begin)) << ranks << " ranks";
    }
}

TEST(Dropout, ElementsBeyond32BitsHaveTheirOwnWords) {
  const Int columns = 1024, rows = 4 * (Int{1} << 32) / columns - 2;  // counters cross 2^32 within the part
  const auto part = dropped(rows, 4, columns, 7, 3, 0.5F);
  Invocation v{
      .kernel = KernelName::residual_gradient,
      .attributes = {.dropout = 0.5F, .dropout_key = 3, .first_token = rows, .global_columns = columns},
      .step = {.step = 7, .seed = 99}};
  v.in[0] = ones(4, columns);
  v.out[0] = zeros(4, columns);
  compute(v);
  EXPECT_EQ(part, v.out[0].values);
}

// Probabilities after dropout of uniform scores.
Invocation softmax_of(Int sequences, Int heads, Int s) {
  const Int rows = sequences * heads * s;
  Invocation v{.kernel = KernelName::softmax,
               .attributes = {.causal = false,
                              .heads = heads,
                              .kv_heads = heads,
                              .head_dim = 4,
                              .sequence = s,
                              .dropout = 0.4F,
                              .dropout_key = 11,
                              .all_heads = 4},
               .step = {.step = 2, .seed = 5}};
  v.in[0] = zeros(rows, s);
  v.out[0] = zeros(rows, s);
  v.out[1] = zeros(rows, s);
  v.out[2] = zeros(rows, s, DType::uint8);
  return v;
}

TEST(Dropout, HeadsAndSequencesAreCutAnywhere) {
  const Int s = 9;
  HostDevice device;
  const Tensor whole = launched(softmax_of(4, 4, s), device).out[1];
  for (Int sequence = 0; sequence < 4; ++sequence)
    for (Int head = 0; head < 4; head += 2) {
      Invocation part = softmax_of(1, 2, s);
      part.attributes.first_head = head;
      part.attributes.first_token = sequence * s;
      const Tensor mine = launched(part, device).out[1];
      const auto begin = whole.values.begin() + (sequence * 4 + head) * s * s;
      EXPECT_TRUE(std::equal(mine.values.begin(), mine.values.end(), begin)) << sequence << ", " << head;
    }
}

// The mask that the forward pass keeps is what the gradient regenerates without one.
TEST(Dropout, MaskIsWhatTheGradientRegenerates) {
  HostDevice device;
  Invocation forward{
      .kernel = KernelName::residual,
      .attributes = {.dropout = 0.2F, .dropout_key = 8, .first_token = 5, .global_columns = 300},
      .step = {.step = 1, .seed = 17}};
  forward.in[0] = zeros(7, 300);
  forward.in[1] = ones(7, 300);
  forward.out[0] = zeros(7, 300);
  forward.out[1] = zeros(7, 300, DType::uint8);
  const Invocation after = launched(forward, device);
  Invocation by_mask = forward, by_key = forward;
  for (Invocation* v : {&by_mask, &by_key}) {
    v->kernel = KernelName::residual_gradient;
    v->in = {ones(7, 300)};
    v->out = {zeros(7, 300)};
  }
  by_mask.in[1] = after.out[1];
  EXPECT_EQ(launched(by_mask, device).out[0].values, after.out[0].values);
  EXPECT_EQ(launched(by_key, device).out[0].values, after.out[0].values);
}

TEST(Dropout, AttentionMaskIsWhatTheGradientRegenerates) {
  HostDevice device;
  const Invocation forward = launched(softmax_of(2, 4, 13), device);
  Invocation by_key{
      .kernel = KernelName::softmax_gradient, .attributes = forward.attributes, .step = forward.step};
  by_key.in[0] = forward.out[0];
  by_key.out[0] = ones(forward.out[0].rows, 13);
  Invocation by_mask = by_key;
  by_mask.in[1] = forward.out[2];
  EXPECT_EQ(launched(by_mask, device).out[0].values, launched(by_key, device).out[0].values);
}

}  // namespace
}  // namespace orrery::test
