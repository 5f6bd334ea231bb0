// Kernels against each other: shards and the whole, fused and unfused, there and back.
#include <random>

#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

using Int = std::int64_t;

Tensor drawn(Int rows, Int columns, double scale, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Tensor t = zeros(rows, columns);
  for (double& x : t.values) x = static_cast<double>(static_cast<float>(scale * normal(random)));
  return t;
}

void expect_near(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.values.size(), want.values.size());
  for (std::size_t i = 0; i < want.values.size(); ++i)
    EXPECT_NEAR(got.values[i], want.values[i], tolerance) << i;
}

struct Loss {
  Tensor d_logits;
  double loss = 0;
};

Tensor columns_of(const Tensor& t, Int first, Int count) {
  Tensor part = zeros(t.rows, count);
  for (Int r = 0; r < t.rows; ++r)
    for (Int i = 0; i < count; ++i) part.at(r, i) = t.at(r, first + i);
  return part;
}

// The loss as `ranks` tensor ranks compute it, each with its columns, the reductions of sums done here.
Loss sharded(const Tensor& logits, const Tensor& labels, Int vocab, Int ranks) {
  HostDevice device;
  const Int columns = logits.columns / ranks, tokens = logits.rows;
  std::vector<Invocation> rank;
  for (Int r = 0; r < ranks; ++r) {
    Invocation v{.kernel = KernelName::cross_entropy,
                 .attributes = {.scale = 0.25F, .first_row = r * columns, .vocab = vocab}};
    v.in = {columns_of(logits, r * columns, columns), labels};
    v.out = {zeros(tokens, columns), zeros(4, tokens)};
    rank.push_back(launched(v, device));
  }
  const auto reduce = [&](Int row, const auto& combine) {
    for (Int t = 0; t < tokens; ++t) {
      double all = rank[0].out[1].at(row, t);
      for (const Invocation& v : rank) all = &v == rank.data() ? all : combine(all, v.out[1].at(row, t));
      for (Invocation& v : rank) v.out[1].at(row, t) = all;
    }
  };
  reduce(1, [](double a, double b) { return std::max(a, b); });
  for (Invocation& v : rank) {
    Invocation shift{.kernel = KernelName::cross_entropy_shift};
    shift.out = {v.out[1]};
    v.out[1] = launched(shift, device).out[0];
  }
  for (const Int row : {2, 3}) reduce(row, [](double a, double b) { return a + b; });
  Loss all{zeros(tokens, logits.columns)};
  for (const Invocation& v : rank) {
    Invocation gradient{.kernel = KernelName::cross_entropy_gradient, .attributes = v.attributes};
    gradient.in = {v.out[0], v.out[1], labels};
    gradient.out = {zeros(tokens, columns), zeros(1, 1)};
    const Invocation after = launched(gradient, device);
    all.loss = after.out[1].at(0, 0);
    for (Int t = 0; t < tokens; ++t)
      for (Int i = 0; i < columns; ++i)
        all.d_logits.at(t, v.attributes.first_row + i) = after.out[0].at(t, i);
  }
  return all;
}

TEST(Laws, ShardsOfTheVocabularyAreTheWhole) {
  const Int vocab = 70;  // of 80 columns: all of the last of 8 shards is padding
  Tensor labels = zeros(9, 1, DType::int64);
  labels.values = {0, 69, 5, -1, 40, 41, 19, 20, 60};
  const Tensor logits = drawn(9, 80, 6, 1);
  const Loss whole = sharded(logits, labels, vocab, 1);
  EXPECT_GT(whole.loss, 0);
  for (const Int ranks : {2, 4, 8}) {
    const Loss parts = sharded(logits, labels, vocab, ranks);
    EXPECT_NEAR(parts.loss, whole.loss, 1e-5 * whole.loss) << ranks << " ranks";
    expect_near(parts.d_logits, whole.d_logits, 1e-6);
  }
}

// Forward and backward through scores, softmax and context.
struct Unfused {
  Tensor core, d_qkv;
};
Unfused unfused(const KernelAttributes& a, const Tensor& qkv, const Tensor& d_core) {
  HostDevice device;
  const Int rows = qkv.rows * a.heads;
  const auto launch = [&](KernelName kernel, std::vector<Tensor> in, std::vector<Tensor> out) {
    Invocation v{.kernel = kernel, .attributes = a};
    std::copy(in.begin(), in.end(), v.in.begin());
    std::copy(out.begin(), out.end(), v.out.begin());
    return launched(v, device).out;
  };
  const Tensor square = zeros(rows, a.sequence);
  const Tensor scores = launch(KernelName::scores, {qkv}, {square})[0];
  const auto p =
      launch(KernelName::softmax, {scores}, {square, square, zeros(rows, a.sequence, DType::uint8)});
  const Tensor core = launch(KernelName::context, {p[1], qkv}, {d_core})[0];
  const auto d =
      launch(KernelName::context_gradient, {d_core, p[1], qkv}, {square, zeros(qkv.rows, qkv.columns)});
  const Tensor d_scores = launch(KernelName::softmax_gradient, {p[0], p[2]}, {d[0]})[0];
  return {core, launch(KernelName::scores_gradient, {d_scores, qkv}, {d[1]})[0]};
}

TEST(Laws, FusedAttentionIsTheThreeSteps) {
  for (const float dropout : {0.0F, 0.2F})
    for (const Int sequence : {1, 63, 64, 65, 130}) {
      const KernelAttributes a{.heads = 4,
                               .kv_heads = 2,
                               .head_dim = 8,
                               .sequence = sequence,
                               .dropout = dropout,
                               .dropout_key = 6,
                               .all_heads = 4};
      const Tensor qkv = drawn(2 * sequence, 64, 1, 2), d_core = drawn(2 * sequence, 32, 1, 3);
      HostDevice device;
      Invocation forward{.kernel = KernelName::attention, .attributes = a};
      forward.in = {qkv};
      forward.out = {d_core, zeros(8, sequence)};
      const Invocation after = launched(forward, device);
      Invocation backward{.kernel = KernelName::attention_gradient, .attributes = a};
      backward.in = {d_core, qkv, after.out[0], after.out[1]};
      backward.out = {qkv};
      const Unfused want = unfused(a, qkv, d_core);
      expect_near(after.out[0], want.core, 5e-6);
      expect_near(launched(backward, device).out[0], want.d_qkv, 2e-5);
    }
}

// Softmax does not see what is added to all scores of a row: no overflow, and no change.
TEST(Laws, AttentionOfLargeScores) {
  const KernelAttributes a{.heads = 1, .kv_heads = 1, .head_dim = 4, .sequence = 80};
  Tensor qkv = drawn(80, 12, 1, 4);
  HostDevice device;
  Invocation v{.kernel = KernelName::attention, .attributes = a};
  v.out = {zeros(80, 4), zeros(1, 80)};
  for (Int t = 0; t < 80; ++t)
    qkv.at(t, 0) = 1;  // of all queries: the first coordinate of keys is added to scores
  v.in = {qkv};
  const Invocation plain = launched(v, device);
  for (Int t = 0; t < 80; ++t) v.in[0].at(t, 4) += 1024;
  const Invocation shifted = launched(v, device);
  expect_near(shifted.out[0], plain.out[0], 1e-3);
  for (Int t = 0; t < 80; ++t) EXPECT_NEAR(shifted.out[1].at(0, t), plain.out[1].at(0, t) + 512, 1e-3);
}

TEST(Laws, RotaryBackUndoesForth) {
  HostDevice device;
  Invocation v{.kernel = KernelName::rotary,
               .attributes = {.heads = 3,
                              .kv_heads = 1,
                              .head_dim = 8,
                              .sequence = 50,
                              .rotary = {.theta = 500000, .factor = 8, .original = 20}}};
  v.out = {drawn(100, 40, 1, 5)};
  Invocation back = launched(v, device);
  back.attributes.inverse = true;
  expect_near(launched(back, device).out[0], v.out[0], 2e-6);
}

// A product is the sum of products of its parts of k, as tensor ranks and micro-batches add them.
TEST(Laws, ProductsAddUp) {
  for (const MatrixLibrary library : {MatrixLibrary::onednn, MatrixLibrary::eigen}) {
    if (!available(library)) continue;
    HostDevice device(library);
    const Tensor a = drawn(30, 48, 1, 6), b = drawn(30, 20, 1, 7);
    Invocation whole{.kernel = KernelName::matmul, .attributes = {.transpose_a = true}};
    whole.in = {a, b};
    whole.out = {zeros(48, 20)};
    Tensor sum = zeros(48, 20);
    for (Int first = 0; first < 30; first += 10) {
      const auto rows = [&](const Tensor& t) {
        Tensor part = zeros(10, t.columns);
        std::copy_n(t.values.begin() + first * t.columns, 10 * t.columns, part.values.begin());
        return part;
      };
      Invocation part{.kernel = KernelName::matmul, .attributes = {.add = true, .transpose_a = true}};
      part.in = {rows(a), rows(b)};
      part.out = {sum};
      sum = launched(part, device).out[0];
    }
    expect_near(sum, launched(whole, device).out[0], 1e-5);
  }
}

}  // namespace
}  // namespace orrery::test
