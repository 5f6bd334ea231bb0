// Fused core attention: blocks of queries pass over blocks of keys, and a running maximum and sum make the
// softmax exact (Dao et al. 2022). Inside, everything is fp32.
#include "runtime/cpu/kernels/dropout.h"
#include "runtime/cpu/kernels/heads.h"

namespace orrery::ORRERY_ISA {
namespace {

constexpr std::int64_t query_block = 64, key_block = 512;
static_assert(key_block % query_block == 0, "the last block of keys has one that the first query sees");

struct Floats {
  const float* data = nullptr;
  std::int64_t stride = 0;

  const float* row(std::int64_t r) const { return data + r * stride; }
  MatrixRef from(std::int64_t first_row, bool transposed = false) const {
    return {row(first_row), DType::fp32, stride, transposed};
  }
};

Floats floats_of(const Slice& s, KernelWorkspace& workspace) {
  if (s.tensor.dtype == DType::fp32) return {static_cast<const float*>(s.data()), s.tensor.columns};
  float* copy = workspace.floats(s.rows * s.columns);
  for (std::int64_t r = 0; r < s.rows; ++r) read(s.tensor, s.at(r), s.columns, copy + r * s.columns);
  return {copy, s.columns};
}

// One block of queries of one head against the keys that they see.
struct Block {
  std::int64_t sequence = 0, head = 0, first_query = 0, queries = 0, keys_seen = 0;
};

// Calls body(block) for all blocks of one head.
template <class Body>
void for_each_block(const KernelAttributes& a, std::int64_t sequence, std::int64_t head, const Body& body) {
  for (std::int64_t first = 0; first < a.sequence; first += query_block) {
    const std::int64_t queries = a.sequence - first < query_block ? a.sequence - first : query_block;
    body(Block{sequence, head, first, queries, a.causal ? first + queries : a.sequence});
  }
}

// What the passes over blocks share: operands in fp32, and scratch for one block of scores.
class BlockPass {
 public:
  BlockPass(const Kernel& k, KernelWorkspace& workspace)
      : a_(k.attributes),
        dropout_(k),
        workspace_(workspace),
        scale_(1.0F / std::sqrt(static_cast<float>(a_.head_dim))) {
    scores_ = workspace.floats(query_block * key_block);
    factors_ = workspace.floats(key_block + 8);
  }

 protected:
  // Keys of the block of keys from `first_key` on that query `r` of a block of queries sees.
  std::int64_t seen(const Block& b, std::int64_t r, std::int64_t first_key, std::int64_t keys) const {
    const std::int64_t until = b.first_query + r + 1 - first_key;
    return a_.causal && until < keys ? until : keys;
  }

  const float* factors(const Block& b, std::int64_t r, std::int64_t first_key, std::int64_t keys) {
    const std::uint64_t row = first_element(a_, b.sequence, b.head, b.first_query + r);
    return dropout_.factors(row + static_cast<std::uint64_t>(first_key), keys, factors_);
  }

  void multiply(std::int64_t m, std::int64_t n, std::int64_t inner, const MatrixRef& a, const MatrixRef& b,
                float* out, std::int64_t out_stride, bool add) {
    ORRERY_ISA::multiply(
        {.m = m, .n = n, .k = inner, .a = a, .b = b, .out = out, .out_stride = out_stride, .add = add},
        workspace_);
  }

  static std::int64_t keys_of(const Block& b, std::int64_t first_key) {
    return b.keys_seen - first_key < key_block ? b.keys_seen - first_key : key_block;
  }

  const KernelAttributes& a_;
  const Dropout dropout_;
  KernelWorkspace& workspace_;
  const float scale_;
  float* scores_ = nullptr;
  float* factors_ = nullptr;
};

class Forward : BlockPass {
 public:
  Forward(const Kernel& k, KernelWorkspace& workspace) : BlockPass(k, workspace) {
    sums_ = workspace.floats(query_block * a_.head_dim);
  }

  void run(const Block& b, const Floats& q, const Floats& k, const Floats& v, const Slice& core,
           float* log_sum_exp) {
    for (std::int64_t r = 0; r < b.queries; ++r) {
      maximum_[r] = -HUGE_VALF;
      sum_[r] = 0;
    }
    const MatrixRef p{scores_, DType::fp32, key_block, false};
    for (std::int64_t first_key = 0; first_key < b.keys_seen; first_key += key_block) {
      const std::int64_t keys = keys_of(b, first_key);
      multiply(b.queries, keys, a_.head_dim, q.from(b.first_query), k.from(first_key, true), scores_,
               key_block, false);
      for (std::int64_t r = 0; r < b.queries; ++r) exponentials(b, r, first_key, keys);
      multiply(b.queries, a_.head_dim, keys, p, v.from(first_key), sums_, a_.head_dim, first_key > 0);
    }
    for (std::int64_t r = 0; r < b.queries; ++r) {
      scale_row(sums_ + r * a_.head_dim, a_.head_dim, 1.0F / sum_[r]);
      log_sum_exp[b.first_query + r] = maximum_[r] + std::log(sum_[r]);
    }
    store(core, b.first_query, b.queries, sums_);
  }

 private:
  static void scale_row(float* x, std::int64_t n, float factor) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
  }

  // Scores of query r to exponentials relative to the maximum so far; what was summed before shrinks to it.
  void exponentials(const Block& b, std::int64_t r, std::int64_t first_key, std::int64_t keys) {
    float* x = scores_ + r * key_block;
    const std::int64_t n = seen(b, r, first_key, keys);
    fill(x + n, keys - n, -HUGE_VALF);
    const float scale = scale_, highest = maximum_of(x, keys) * scale;
    const float maximum = highest > maximum_[r] ? highest : maximum_[r];
    const float sum =
        sum_of(keys, [x, scale, maximum](std::int64_t i) { return x[i] = fast_exp(x[i] * scale - maximum); });
    const float shrunk = fast_exp(maximum_[r] - maximum);
    if (first_key > 0) scale_row(sums_ + r * a_.head_dim, a_.head_dim, shrunk);
    sum_[r] = sum_[r] * shrunk + sum;
    maximum_[r] = maximum;
    if (!dropout_) return;
    const float* factor = factors(b, r, first_key, n);
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) x[i] *= factor[i];
  }

  float* sums_ = nullptr;  // of probabilities times values: queries x head_dim
  float maximum_[query_block], sum_[query_block];
};

// With p = exp(scale q k - log-sum-exp), f the factors of dropout and D = sum over columns of core * d core:
// dV = (p f)^T dO, dS = scale p (f dO V^T - D), dQ = dS K, dK = dS^T Q.
class Backward : BlockPass {
 public:
  Backward(const Kernel& k, KernelWorkspace& workspace) : BlockPass(k, workspace) {
    d_scores_ = workspace.floats(query_block * key_block);
    d_queries_ = workspace.floats(query_block * a_.head_dim);
    d_keys_ = workspace.floats(a_.sequence * a_.head_dim);
    d_values_ = workspace.floats(a_.sequence * a_.head_dim);
    fill(factors_, key_block + 8, 1);
  }

  void start_group() {
    fill(d_keys_, a_.sequence * a_.head_dim, 0);
    fill(d_values_, a_.sequence * a_.head_dim, 0);
  }

  void run(const Block& b, const Floats& q, const Floats& k, const Floats& v, const Floats& core,
           const Floats& d_core, const float* log_sum_exp, const Slice& d_q) {
    const std::int64_t d = a_.head_dim;
    for (std::int64_t r = 0; r < b.queries; ++r)
      along_[r] = dot(core.row(b.first_query + r), d_core.row(b.first_query + r), d);
    const MatrixRef q_block = q.from(b.first_query), d_block = d_core.from(b.first_query);
    for (std::int64_t first_key = 0; first_key < b.keys_seen; first_key += key_block) {
      const std::int64_t keys = keys_of(b, first_key);
      multiply(b.queries, keys, d, q_block, k.from(first_key, true), scores_, key_block, false);
      multiply(b.queries, keys, d, d_block, v.from(first_key, true), d_scores_, key_block, false);
      for (std::int64_t r = 0; r < b.queries; ++r)
        differentiate(b, r, first_key, keys, log_sum_exp[b.first_query + r]);
      const MatrixRef p{scores_, DType::fp32, key_block, true};
      const MatrixRef d_s{d_scores_, DType::fp32, key_block, false},
          d_s_t{d_scores_, DType::fp32, key_block, true};
      multiply(keys, d, b.queries, p, d_block, d_values_ + first_key * d, d, true);
      multiply(keys, d, b.queries, d_s_t, q_block, d_keys_ + first_key * d, d, true);
      multiply(b.queries, d, keys, d_s, k.from(first_key), d_queries_, d, first_key > 0);
    }
    store(d_q, b.first_query, b.queries, d_queries_);
  }

  void end_group(const Slice& d_k, const Slice& d_v) {
    store(d_k, 0, a_.sequence, d_keys_);
    store(d_v, 0, a_.sequence, d_values_);
  }

 private:
  static float dot(const float* x, const float* y, std::int64_t n) {
    return sum_of(n, [x, y](std::int64_t i) { return x[i] * y[i]; });
  }

  // Scores of query r to p f, their gradients before the softmax to dS.
  void differentiate(const Block& b, std::int64_t r, std::int64_t first_key, std::int64_t keys,
                     float log_sum_exp) {
    float* x = scores_ + r * key_block;
    float* d = d_scores_ + r * key_block;
    const std::int64_t n = seen(b, r, first_key, keys);
    const float* factor = dropout_ ? factors(b, r, first_key, n) : factors_;
    const float along = along_[r], scale = scale_;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) {
      const float p = fast_exp(x[i] * scale - log_sum_exp);
      x[i] = p * factor[i];
      d[i] = scale * p * (d[i] * factor[i] - along);
    }
    fill(x + n, keys - n, 0);
    fill(d + n, keys - n, 0);
  }

  float* d_scores_ = nullptr;
  float* d_queries_ = nullptr;
  float* d_keys_ = nullptr;
  float* d_values_ = nullptr;
  float along_[query_block];
};

}  // namespace

void attention(const Kernel& kernel, KernelWorkspace& workspace) {
  const KernelAttributes& a = kernel.attributes;
  const TensorRef& qkv = kernel.in[0];
  const Heads heads(a, qkv.rows);
  Forward pass(kernel, workspace);
  for (std::int64_t sequence = 0; sequence < heads.sequences(); ++sequence)
    for (std::int64_t head = 0; head < a.heads; ++head) {
      const std::size_t mark = workspace.mark();
      const std::int64_t kv_head = head / heads.group();
      const Floats q = floats_of(heads.queries(qkv, sequence, head), workspace);
      const Floats k = floats_of(heads.keys(qkv, sequence, kv_head), workspace);
      const Floats v = floats_of(heads.values(qkv, sequence, kv_head), workspace);
      float* log_sum_exp = floats_at(kernel.out[1], (sequence * a.heads + head) * a.sequence);
      for_each_block(a, sequence, head, [&](const Block& b) {
        pass.run(b, q, k, v, heads.core(kernel.out[0], sequence, head), log_sum_exp);
      });
      workspace.release(mark);
    }
}

void attention_gradient(const Kernel& kernel, KernelWorkspace& workspace) {
  const KernelAttributes& a = kernel.attributes;
  const TensorRef &qkv = kernel.in[1], &d_qkv = kernel.out[0];
  const Heads heads(a, qkv.rows);
  Backward pass(kernel, workspace);
  for (std::int64_t sequence = 0; sequence < heads.sequences(); ++sequence)
    for (std::int64_t head = 0; head < a.heads; ++head) {
      const std::size_t mark = workspace.mark();
      const std::int64_t kv_head = head / heads.group(), in_group = head % heads.group();
      const Floats q = floats_of(heads.queries(qkv, sequence, head), workspace);
      const Floats k = floats_of(heads.keys(qkv, sequence, kv_head), workspace);
      const Floats v = floats_of(heads.values(qkv, sequence, kv_head), workspace);
      const Floats d_core = floats_of(heads.core(kernel.in[0], sequence, head), workspace);
      const Floats core = floats_of(heads.core(kernel.in[2], sequence, head), workspace);
      const float* log_sum_exp = floats_at(kernel.in[3], (sequence * a.heads + head) * a.sequence);
      if (in_group == 0) pass.start_group();
      for_each_block(a, sequence, head, [&](const Block& b) {
        pass.run(b, q, k, v, core, d_core, log_sum_exp, heads.queries(d_qkv, sequence, head));
      });
      if (in_group + 1 == heads.group())
        pass.end_group(heads.keys(d_qkv, sequence, kv_head), heads.values(d_qkv, sequence, kv_head));
      workspace.release(mark);
    }
}

}  // namespace orrery::ORRERY_ISA
