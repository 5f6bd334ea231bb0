#include "tests/runtime/kernels/cases.h"

#include <limits>
#include <random>
#include <utility>

namespace orrery::test {
namespace {

using Int = std::int64_t;
using enum KernelName;

// Small languages for the cases. Numbers are drawn in order, so every run has the same cases.
class Draw {
 public:
  Tensor tensor(Int rows, Int columns, double scale = 1) {
    Tensor t = zeros(rows, columns);
    for (double& x : t.values) x = static_cast<double>(static_cast<float>(scale * normal_(random_)));
    return t;
  }
  Tensor exact(Int rows, Int columns, double scale = 1) {
    Tensor t = tensor(rows, columns, scale);
    t.exact = true;
    return t;
  }
  Tensor positive(Int rows, Int columns, double scale) {
    Tensor t = exact(rows, columns, scale);
    for (double& x : t.values) x = std::abs(x);
    return t;
  }
  Tensor ids(Int n, Int from, Int until) {
    Tensor t = zeros(n, 1, DType::int64);
    for (double& x : t.values)
      x = static_cast<double>(std::uniform_int_distribution<Int>(from, until - 1)(random_));
    return t;
  }
  Tensor mask(Int rows, Int columns) {
    Tensor t = zeros(rows, columns, DType::uint8);
    for (double& x : t.values) x = random_() % 4 != 0 ? 1 : 0;
    return t;
  }

 private:
  std::mt19937 random_{20240607};
  std::normal_distribution<double> normal_;
};

Tensor scalar(double value) {
  Tensor t = zeros(1, 1);
  t.values[0] = value;
  t.exact = true;
  return t;
}

Tensor mask_space(Int rows, Int columns) { return zeros(rows, columns, DType::uint8); }

class Cases {
 public:
  std::vector<Invocation> all;
  Draw draw;

  Invocation& add(std::string label, KernelName kernel, KernelAttributes attributes, std::vector<Tensor> in,
                  std::vector<Tensor> out) {
    Invocation& v = all.emplace_back();
    v.label = std::string(name(kernel)) + ": " + std::move(label);
    v.kernel = kernel;
    v.attributes = attributes;
    v.step = {.step = 3, .seed = 0x123456789abcdefULL, .learning_rate = 0.01F};
    std::move(in.begin(), in.end(), v.in.begin());
    std::move(out.begin(), out.end(), v.out.begin());
    return v;
  }
};

void products(Cases& c) {
  Draw& d = c.draw;
  for (const auto& [m, n, k] : {std::array<Int, 3>{1, 1, 1}, {7, 5, 3}, {16, 33, 17}, {40, 64, 96}})
    for (int bits = 0; bits < 16; ++bits) {
      const bool ta = (bits & 1) != 0, tb = (bits & 2) != 0, add = (bits & 4) != 0, bias = (bits & 8) != 0;
      std::string label = std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k);
      label += std::string(ta ? ", a transposed" : "") + (tb ? ", b transposed" : "") +
               (add ? ", adding" : "") + (bias ? ", bias" : "");
      c.add(label, matmul, {.add = add, .transpose_a = ta, .transpose_b = tb},
            {ta ? d.tensor(k, m) : d.tensor(m, k), tb ? d.tensor(n, k) : d.tensor(k, n),
             bias ? d.tensor(1, n) : Tensor{}},
            {d.tensor(m, n)});
    }
  for (const bool option : {false, true})
    c.add(option ? "large, a transposed, adding" : "large", matmul, {.add = option, .transpose_a = option},
          {option ? d.tensor(257, 520) : d.tensor(520, 257), d.tensor(257, 519)}, {d.tensor(520, 519)});
  Invocation& gradient = c.add("bf16 operands, fp32 gradient", matmul, {.add = true, .transpose_a = true},
                               {d.tensor(24, 10), d.tensor(24, 12)}, {d.exact(10, 12)});
  gradient = in_bf16(gradient);
  c.add("fp32 gradient of a bf16 activation", matmul, {}, {d.exact(6, 10), d.tensor(10, 12)},
        {d.tensor(6, 12)});
  for (const bool add : {false, true})
    c.add(add ? "adding" : "writing", column_sum, {.add = add}, {d.tensor(37, 70)}, {d.tensor(1, 70)});
}

void norms(Cases& c) {
  Draw& d = c.draw;
  for (const Norm kind : {Norm::layer, Norm::rms})
    for (const Int h : {3, 16, 64, 200})
      for (const bool option : {false, true}) {
        const KernelAttributes a{.add = option, .norm = kind, .epsilon = 1e-3F};
        const std::string label = std::string(kind == Norm::layer ? "layer" : "rms") + " of " +
                                  std::to_string(h) + (option ? ", bias, adding" : "");
        c.add(label, norm, a, {d.tensor(9, h), d.tensor(1, h), option ? d.tensor(1, h) : Tensor{}},
              {d.tensor(9, h)});
        c.add(label, norm_gradient, a, {d.tensor(9, h), d.tensor(9, h), d.tensor(1, h)},
              {d.tensor(9, h), d.tensor(1, h), option ? d.tensor(1, h) : Tensor{}});
      }
}

void positions(Cases& c) {
  for (const bool inverse : {false, true})
    for (const Rotary rotary : {Rotary{}, Rotary{.theta = 500000, .factor = 8, .original = 16}}) {
      const KernelAttributes a{
          .inverse = inverse, .heads = 4, .kv_heads = 2, .head_dim = 6, .sequence = 11, .rotary = rotary};
      c.add(std::string(inverse ? "back" : "forth") + (rotary.original > 0 ? ", stretched" : ""),
            KernelName::rotary, a, {}, {c.draw.tensor(22, 48)});
    }
}

// Of 2 sequences; dropout makes them a part of 8 heads and of a larger batch.
KernelAttributes attention_of(Int heads, Int kv_heads, Int head_dim, Int sequence, bool causal,
                              float dropout) {
  return {.causal = causal,
          .heads = heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .sequence = sequence,
          .dropout = dropout,
          .dropout_key = 77,
          .first_token = 3 * sequence,
          .all_heads = heads + 4,
          .first_head = 2};
}

void fused_attention(Cases& c, const KernelAttributes& a, const std::string& label) {
  const Int tokens = 2 * a.sequence, width = (a.heads + 2 * a.kv_heads) * a.head_dim,
            core = a.heads * a.head_dim;
  const Tensor qkv = c.draw.tensor(tokens, width);
  Tensor log_sum_exp = c.draw.exact(2 * a.heads, a.sequence);
  Invocation forward = c.add(label, attention, a, {qkv}, {c.draw.tensor(tokens, core), log_sum_exp});
  compute(forward);
  c.add(label, attention_gradient, a, {c.draw.tensor(tokens, core), qkv, forward.out[0], forward.out[1]},
        {c.draw.tensor(tokens, width)});
}

void unfused_attention(Cases& c, const KernelAttributes& a, const std::string& label) {
  Draw& d = c.draw;
  const Int s = a.sequence, tokens = 2 * s, width = (a.heads + 2 * a.kv_heads) * a.head_dim,
            rows = 2 * a.heads * s;
  const Tensor qkv = d.tensor(tokens, width), d_core = d.tensor(tokens, a.heads * a.head_dim);
  c.add(label, scores, a, {qkv}, {d.tensor(rows, s)});
  const bool kept = a.dropout > 0;
  Invocation soft =
      c.add(label, softmax, a, {d.tensor(rows, s)},
            {d.tensor(rows, s), kept ? d.tensor(rows, s) : Tensor{}, kept ? mask_space(rows, s) : Tensor{}});
  compute(soft);
  const Tensor &p = soft.out[0], &read = kept ? soft.out[1] : soft.out[0];
  c.add(label, context, a, {read, qkv}, {d.tensor(tokens, a.heads * a.head_dim)});
  c.add(label, context_gradient, a, {d_core, read, qkv}, {d.tensor(rows, s), d.tensor(tokens, width)});
  c.add(label + ", by mask", softmax_gradient, a, {p, soft.out[2]}, {d.tensor(rows, s)});
  c.add(label + ", by key", softmax_gradient, a, {p}, {d.tensor(rows, s)});
  c.add(label, scores_gradient, a, {d.tensor(rows, s), qkv}, {d.tensor(tokens, width)});
}

void attentions(Cases& c) {
  for (const float dropout : {0.0F, 0.3F})
    for (const bool causal : {true, false}) {
      const std::string label = std::string(causal ? "causal" : "full") + (dropout > 0 ? ", dropout" : "");
      fused_attention(c, attention_of(2, 2, 4, 5, causal, dropout), label + ", short");
      fused_attention(c, attention_of(4, 2, 8, 70, causal, dropout), label + ", grouped");
      unfused_attention(c, attention_of(2, 2, 4, 5, causal, dropout), label);
      unfused_attention(c, attention_of(4, 1, 8, 21, causal, dropout), label + ", grouped");
    }
  fused_attention(c, attention_of(1, 1, 2, 600, true, 0.1F), "causal, several blocks of keys");
}

void pointwise(Cases& c) {
  Draw& d = c.draw;
  for (const Activation kind : {Activation::gelu, Activation::gelu_tanh, Activation::relu,
                                Activation::squared_relu, Activation::silu})
    for (const bool gated : {false, true}) {
      const KernelAttributes a{.activation = kind, .gated = gated};
      const Int f = 75, up = gated ? 2 * f : f;
      const std::string label = std::to_string(static_cast<int>(kind)) + (gated ? ", gated" : "");
      c.add(label, activation, a, {d.tensor(6, up, 3)}, {d.tensor(6, f)});
      c.add(label, activation_gradient, a, {d.tensor(6, f), d.tensor(6, up, 3)}, {d.tensor(6, up)});
    }
  for (const float dropout : {0.0F, 0.25F})
    for (const bool option : {false, true}) {
      const KernelAttributes a{.dropout = dropout, .dropout_key = 5, .first_token = 9, .global_columns = 39};
      const std::string label =
          std::string(dropout > 0 ? "dropout" : "plain") + (option ? ", bias and mask" : "");
      c.add(label, residual, a, {d.tensor(6, 39), d.tensor(6, 39), option ? d.tensor(1, 39) : Tensor{}},
            {d.tensor(6, 39), option ? mask_space(6, 39) : Tensor{}});
      c.add(label, residual_gradient, a, {d.tensor(6, 39), option && dropout > 0 ? d.mask(6, 39) : Tensor{}},
            {d.tensor(6, 39)});
    }
  c.add("evaluating", residual, {.dropout = 0.25F, .dropout_key = 5, .global_columns = 39},
        {d.tensor(6, 39), d.tensor(6, 39)}, {d.tensor(6, 39)})
      .step.evaluate = true;
  c.add("more than one piece", KernelName::add, {}, {d.tensor(3, 1500)}, {d.tensor(3, 1500)});
  c.add("to another type", convert, {}, {d.exact(5, 900)}, {d.tensor(5, 900)});
  c.add("from another type", convert, {}, {d.tensor(5, 900)}, {d.exact(5, 900)});
  c.add("bytes", zero, {}, {}, {d.mask(3, 5)});
  c.add("floats", zero, {}, {}, {d.tensor(3, 5)});
}

void edges(Cases& c) {
  Draw& d = c.draw;
  for (const bool option : {false, true}) {
    const std::string label = option ? "positions, adding" : "a shard's rows";
    const KernelAttributes a{.add = option, .sequence = 6, .first_row = option ? 0 : 10};
    const Tensor ids = d.ids(18, 0, 20);
    c.add(label, embedding, a, {ids, d.tensor(option ? 20 : 7, 33), option ? d.tensor(8, 33) : Tensor{}},
          {d.tensor(18, 33)});
    c.add(label, embedding_gradient, a, {d.tensor(18, 33), ids},
          {d.tensor(option ? 20 : 7, 33), option ? d.tensor(8, 33) : Tensor{}});
  }
  for (const Int first_row :
       {0, 40, 80}) {  // of 90 words in shards of 40; 30 of the last shard's are padding
    const KernelAttributes a{.add = first_row == 40, .scale = 0.125F, .first_row = first_row, .vocab = 90};
    const std::string label = "vocabulary from " + std::to_string(first_row);
    Tensor labels = d.ids(12, 0, 90);
    labels.values[3] = -100;
    Invocation loss =
        c.add(label, cross_entropy, a, {d.tensor(12, 40, 5), labels}, {d.exact(12, 40), d.exact(4, 12)});
    compute(loss);
    Tensor sums = loss.out[1];
    for (Int t = 0; t < 12; ++t) sums.at(1, t) += 0.5;  // another rank's maximum
    c.add(label, cross_entropy_shift, a, {}, {sums});
    c.add(label, cross_entropy_gradient, a, {loss.out[0], sums, labels}, {d.tensor(12, 40), d.exact(1, 1)});
  }
}

std::vector<SegmentValues> some_segments(Draw& d, bool master) {
  std::vector<SegmentValues> segments;
  for (const Int n : {1, 37, 5000}) {
    SegmentValues s{d.tensor(1, n), d.tensor(1, n), d.exact(1, n, 0.1), d.positive(1, n, 0.1), {}, n != 37};
    if (master) s.master = d.exact(1, n);
    segments.push_back(std::move(s));
  }
  return segments;
}

void updates(Cases& c) {
  const double infinite = std::numeric_limits<double>::infinity();
  c.add("of three segments", sum_of_squares, {}, {}, {scalar(7)}).segments = some_segments(c.draw, false);
  for (const auto& [label, norm] :
       {std::pair{"a large gradient", 100.0}, {"a small gradient", 0.5}, {"an infinite gradient", infinite}})
    c.add(label, clip, {}, {scalar(norm)}, {}).segments = some_segments(c.draw, false);
  Invocation& unclipped = c.add("none", clip, {}, {scalar(100)}, {});
  unclipped.segments = some_segments(c.draw, false);
  unclipped.step.clip = 0;
  for (const bool master : {false, true})
    for (const auto& [label, norm] :
         {std::pair{"a step", 2.0}, {"an infinite gradient", infinite}, {"no number", infinite - infinite}})
      c.add(std::string(label) + (master ? ", master weights" : ""), adamw, {}, {scalar(norm)}, {}).segments =
          some_segments(c.draw, master);
  Invocation& evaluated = c.add("evaluating", adamw, {}, {scalar(2)}, {});
  evaluated.segments = some_segments(c.draw, true);
  evaluated.step.evaluate = true;
  c.add("without a norm", adamw, {}, {}, {}).segments = some_segments(c.draw, false);
}

}  // namespace

std::vector<Invocation> kernel_cases() {
  Cases c;
  products(c);
  norms(c);
  positions(c);
  attentions(c);
  pointwise(c);
  edges(c);
  updates(c);
  return std::move(c.all);
}

}  // namespace orrery::test
