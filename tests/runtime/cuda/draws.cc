#include "tests/runtime/cuda/draws.h"

#include <cmath>
#include <random>

namespace orrery::testing {
namespace {

using Int = std::int64_t;
using enum KernelName;
using test::Invocation;
using test::SegmentValues;
using test::Tensor;

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  std::vector<Invocation> all() {
    std::vector<Invocation> out;
    products(out);
    rows(out);
    heads(out);
    words(out);
    updates(out);
    return out;
  }

 private:
  Int below(Int n) { return static_cast<Int>(random_() % static_cast<unsigned>(n)); }
  bool coin() { return below(2) == 1; }
  Tensor tensor(Int rows, Int columns, bool exact = false) {
    Tensor t = test::zeros(rows, columns);
    for (double& x : t.values) x = static_cast<double>(static_cast<float>(normal_(random_)));
    t.exact = exact;
    return t;
  }
  Tensor ids(Int n, Int until) {
    Tensor t = test::zeros(n, 1, DType::int64);
    for (double& x : t.values) x = static_cast<double>(below(until));
    return t;
  }
  Invocation& add(std::vector<Invocation>& out, KernelName kernel, const KernelAttributes& a,
                  std::vector<Tensor> in, std::vector<Tensor> results) {
    Invocation& v = out.emplace_back();
    v.kernel = kernel;
    v.label = name(kernel);
    for (const std::vector<Tensor>* all : {&in, &results})
      for (const Tensor& t : *all) v.label += " " + std::to_string(t.rows) + "x" + std::to_string(t.columns);
    v.attributes = a;
    v.step = {.step = random_() % 1000, .seed = random_(), .learning_rate = 0.01F};
    std::move(in.begin(), in.end(), v.in.begin());
    std::move(results.begin(), results.end(), v.out.begin());
    return v;
  }

  void products(std::vector<Invocation>& out) {
    const Int m = 1 + below(40), n = 1 + below(40), k = 1 + below(70);
    const bool ta = coin(), tb = coin();
    add(out, matmul, {.add = coin(), .transpose_a = ta, .transpose_b = tb},
        {ta ? tensor(k, m) : tensor(m, k), tb ? tensor(n, k) : tensor(k, n),
         coin() ? tensor(1, n, coin()) : Tensor{}},
        {tensor(m, n)});
    add(out, column_sum, {.add = coin()}, {tensor(m, n)}, {tensor(1, n)});
  }

  void rows(std::vector<Invocation>& out) {
    const Int rows = 1 + below(9), h = coin() ? 1 + below(300) : 4 * (1 + below(80));
    const KernelAttributes a{.add = coin(), .norm = coin() ? Norm::layer : Norm::rms, .epsilon = 1e-3F};
    add(out, norm, a, {tensor(rows, h), tensor(1, h), coin() ? tensor(1, h) : Tensor{}}, {tensor(rows, h)});
    add(out, norm_gradient, a, {tensor(rows, h), tensor(rows, h), tensor(1, h)},
        {tensor(rows, h), tensor(1, h), coin() ? tensor(1, h) : Tensor{}});
    const bool gated = coin();
    const KernelAttributes act{.activation = static_cast<Activation>(below(5)), .gated = gated};
    const Int up = gated ? 2 * h : h;
    add(out, activation, act, {tensor(rows, up)}, {tensor(rows, h)});
    add(out, activation_gradient, act, {tensor(rows, h), tensor(rows, up)}, {tensor(rows, up)});
    const KernelAttributes drop{.dropout = 0.25F * static_cast<float>(below(3)),
                                .dropout_key = random_(),
                                .first_token = below(1000),
                                .global_columns = h};
    const Tensor mask = coin() ? test::zeros(rows, h, DType::uint8) : Tensor{};
    add(out, residual, drop, {tensor(rows, h), tensor(rows, h), coin() ? tensor(1, h) : Tensor{}},
        {tensor(rows, h), mask});
    add(out, residual_gradient, drop, {tensor(rows, h)}, {tensor(rows, h)});
    add(out, KernelName::add, {}, {tensor(rows, h)}, {tensor(rows, h)});
    add(out, zero, {}, {}, {tensor(rows, h)});
    add(out, convert, {}, {tensor(rows, h)}, {tensor(rows, h, true)});
    add(out, convert, {}, {tensor(rows, h, true)}, {tensor(rows, h)});
  }

  void heads(std::vector<Invocation>& out) {
    const Int kv_heads = 1 + below(2), group = 1 + below(2), d = 2 * (1 + below(below(4) == 0 ? 110 : 20)),
              s = 1 + below(45);
    const Int heads = kv_heads * group, tokens = s * (1 + below(2)), width = (heads + 2 * kv_heads) * d;
    const KernelAttributes a{.causal = coin(),
                             .heads = heads,
                             .kv_heads = kv_heads,
                             .head_dim = d,
                             .sequence = s,
                             .dropout = coin() ? 0.2F : 0.0F,
                             .dropout_key = random_(),
                             .first_token = 5 * s,
                             .all_heads = heads + 3,
                             .first_head = 1};
    add(out, rotary, {.inverse = coin(), .heads = heads, .kv_heads = kv_heads, .head_dim = d, .sequence = s},
        {}, {tensor(tokens, width)});
    const Tensor qkv = tensor(tokens, width);
    add(out, attention, a, {qkv}, {tensor(tokens, heads * d), tensor(tokens / s * heads, s, true)});
    Invocation done = out.back();
    compute(done);
    add(out, attention_gradient, a, {tensor(tokens, heads * d), qkv, done.out[0], done.out[1]},
        {tensor(tokens, width)});
    const Int squares = tokens * heads;
    add(out, scores, a, {qkv}, {tensor(squares, s)});
    add(out, softmax, a, {tensor(squares, s)}, {tensor(squares, s), coin() ? tensor(squares, s) : Tensor{}});
    add(out, context, a, {tensor(squares, s), qkv}, {tensor(tokens, heads * d)});
    add(out, context_gradient, a, {tensor(tokens, heads * d), tensor(squares, s), qkv},
        {tensor(squares, s), tensor(tokens, width)});
    add(out, softmax_gradient, a, {tensor(squares, s)}, {tensor(squares, s)});
    add(out, scores_gradient, a, {tensor(squares, s), qkv}, {tensor(tokens, width)});
  }

  void words(std::vector<Invocation>& out) {
    const Int tokens = 1 + below(30), vocabulary = 1 + below(60), h = 1 + below(70),
              sequence = 1 + below(tokens);
    const Int first = below(5);
    const KernelAttributes a{.add = coin(), .sequence = sequence, .first_row = first};
    const Tensor positions = coin() ? tensor(sequence, h) : Tensor{};
    add(out, embedding, a, {ids(tokens, vocabulary + first), tensor(vocabulary, h), positions},
        {tensor(tokens, h)});
    add(out, embedding_gradient, a, {tensor(tokens, h), ids(tokens, vocabulary + first)},
        {tensor(vocabulary, h), positions});
    const KernelAttributes loss{
        .add = coin(), .scale = 0.125F, .first_row = first, .vocab = first + vocabulary - below(vocabulary)};
    const Tensor labels = ids(tokens, first + vocabulary);
    add(out, cross_entropy, loss, {tensor(tokens, vocabulary), labels},
        {tensor(tokens, vocabulary, true), tensor(4, tokens, true)});
    Invocation done = out.back();
    compute(done);
    for (Int t = 0; t < tokens; ++t) done.out[1].at(1, t) += 0.25;  // another rank's maximum
    add(out, cross_entropy_shift, loss, {}, {done.out[1]});
    add(out, cross_entropy_gradient, loss, {done.out[0], done.out[1], labels},
        {tensor(tokens, vocabulary), tensor(1, 1, true)});
  }

  std::vector<SegmentValues> segments(bool master) {
    std::vector<SegmentValues> all(static_cast<std::size_t>(1 + below(4)));
    for (SegmentValues& s : all) {
      const Int n = 1 + below(coin() ? 300 : 12'000);
      s = {tensor(1, n), tensor(1, n), tensor(1, n, true), tensor(1, n, true), {}, coin()};
      for (double& x : s.second_moment.values) x = std::abs(x);
      if (master) s.master = tensor(1, n, true);
    }
    return all;
  }

  void updates(std::vector<Invocation>& out) {
    Tensor squares = tensor(1, 1, true);
    squares.values[0] = std::abs(squares.values[0]) * 4;
    for (const KernelName k : {sum_of_squares, clip, adamw}) {
      const bool sums = k == sum_of_squares;
      add(out, k, {}, {sums ? Tensor{} : squares}, {sums ? tensor(1, 1, true) : Tensor{}}).segments =
          segments(k == adamw && coin());
    }
  }

  std::mt19937 random_;
  std::normal_distribution<double> normal_;
};

}  // namespace

std::vector<Invocation> drawn_invocations(unsigned seed) { return Random(seed).all(); }

}  // namespace orrery::testing
