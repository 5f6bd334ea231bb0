// Core attention in the three steps that keep whole squares of scores.
#include "runtime/cpu/kernels/dropout.h"
#include "runtime/cpu/kernels/heads.h"

namespace orrery::ORRERY_ISA {
namespace {

// body(sequence, head, its key/value head).
template <class Body>
void for_each_head(const KernelAttributes& a, const Heads& heads, const Body& body) {
  for (std::int64_t sequence = 0; sequence < heads.sequences(); ++sequence)
    for (std::int64_t head = 0; head < a.heads; ++head) body(sequence, head, head / heads.group());
}

// out = scale * a * b.
void product(const MatrixRef& a, const MatrixRef& b, std::int64_t inner, const Slice& out, float scale,
             KernelWorkspace& workspace) {
  multiply({.m = out.rows,
            .n = out.columns,
            .k = inner,
            .a = a,
            .b = b,
            .out = out.data(),
            .out_type = out.tensor.dtype,
            .out_stride = out.tensor.columns,
            .scale = scale},
           workspace);
}

// Products summed in fp32 over the heads that share keys and values, in order of the heads.
class GroupSum {
 public:
  GroupSum(const KernelAttributes& a, const Heads& heads, KernelWorkspace& workspace)
      : group_(heads.group()), workspace_(workspace), sum_{workspace.floats(a.sequence * a.head_dim)} {}

  void add(std::int64_t head, const MatrixRef& a, const MatrixRef& b, float scale, const Slice& out) {
    multiply({.m = out.rows,
              .n = out.columns,
              .k = out.rows,
              .a = a,
              .b = b,
              .out = sum_,
              .out_stride = out.columns,
              .scale = scale,
              .add = head % group_ > 0},
             workspace_);
    if ((head + 1) % group_ == 0) store(out, 0, out.rows, sum_);
  }

 private:
  std::int64_t group_;
  KernelWorkspace& workspace_;
  float* sum_;
};

}  // namespace

void scores(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& qkv = k.in[0];
  const Heads heads(a, qkv.rows);
  for_each_head(a, heads, [&](std::int64_t sequence, std::int64_t head, std::int64_t kv_head) {
    product(heads.queries(qkv, sequence, head).matrix(), heads.keys(qkv, sequence, kv_head).matrix(true),
            a.head_dim, heads.square(k.out[0], sequence, head), heads.scale(), workspace);
  });
}

void context(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& qkv = k.in[1];
  const Heads heads(a, qkv.rows);
  for_each_head(a, heads, [&](std::int64_t sequence, std::int64_t head, std::int64_t kv_head) {
    product(heads.square(k.in[0], sequence, head).matrix(), heads.values(qkv, sequence, kv_head).matrix(),
            a.sequence, heads.core(k.out[0], sequence, head), 1, workspace);
  });
}

void context_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef &d_core = k.in[0], &qkv = k.in[2];
  const Heads heads(a, qkv.rows);
  GroupSum d_values(a, heads, workspace);
  for_each_head(a, heads, [&](std::int64_t sequence, std::int64_t head, std::int64_t kv_head) {
    const MatrixRef d = heads.core(d_core, sequence, head).matrix();
    product(d, heads.values(qkv, sequence, kv_head).matrix(true), a.head_dim,
            heads.square(k.out[0], sequence, head), 1, workspace);
    d_values.add(head, heads.square(k.in[1], sequence, head).matrix(true), d, 1,
                 heads.values(k.out[1], sequence, kv_head));
  });
}

void scores_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef &qkv = k.in[1], &d_qkv = k.out[0];
  const Heads heads(a, qkv.rows);
  GroupSum d_keys(a, heads, workspace);
  for_each_head(a, heads, [&](std::int64_t sequence, std::int64_t head, std::int64_t kv_head) {
    const Slice d = heads.square(k.in[0], sequence, head);
    product(d.matrix(), heads.keys(qkv, sequence, kv_head).matrix(), a.sequence,
            heads.queries(d_qkv, sequence, head), heads.scale(), workspace);
    d_keys.add(head, d.matrix(true), heads.queries(qkv, sequence, head).matrix(), heads.scale(),
               heads.keys(d_qkv, sequence, kv_head));
  });
}

void softmax(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& in = k.in[0];
  const std::int64_t s = a.sequence;
  float* in_row = workspace.floats(s);
  float* p_row = workspace.floats(s);
  float* dropped_row = workspace.floats(s);
  const DropoutRows factors(k, {}, s, workspace);
  for (std::int64_t r = 0; r < in.rows; ++r) {
    const std::int64_t query = r % s, seen = a.causal ? query + 1 : s;
    const float* x = read(in, r * s, seen, in_row);
    const float maximum = maximum_of(x, seen);
    float* p = place(k.out[0], r * s, p_row);
    const float sum =
        sum_of(seen, [x, p, maximum](std::int64_t i) { return p[i] = fast_exp(x[i] - maximum); });
    const float inverse = 1.0F / sum;
#pragma omp simd
    for (std::int64_t i = 0; i < seen; ++i) p[i] *= inverse;
    fill(p + seen, s - seen, 0);
    const float* factor = factors.row(r, first_element(a, r / s / a.heads, r / s % a.heads, query));
    if (k.out[1]) {
      float* dropped = place(k.out[1], r * s, dropped_row);
#pragma omp simd
      for (std::int64_t i = 0; i < s; ++i) dropped[i] = p[i] * factor[i];
      write(k.out[1], r * s, s, dropped);
    }
    write(k.out[0], r * s, s, p);
    if (k.out[2]) write_mask(factor, s, static_cast<std::uint8_t*>(k.out[2].data) + r * s);
  }
}

// d scores = p (d - sum of p d), d being the gradient before dropout.
void softmax_gradient(const Kernel& k, KernelWorkspace& workspace) {
  const KernelAttributes& a = k.attributes;
  const TensorRef& out = k.out[0];
  const std::int64_t s = a.sequence;
  float* p_row = workspace.floats(s);
  float* d_row = workspace.floats(s);
  const DropoutRows factors(k, k.in[1], s, workspace);
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const float* factor = factors.row(r, first_element(a, r / s / a.heads, r / s % a.heads, r % s));
    const float* p = read(k.in[0], r * s, s, p_row);
    const float* before = read(out, r * s, s, d_row);
    float* d = place(out, r * s, d_row);
    const float along =
        sum_of(s, [p, d, before, factor](std::int64_t i) { return p[i] * (d[i] = before[i] * factor[i]); });
#pragma omp simd
    for (std::int64_t i = 0; i < s; ++i) d[i] = p[i] * (d[i] - along);
    write(out, r * s, s, d);
  }
}

}  // namespace orrery::ORRERY_ISA
