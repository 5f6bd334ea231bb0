#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"
#include "sim/base/error.h"

namespace orrery::ORRERY_ISA {
namespace {

// A contiguous fp32 copy of `rows` x `columns` as stored.
MatrixRef as_floats(const MatrixRef& m, std::int64_t rows, std::int64_t columns, KernelWorkspace& workspace) {
  if (m.dtype == DType::fp32) return m;
  float* to = workspace.floats(rows * columns);
  const TensorRef from{const_cast<void*>(m.data), m.dtype, rows, m.stride};
  for (std::int64_t r = 0; r < rows; ++r) read(from, r * m.stride, columns, to + r * columns);
  return {to, DType::fp32, columns, m.transposed};
}

}  // namespace

void multiply(const Product& p, KernelWorkspace& workspace) {
  if (workspace.products().run(p)) return;
  const std::size_t mark = workspace.mark();
  Product floats = p;
  floats.a = p.a.transposed ? as_floats(p.a, p.k, p.m, workspace) : as_floats(p.a, p.m, p.k, workspace);
  floats.b = p.b.transposed ? as_floats(p.b, p.n, p.k, workspace) : as_floats(p.b, p.k, p.n, workspace);
  if (p.bias != nullptr) {
    const TensorRef bias{const_cast<void*>(p.bias), p.bias_type, 1, p.n};
    floats.bias = read(bias, 0, p.n, workspace.floats(p.n));
    floats.bias_type = DType::fp32;
  }
  const TensorRef out{p.out, p.out_type, p.m, p.out_stride};
  float* scratch = nullptr;
  if (p.out_type != DType::fp32) {
    scratch = workspace.floats(p.m * p.n);
    floats.out = scratch;
    floats.out_type = DType::fp32;
    floats.out_stride = p.n;
    floats.add = false;
  }
  ORRERY_CHECK(workspace.products().run(floats));
  if (scratch != nullptr)
    for (std::int64_t r = 0; r < p.m; ++r) write(out, r * p.out_stride, p.n, scratch + r * p.n, p.add);
  workspace.release(mark);
}

void matmul(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef &a = k.in[0], &b = k.in[1], &bias = k.in[2], &out = k.out[0];
  multiply({.m = out.rows,
            .n = out.columns,
            .k = k.attributes.transpose_a ? a.rows : a.columns,
            .a = {a.data, a.dtype, a.columns, k.attributes.transpose_a},
            .b = {b.data, b.dtype, b.columns, k.attributes.transpose_b},
            .out = out.data,
            .out_type = out.dtype,
            .out_stride = out.columns,
            .add = k.attributes.add,
            .bias = bias.data,
            .bias_type = bias.dtype},
           workspace);
}

void column_sum(const Kernel& k, KernelWorkspace& workspace) {
  const TensorRef& x = k.in[0];
  float* row = workspace.floats(x.columns);
  float* sums = workspace.floats(x.columns);
  fill(sums, x.columns, 0);
  for (std::int64_t t = 0; t < x.rows; ++t)
    accumulate(sums, read(x, t * x.columns, x.columns, row), x.columns);
  write(k.out[0], 0, x.columns, sums, k.attributes.add);
}

}  // namespace orrery::ORRERY_ISA
