#include "tests/runtime/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "sim/base/error.h"

namespace orrery::test {
namespace {

using Int = std::int64_t;

// Writes or adds, as the invocation says.
void put(const Invocation& v, double& to, double value) { to = v.attributes.add ? to + value : value; }

// 0 or 1 / (1 - dropout) of a global element.
double keep(const Invocation& v, Int element) {
  const KernelAttributes& a = v.attributes;
  if (a.dropout == 0 || v.step.evaluate) return 1;
  const auto e = static_cast<std::uint64_t>(element);
  const std::uint64_t stream = a.dropout_key + v.step.step * 0x9E3779B97F4A7C15U, counter = e / 4;
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x & 0xffffffffU); };
  const auto words = philox_words({low(counter), low(counter >> 32), low(stream), low(stream >> 32)},
                                  {low(v.step.seed), low(v.step.seed >> 32)});
  const double drop = static_cast<double>(a.dropout);
  return static_cast<double>(words[e % 4]) < std::floor(drop * 4294967296.0) ? 0 : 1 / (1 - drop);
}

double keep_in_row(const Invocation& v, Int row, Int column) {
  return keep(v, (v.attributes.first_token + row) * v.attributes.global_columns + column);
}

double keep_in_attention(const Invocation& v, Int sequence, Int head, Int query, Int key) {
  const KernelAttributes& a = v.attributes;
  const Int global_head = (a.first_token / a.sequence + sequence) * a.all_heads + a.first_head + head;
  return keep(v, (global_head * a.sequence + query) * a.sequence + key);
}

void matmul(Invocation& v) {
  const Tensor &a = v.in[0], &b = v.in[1];
  const bool ta = v.attributes.transpose_a, tb = v.attributes.transpose_b;
  const Int inner = ta ? a.rows : a.columns;
  for (Int i = 0; i < v.out[0].rows; ++i)
    for (Int j = 0; j < v.out[0].columns; ++j) {
      double sum = v.in[2] ? v.in[2].at(0, j) : 0;
      for (Int l = 0; l < inner; ++l) sum += (ta ? a.at(l, i) : a.at(i, l)) * (tb ? b.at(j, l) : b.at(l, j));
      put(v, v.out[0].at(i, j), sum);
    }
}

void column_sum(Invocation& v) {
  for (Int j = 0; j < v.in[0].columns; ++j) {
    double sum = 0;
    for (Int i = 0; i < v.in[0].rows; ++i) sum += v.in[0].at(i, j);
    put(v, v.out[0].at(0, j), sum);
  }
}

// A row of x as a norm sees it, and by what it was divided.
struct Normalised {
  std::vector<double> values;
  double deviation = 0;
};
Normalised normalised(const Invocation& v, const Tensor& x, Int row) {
  const double h = static_cast<double>(x.columns);
  double mean = 0, squares = 0;
  if (v.attributes.norm == Norm::layer)
    for (Int i = 0; i < x.columns; ++i) mean += x.at(row, i) / h;
  for (Int i = 0; i < x.columns; ++i) squares += std::pow(x.at(row, i) - mean, 2) / h;
  Normalised n{{}, std::sqrt(squares + static_cast<double>(v.attributes.epsilon))};
  for (Int i = 0; i < x.columns; ++i) n.values.push_back((x.at(row, i) - mean) / n.deviation);
  return n;
}

void norm(Invocation& v) {
  for (Int t = 0; t < v.in[0].rows; ++t) {
    const Normalised n = normalised(v, v.in[0], t);
    for (Int i = 0; i < v.in[0].columns; ++i)
      v.out[0].at(t, i) =
          v.in[1].at(0, i) * n.values[static_cast<std::size_t>(i)] + (v.in[2] ? v.in[2].at(0, i) : 0);
  }
}

void norm_gradient(Invocation& v) {
  const Tensor &dy = v.in[0], &x = v.in[1], &weight = v.in[2];
  const double h = static_cast<double>(x.columns);
  Tensor d_weight = zeros(1, x.columns), d_bias = zeros(1, x.columns);
  for (Int t = 0; t < x.rows; ++t) {
    const Normalised n = normalised(v, x, t);
    double mean = 0, along = 0;
    for (Int i = 0; i < x.columns; ++i) {
      const double hat = n.values[static_cast<std::size_t>(i)];
      mean += weight.at(0, i) * dy.at(t, i) / h;
      along += weight.at(0, i) * dy.at(t, i) * hat / h;
      d_weight.at(0, i) += dy.at(t, i) * hat;
      d_bias.at(0, i) += dy.at(t, i);
    }
    if (v.attributes.norm == Norm::rms) mean = 0;
    for (Int i = 0; i < x.columns; ++i)
      v.out[0].at(t, i) =
          (weight.at(0, i) * dy.at(t, i) - mean - n.values[static_cast<std::size_t>(i)] * along) /
          n.deviation;
  }
  for (Int i = 0; i < x.columns; ++i) {
    put(v, v.out[1].at(0, i), d_weight.at(0, i));
    if (v.out[2]) put(v, v.out[2].at(0, i), d_bias.at(0, i));
  }
}

// Radians a position, as Hugging Face's Llama 3.1 writes it: by wave lengths.
double angular_speed(const Rotary& r, Int pair, Int head_dim) {
  const double speed = std::pow(r.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
  if (r.original == 0) return speed;
  const double wave = 2 * std::numbers::pi / speed;
  if (wave < r.original / r.high) return speed;
  if (wave > r.original / r.low) return speed / r.factor;
  const double smooth = (r.original / wave - r.low) / (r.high - r.low);
  return (1 - smooth) * speed / r.factor + smooth * speed;
}

void rotary(Invocation& v) {
  const KernelAttributes& a = v.attributes;
  Tensor& x = v.out[0];
  for (Int t = 0; t < x.rows; ++t)
    for (Int head = 0; head < a.heads + a.kv_heads; ++head)
      for (Int i = 0; i < a.head_dim / 2; ++i) {
        const double angle = static_cast<double>(t % a.sequence) * angular_speed(a.rotary, i, a.head_dim);
        const double c = std::cos(angle), s = a.inverse ? -std::sin(angle) : std::sin(angle);
        double &first = x.at(t, head * a.head_dim + i),
               &second = x.at(t, head * a.head_dim + i + a.head_dim / 2);
        const double rotated = first * c - second * s;
        second = second * c + first * s;
        first = rotated;
      }
}

// Elements of qkv, and of core, by sequence, head, position in the sequence and dimension.
struct Attention {
  const KernelAttributes& a;
  Int tokens;
  Int sequences() const { return tokens / a.sequence; }
  Int key_head(Int head) const { return head / (a.heads / a.kv_heads); }
  std::size_t index(Int sequence, Int position, Int columns, Int head, Int d) const {
    return static_cast<std::size_t>((sequence * a.sequence + position) * columns + head * a.head_dim + d);
  }
  Int columns() const { return (a.heads + 2 * a.kv_heads) * a.head_dim; }
  std::size_t q(Int b, Int h, Int i, Int d) const { return index(b, i, columns(), h, d); }
  std::size_t k(Int b, Int h, Int i, Int d) const { return index(b, i, columns(), a.heads + key_head(h), d); }
  std::size_t v(Int b, Int h, Int i, Int d) const {
    return index(b, i, columns(), a.heads + a.kv_heads + key_head(h), d);
  }
  std::size_t core(Int b, Int h, Int i, Int d) const { return index(b, i, a.heads * a.head_dim, h, d); }
  std::size_t square(Int b, Int h, Int i, Int j) const {
    return static_cast<std::size_t>(((b * a.heads + h) * a.sequence + i) * a.sequence + j);
  }
  double scale() const { return 1 / std::sqrt(static_cast<double>(a.head_dim)); }

  // body(sequence, head, query, key, dimension), dimensions innermost.
  template <class Body>
  void for_each(const Body& body) const {
    for (Int b = 0; b < sequences(); ++b)
      for (Int h = 0; h < a.heads; ++h)
        for (Int i = 0; i < a.sequence; ++i)
          for (Int j = 0; j < a.sequence; ++j)
            for (Int d = 0; d < a.head_dim; ++d) body(b, h, i, j, d);
  }
};

Tensor squares(const Attention& t) { return zeros(t.sequences() * t.a.heads * t.a.sequence, t.a.sequence); }

Tensor scores_of(const Attention& t, const Tensor& qkv) {
  Tensor s = squares(t);
  t.for_each([&](Int b, Int h, Int i, Int j, Int d) {
    s.values[t.square(b, h, i, j)] += qkv.values[t.q(b, h, i, d)] * qkv.values[t.k(b, h, j, d)] * t.scale();
  });
  return s;
}

// The probabilities of a row, and the log-sum-exp.
double softmax_row(const KernelAttributes& a, const Tensor& s, Int row, Tensor& p) {
  const Int seen = a.causal ? row % a.sequence + 1 : a.sequence;
  double sum = 0, maximum = -std::numeric_limits<double>::infinity();
  for (Int j = 0; j < seen; ++j) maximum = std::max(maximum, s.at(row, j));
  for (Int j = 0; j < seen; ++j) sum += std::exp(s.at(row, j) - maximum);
  for (Int j = 0; j < a.sequence; ++j) p.at(row, j) = j < seen ? std::exp(s.at(row, j) - maximum) / sum : 0;
  return maximum + std::log(sum);
}

double keep_in_square(const Invocation& v, Int row, Int key) {
  const KernelAttributes& a = v.attributes;
  const Int head = row / a.sequence;
  return keep_in_attention(v, head / a.heads, head % a.heads, row % a.sequence, key);
}

Tensor dropped(const Invocation& v, const Tensor& p) {
  Tensor result = p;
  for (Int r = 0; r < p.rows; ++r)
    for (Int j = 0; j < p.columns; ++j) result.at(r, j) *= keep_in_square(v, r, j);
  return result;
}

void add_context(const Attention& t, const Tensor& p, const Tensor& qkv, Tensor& core) {
  std::fill(core.values.begin(), core.values.end(), 0.0);
  t.for_each([&](Int b, Int h, Int i, Int j, Int d) {
    core.values[t.core(b, h, i, d)] += p.values[t.square(b, h, i, j)] * qkv.values[t.v(b, h, j, d)];
  });
}

// What dropout at [row, key] multiplies by, as the kernel is told: by its mask, or else from the key.
double keep_as_told(const Invocation& v, const Tensor& mask, Int row, Int key) {
  if (!mask) return keep_in_square(v, row, key);
  return mask.at(row, key) / (1 - static_cast<double>(v.attributes.dropout));
}

void softmax_gradient_of(const Invocation& v, const Tensor& p, const Tensor& mask, Tensor& d) {
  for (Int r = 0; r < p.rows; ++r) {
    double along = 0;
    for (Int j = 0; j < p.columns; ++j) {
      d.at(r, j) *= keep_as_told(v, mask, r, j);
      along += p.at(r, j) * d.at(r, j);
    }
    for (Int j = 0; j < p.columns; ++j) d.at(r, j) = p.at(r, j) * (d.at(r, j) - along);
  }
}

void values_gradient(const Attention& t, const Tensor& d_core, const Tensor& p, const Tensor& qkv,
                     Tensor& d_p, Tensor& d_qkv) {
  std::fill(d_p.values.begin(), d_p.values.end(), 0.0);
  for (Int b = 0; b < t.sequences(); ++b)
    for (Int h = 0; h < t.a.heads; ++h)
      for (Int i = 0; i < t.a.sequence; ++i)
        for (Int d = 0; d < t.a.head_dim; ++d) d_qkv.values[t.v(b, h, i, d)] = 0;
  t.for_each([&](Int b, Int h, Int i, Int j, Int d) {
    const double d_out = d_core.values[t.core(b, h, i, d)];
    d_p.values[t.square(b, h, i, j)] += d_out * qkv.values[t.v(b, h, j, d)];
    d_qkv.values[t.v(b, h, j, d)] += d_out * p.values[t.square(b, h, i, j)];
  });
}

void queries_and_keys_gradient(const Attention& t, const Tensor& d_s, const Tensor& qkv, Tensor& d_qkv) {
  for (Int b = 0; b < t.sequences(); ++b)
    for (Int h = 0; h < t.a.heads; ++h)
      for (Int i = 0; i < t.a.sequence; ++i)
        for (Int d = 0; d < t.a.head_dim; ++d)
          d_qkv.values[t.q(b, h, i, d)] = d_qkv.values[t.k(b, h, i, d)] = 0;
  t.for_each([&](Int b, Int h, Int i, Int j, Int d) {
    const double g = d_s.values[t.square(b, h, i, j)] * t.scale();
    d_qkv.values[t.q(b, h, i, d)] += g * qkv.values[t.k(b, h, j, d)];
    d_qkv.values[t.k(b, h, j, d)] += g * qkv.values[t.q(b, h, i, d)];
  });
}

void attention(Invocation& v) {
  const Attention t{v.attributes, v.in[0].rows};
  const Tensor s = scores_of(t, v.in[0]);
  Tensor p = squares(t);
  for (Int r = 0; r < s.rows; ++r) v.out[1].values[static_cast<std::size_t>(r)] = softmax_row(t.a, s, r, p);
  add_context(t, dropped(v, p), v.in[0], v.out[0]);
}

// From what the forward pass left, as flash attention does: the sum of p d p of a row is that of core * d
// core.
void attention_gradient(Invocation& v) {
  const Attention t{v.attributes, v.in[1].rows};
  const Tensor s = scores_of(t, v.in[1]);
  Tensor p = squares(t), d_p = squares(t);
  for (Int r = 0; r < s.rows; ++r)
    for (Int j = 0; j < (t.a.causal ? r % t.a.sequence + 1 : t.a.sequence); ++j)
      p.at(r, j) = std::exp(s.at(r, j) - v.in[3].values[static_cast<std::size_t>(r)]);
  values_gradient(t, v.in[0], dropped(v, p), v.in[1], d_p, v.out[0]);
  for (Int b = 0; b < t.sequences(); ++b)
    for (Int h = 0; h < t.a.heads; ++h)
      for (Int i = 0; i < t.a.sequence; ++i) {
        double along = 0;
        for (Int d = 0; d < t.a.head_dim; ++d)
          along += v.in[0].values[t.core(b, h, i, d)] * v.in[2].values[t.core(b, h, i, d)];
        const Int r = (b * t.a.heads + h) * t.a.sequence + i;
        for (Int j = 0; j < t.a.sequence; ++j)
          d_p.at(r, j) = p.at(r, j) * (d_p.at(r, j) * keep_in_square(v, r, j) - along);
      }
  queries_and_keys_gradient(t, d_p, v.in[1], v.out[0]);
}

void softmax(Invocation& v) {
  Tensor p = v.in[0];
  for (Int r = 0; r < p.rows; ++r) softmax_row(v.attributes, v.in[0], r, p);
  v.out[0].values = p.values;
  const Tensor after = dropped(v, p);
  if (v.out[1]) v.out[1].values = after.values;
  if (!v.out[2]) return;
  for (Int r = 0; r < p.rows; ++r)
    for (Int j = 0; j < p.columns; ++j) v.out[2].at(r, j) = keep_in_square(v, r, j) != 0 ? 1 : 0;
}

double cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

double act(Activation kind, double x) {
  switch (kind) {
    case Activation::gelu:
      return x * cdf(x);
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::squared_relu:
      return std::max(x, 0.0) * std::max(x, 0.0);
    case Activation::silu:
      return x * logistic(x);
  }
  return 0;
}

double act_gradient(Activation kind, double x) {
  const double c = std::sqrt(2 / std::numbers::pi), th = std::tanh(c * (x + 0.044715 * x * x * x));
  switch (kind) {
    case Activation::gelu:
      return cdf(x) + x * density(x);
    case Activation::gelu_tanh:
      return 0.5 * (1 + th) + 0.5 * x * (1 - th * th) * c * (1 + 3 * 0.044715 * x * x);
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::squared_relu:
      return 2 * std::max(x, 0.0);
    case Activation::silu:
      return logistic(x) * (1 + x * (1 - logistic(x)));
  }
  return 0;
}

void activation(Invocation& v) {
  const Int f = v.out[0].columns;
  for (Int t = 0; t < v.out[0].rows; ++t)
    for (Int i = 0; i < f; ++i)
      v.out[0].at(t, i) =
          act(v.attributes.activation, v.in[0].at(t, i)) * (v.attributes.gated ? v.in[0].at(t, f + i) : 1);
}

void activation_gradient(Invocation& v) {
  const Tensor &dy = v.in[0], &up = v.in[1];
  const Int f = dy.columns;
  for (Int t = 0; t < dy.rows; ++t)
    for (Int i = 0; i < f; ++i) {
      const double factor = v.attributes.gated ? up.at(t, f + i) : 1;
      v.out[0].at(t, i) = dy.at(t, i) * factor * act_gradient(v.attributes.activation, up.at(t, i));
      if (v.attributes.gated) v.out[0].at(t, f + i) = dy.at(t, i) * act(v.attributes.activation, up.at(t, i));
    }
}

void residual(Invocation& v) {
  for (Int t = 0; t < v.out[0].rows; ++t)
    for (Int i = 0; i < v.out[0].columns; ++i) {
      const double kept = keep_in_row(v, t, i), bias = v.in[2] ? v.in[2].at(0, i) : 0;
      v.out[0].at(t, i) = v.in[0].at(t, i) + (v.in[1].at(t, i) + bias) * kept;
      if (v.out[1]) v.out[1].at(t, i) = kept != 0 ? 1 : 0;
    }
}

void residual_gradient(Invocation& v) {
  const double scale = 1 / (1 - static_cast<double>(v.attributes.dropout));
  for (Int t = 0; t < v.out[0].rows; ++t)
    for (Int i = 0; i < v.out[0].columns; ++i)
      v.out[0].at(t, i) = v.in[0].at(t, i) * (v.in[1] ? v.in[1].at(t, i) * scale : keep_in_row(v, t, i));
}

void embedding(Invocation& v) {
  for (Int t = 0; t < v.out[0].rows; ++t) {
    const Int row = static_cast<Int>(v.in[0].values[static_cast<std::size_t>(t)]) - v.attributes.first_row;
    for (Int i = 0; i < v.out[0].columns; ++i)
      v.out[0].at(t, i) = (row >= 0 && row < v.in[1].rows ? v.in[1].at(row, i) : 0) +
                          (v.in[2] ? v.in[2].at(t % v.attributes.sequence, i) : 0);
  }
}

void embedding_gradient(Invocation& v) {
  if (!v.attributes.add)
    for (Tensor& d : v.out) std::fill(d.values.begin(), d.values.end(), 0.0);
  for (Int t = 0; t < v.in[0].rows; ++t) {
    const Int row = static_cast<Int>(v.in[1].values[static_cast<std::size_t>(t)]) - v.attributes.first_row;
    for (Int i = 0; i < v.in[0].columns; ++i) {
      if (row >= 0 && row < v.out[0].rows) v.out[0].at(row, i) += v.in[0].at(t, i);
      if (v.out[1]) v.out[1].at(t % v.attributes.sequence, i) += v.in[0].at(t, i);
    }
  }
}

void cross_entropy(Invocation& v) {
  const Tensor& x = v.in[0];
  const Int first = v.attributes.first_row;
  for (Int t = 0; t < x.rows; ++t) {
    const Int label = static_cast<Int>(v.in[1].values[static_cast<std::size_t>(t)]);
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0, logit = 0;
    for (Int i = 0; i < x.columns && first + i < v.attributes.vocab; ++i) {
      maximum = std::max(maximum, x.at(t, i));
      if (first + i == label) logit = x.at(t, i);
    }
    for (Int i = 0; i < x.columns; ++i) {
      v.out[0].at(t, i) = first + i < v.attributes.vocab ? std::exp(x.at(t, i) - maximum) : 0;
      sum += v.out[0].at(t, i);
    }
    v.out[1].at(0, t) = v.out[1].at(1, t) = maximum;
    v.out[1].at(2, t) = sum;
    v.out[1].at(3, t) = logit;
  }
}

void cross_entropy_shift(Invocation& v) {
  Tensor& s = v.out[0];
  for (Int t = 0; t < s.columns; ++t) s.at(2, t) *= std::exp(s.at(0, t) - s.at(1, t));
}

void cross_entropy_gradient(Invocation& v) {
  const Tensor &e = v.in[0], &s = v.in[1];
  double loss = 0;
  for (Int t = 0; t < e.rows; ++t) {
    const Int label = static_cast<Int>(v.in[2].values[static_cast<std::size_t>(t)]);
    if (label >= 0) loss += s.at(1, t) + std::log(s.at(2, t)) - s.at(3, t);
    for (Int i = 0; i < e.columns; ++i) {
      const double p = e.at(t, i) * std::exp(s.at(0, t) - s.at(1, t)) / s.at(2, t);
      const double target = v.attributes.first_row + i == label ? 1 : 0;
      v.out[0].at(t, i) = label >= 0 ? (p - target) * static_cast<double>(v.attributes.scale) : 0;
    }
  }
  put(v, v.out[1].at(0, 0), loss);
}

void sum_of_squares(Invocation& v) {
  v.out[0].at(0, 0) = 0;
  for (const SegmentValues& s : v.segments)
    for (const double g : s.gradient.values) v.out[0].at(0, 0) += g * g;
}

void clip(Invocation& v) {
  const double limit = static_cast<double>(v.step.clip), squares = v.in[0].at(0, 0);
  if (limit == 0 || !std::isfinite(squares)) return;
  for (SegmentValues& s : v.segments)
    for (double& g : s.gradient.values) g *= std::min(1.0, limit / (std::sqrt(squares) + 1e-6));
}

void adamw(Invocation& v) {
  if (v.step.evaluate || (v.in[0] && !std::isfinite(v.in[0].at(0, 0)))) return;
  const StepArguments& o = v.step;
  const double t = static_cast<double>(o.step + 1), b1 = static_cast<double>(o.beta1),
               b2 = static_cast<double>(o.beta2), rate = static_cast<double>(o.learning_rate);
  for (SegmentValues& s : v.segments)
    for (std::size_t i = 0; i < s.gradient.values.size(); ++i) {
      const double g = s.gradient.values[i];
      double& weight = s.master ? s.master.values[i] : s.weight.values[i];
      double &m = s.first_moment.values[i], &u = s.second_moment.values[i];
      m = b1 * m + (1 - b1) * g;
      u = b2 * u + (1 - b2) * g * g;
      const double m_hat = m / (1 - std::pow(b1, t)), u_hat = u / (1 - std::pow(b2, t));
      const double decay = s.decay ? static_cast<double>(o.weight_decay) : 0;
      weight -= rate * (m_hat / (std::sqrt(u_hat) + static_cast<double>(o.epsilon)) + decay * weight);
      s.weight.values[i] = weight;
    }
}

}  // namespace

Tensor zeros(std::int64_t rows, std::int64_t columns, DType dtype) {
  return {dtype, rows, columns, std::vector<double>(static_cast<std::size_t>(rows * columns), 0.0)};
}

std::array<std::uint32_t, 4> philox_words(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = 0xD2511F53ULL * c[0], product1 = 0xCD9E8D57ULL * c[2];
    c = {static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(product1),
         static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(product0)};
    k = {k[0] + 0x9E3779B9U, k[1] + 0xBB67AE85U};
  }
  return c;
}

void compute(Invocation& v) {
  switch (v.kernel) {
    case KernelName::matmul:
      return matmul(v);
    case KernelName::column_sum:
      return column_sum(v);
    case KernelName::norm:
      return norm(v);
    case KernelName::norm_gradient:
      return norm_gradient(v);
    case KernelName::rotary:
      return rotary(v);
    case KernelName::attention:
      return attention(v);
    case KernelName::attention_gradient:
      return attention_gradient(v);
    case KernelName::scores:
      v.out[0].values = scores_of({v.attributes, v.in[0].rows}, v.in[0]).values;
      return;
    case KernelName::softmax:
      return softmax(v);
    case KernelName::context:
      return add_context({v.attributes, v.in[1].rows}, v.in[0], v.in[1], v.out[0]);
    case KernelName::context_gradient:
      return values_gradient({v.attributes, v.in[2].rows}, v.in[0], v.in[1], v.in[2], v.out[0], v.out[1]);
    case KernelName::softmax_gradient:
      return softmax_gradient_of(v, v.in[0], v.in[1], v.out[0]);
    case KernelName::scores_gradient:
      return queries_and_keys_gradient({v.attributes, v.in[1].rows}, v.in[0], v.in[1], v.out[0]);
    case KernelName::activation:
      return activation(v);
    case KernelName::activation_gradient:
      return activation_gradient(v);
    case KernelName::residual:
      return residual(v);
    case KernelName::residual_gradient:
      return residual_gradient(v);
    case KernelName::add:
      for (std::size_t i = 0; i < v.out[0].values.size(); ++i) v.out[0].values[i] += v.in[0].values[i];
      return;
    case KernelName::embedding:
      return embedding(v);
    case KernelName::embedding_gradient:
      return embedding_gradient(v);
    case KernelName::cross_entropy:
      return cross_entropy(v);
    case KernelName::cross_entropy_shift:
      return cross_entropy_shift(v);
    case KernelName::cross_entropy_gradient:
      return cross_entropy_gradient(v);
    case KernelName::sum_of_squares:
      return sum_of_squares(v);
    case KernelName::clip:
      return clip(v);
    case KernelName::adamw:
      return adamw(v);
    case KernelName::convert:
      v.out[0].values = v.in[0].values;
      return;
    case KernelName::zero:
      std::fill(v.out[0].values.begin(), v.out[0].values.end(), 0.0);
      return;
  }
}

}  // namespace orrery::test
