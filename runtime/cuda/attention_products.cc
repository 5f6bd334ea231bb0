// The products of unfused attention. One call is a batch over key/value heads: for one sequence, and for one
// of the heads that share keys and values.
#include "runtime/cuda/kernels/kernels.h"
#include "runtime/cuda/products.h"

namespace orrery::cuda {
namespace {

// Where heads lie in the rows of qkv, of core and of squares of scores.
class Heads {
 public:
  Heads(const KernelAttributes& a, std::int64_t tokens) : a_(a), sequences_(tokens / a.sequence) {}

  std::int64_t sequences() const { return sequences_; }
  std::int64_t group() const { return a_.heads / a_.kv_heads; }

  // Matrices of one sequence: member `g` of each group of heads, or the heads of keys or values.
  Matrix queries(const TensorRef& qkv, std::int64_t sequence, std::int64_t g) const {
    return part(qkv, sequence * a_.sequence * qkv.columns + g * a_.head_dim, group() * a_.head_dim);
  }
  Matrix keys(const TensorRef& qkv, std::int64_t sequence) const {
    return part(qkv, sequence * a_.sequence * qkv.columns + a_.heads * a_.head_dim, a_.head_dim);
  }
  Matrix values(const TensorRef& qkv, std::int64_t sequence) const {
    return part(qkv, sequence * a_.sequence * qkv.columns + (a_.heads + a_.kv_heads) * a_.head_dim,
                a_.head_dim);
  }
  Matrix core(const TensorRef& core, std::int64_t sequence, std::int64_t g) const {
    return queries(core, sequence, g);
  }
  Matrix square(const TensorRef& t, std::int64_t sequence, std::int64_t g) const {
    const std::int64_t size = a_.sequence * a_.sequence;
    return part(t, (sequence * a_.heads + g) * size, group() * size);
  }

 private:
  static Matrix part(const TensorRef& t, std::int64_t first, std::int64_t batch) {
    return {static_cast<std::byte*>(t.data) + first * size_of(t.dtype), t.dtype, t.columns, false, batch};
  }

  const KernelAttributes& a_;
  std::int64_t sequences_;
};

Matrix transposed(Matrix m) {
  m.transposed = !m.transposed;
  return m;
}

// out = scale a b (+ out), for m x k and k x n.
Product product(const KernelAttributes& a, std::int64_t n, std::int64_t k, const Matrix& left,
                const Matrix& right, const Matrix& out, float scale = 1) {
  Product p;
  p.m = a.sequence;
  p.n = n;
  p.k = k;
  p.batch = a.kv_heads;
  p.a = left;
  p.b = right;
  p.out = const_cast<void*>(out.data);
  p.out_type = out.dtype;
  p.out_stride = out.stride;
  p.out_batch = out.batch;
  p.scale = scale;
  return p;
}

float score_scale(const KernelAttributes& a) { return 1.0F / std::sqrt(static_cast<float>(a.head_dim)); }

// Sums over the heads of a group of products, rounded once: where there is more than one, in fp32 beside.
class GroupSum {
 public:
  GroupSum(const KernelAttributes& a, std::int64_t group, const Launch& at) : a_(a), group_(group), at_(at) {
    if (group > 1) sums_ = at.scratch.take<float>(a.sequence * a.kv_heads * a.head_dim);
  }
  void add(std::int64_t g, const Matrix& left, const Matrix& right, float scale, const Matrix& to,
           Products& products) {
    Matrix beside = to;
    if (sums_ != nullptr) beside = {sums_, DType::fp32, a_.kv_heads * a_.head_dim, false, a_.head_dim};
    Product p = product(a_, a_.head_dim, a_.sequence, left, right, beside, scale);
    p.add = g > 0;
    products.multiply(p, at_);
    if (sums_ != nullptr && g + 1 == group_)
      convert_rows({sums_, DType::fp32, a_.sequence, a_.kv_heads * a_.head_dim}, const_cast<void*>(to.data),
                   to.dtype, to.stride, at_.stream);
  }

 private:
  const KernelAttributes& a_;
  std::int64_t group_;
  const Launch& at_;
  float* sums_ = nullptr;
};

}  // namespace

void scores(const Kernel& k, const Launch& at, Products& products) {
  const KernelAttributes& a = k.attributes;
  const Heads heads(a, k.in[0].rows);
  for (std::int64_t s = 0; s < heads.sequences(); ++s)
    for (std::int64_t g = 0; g < heads.group(); ++g)
      products.multiply(
          product(a, a.sequence, a.head_dim, heads.queries(k.in[0], s, g), transposed(heads.keys(k.in[0], s)),
                  heads.square(k.out[0], s, g), score_scale(a)),
          at);
}

void context(const Kernel& k, const Launch& at, Products& products) {
  const KernelAttributes& a = k.attributes;
  const Heads heads(a, k.in[1].rows);
  for (std::int64_t s = 0; s < heads.sequences(); ++s)
    for (std::int64_t g = 0; g < heads.group(); ++g)
      products.multiply(product(a, a.head_dim, a.sequence, heads.square(k.in[0], s, g),
                                heads.values(k.in[1], s), heads.core(k.out[0], s, g)),
                        at);
}

void context_gradient(const Kernel& k, const Launch& at, Products& products) {
  const KernelAttributes& a = k.attributes;
  const TensorRef &d_core = k.in[0], &qkv = k.in[2];
  const Heads heads(a, qkv.rows);
  GroupSum d_values(a, heads.group(), at);
  for (std::int64_t s = 0; s < heads.sequences(); ++s)
    for (std::int64_t g = 0; g < heads.group(); ++g) {
      const Matrix d = heads.core(d_core, s, g);
      products.multiply(product(a, a.sequence, a.head_dim, d, transposed(heads.values(qkv, s)),
                                heads.square(k.out[0], s, g)),
                        at);
      d_values.add(g, transposed(heads.square(k.in[1], s, g)), d, 1, heads.values(k.out[1], s), products);
    }
}

void scores_gradient(const Kernel& k, const Launch& at, Products& products) {
  const KernelAttributes& a = k.attributes;
  const TensorRef &qkv = k.in[1], &d_qkv = k.out[0];
  const Heads heads(a, qkv.rows);
  GroupSum d_keys(a, heads.group(), at);
  for (std::int64_t s = 0; s < heads.sequences(); ++s)
    for (std::int64_t g = 0; g < heads.group(); ++g) {
      const Matrix d = heads.square(k.in[0], s, g);
      products.multiply(product(a, a.head_dim, a.sequence, d, heads.keys(qkv, s), heads.queries(d_qkv, s, g),
                                score_scale(a)),
                        at);
      d_keys.add(g, transposed(d), heads.queries(qkv, s, g), score_scale(a), heads.keys(d_qkv, s), products);
    }
}

}  // namespace orrery::cuda
