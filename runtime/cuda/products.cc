#include "runtime/cuda/products.h"

#include <algorithm>
#include <compare>
#include <string>

#include "runtime/cuda/check.h"
#include "runtime/cuda/kernels/kernels.h"
#include "sim/base/error.h"

namespace orrery::cuda {
namespace {

constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError(std::string("cuBLASLt: ") + what + ": " + cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType t) { return t == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

// Bytes, at most 256, that a matrix of the batch is aligned to.
std::uint32_t alignment(const void* data, std::int64_t batch, DType type) {
  const auto all =
      reinterpret_cast<std::uintptr_t>(data) | static_cast<std::uintptr_t>(batch * size_of(type)) | 256;
  return static_cast<std::uint32_t>(all & (~all + 1));
}

struct LayoutDeleter {
  void operator()(cublasLtMatrixLayout_t l) const { cublasLtMatrixLayoutDestroy(l); }
};
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, LayoutDeleter>;
struct PreferenceDeleter {
  void operator()(cublasLtMatmulPreference_t p) const { cublasLtMatmulPreferenceDestroy(p); }
};
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, PreferenceDeleter>;

// Of a row-major matrix of `rows` x `columns` as stored: to cuBLASLt, which counts down columns, its
// transpose.
Layout layout(std::int64_t rows, std::int64_t columns, DType type, std::int64_t stride, std::int64_t batch,
              std::int64_t count) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, type_of(type), static_cast<std::uint64_t>(columns),
                                   static_cast<std::uint64_t>(rows), stride),
        "a layout");
  Layout out(made);
  const auto matrices = static_cast<std::int32_t>(count);
  check(
      cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &matrices, sizeof matrices),
      "a layout");
  check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch,
                                         sizeof batch),
        "a layout");
  return out;
}

Layout layout(const Matrix& m, std::int64_t rows, std::int64_t columns, std::int64_t count) {
  if (m.transposed) std::swap(rows, columns);
  return layout(rows, columns, m.dtype, m.stride, m.batch, count);
}

// A contiguous fp32 copy of all that is stored of an operand.
Matrix as_floats(const Matrix& m, std::int64_t rows, std::int64_t columns, const Launch& at) {
  if (m.dtype == DType::fp32) return m;
  if (m.transposed) std::swap(rows, columns);
  ORRERY_CHECK(m.stride == columns);
  float* const to = at.scratch.take<float>(rows * columns);
  convert({const_cast<void*>(m.data), m.dtype, rows, columns}, {to, DType::fp32, rows, columns}, at.stream);
  return {to, DType::fp32, m.stride, m.transposed, 0};
}

}  // namespace

// All that an algorithm depends on.
struct Products::Key {
  std::int64_t m, n, k, batch, a_stride, b_stride, out_stride, a_batch, b_batch, out_batch;
  DType a_type, b_type, out_type, bias_type;
  bool a_transposed, b_transposed, add, bias;
  std::uint32_t a_alignment, b_alignment, out_alignment;
  auto operator<=>(const Key&) const = default;
};

struct Products::Prepared {
  ~Prepared() {
    if (description) cublasLtMatmulDescDestroy(description);
  }
  cublasLtMatmulDesc_t description = nullptr;
  Layout a, b, out;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
};

Products::Products(const Device&) { check(cublasLtCreate(&library_), "start"); }

Products::~Products() {
  prepared_.clear();
  cublasLtDestroy(library_);
}

// cuBLASLt's first operand is our b: column by column, out^T (n x m) = b^T a^T.
Products::Prepared& Products::prepared(const Product& p, DType bias) {
  const Key key{p.m,
                p.n,
                p.k,
                p.batch,
                p.a.stride,
                p.b.stride,
                p.out_stride,
                p.a.batch,
                p.b.batch,
                p.out_batch,
                p.a.dtype,
                p.b.dtype,
                p.out_type,
                bias,
                p.a.transposed,
                p.b.transposed,
                p.add,
                static_cast<bool>(p.bias),
                alignment(p.a.data, p.a.batch, p.a.dtype),
                alignment(p.b.data, p.b.batch, p.b.dtype),
                alignment(p.out, p.out_batch, p.out_type)};
  std::unique_ptr<Prepared>& found = prepared_[key];
  if (found) return *found;
  auto made = std::make_unique<Prepared>();
  check(cublasLtMatmulDescCreate(&made->description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  const auto set = [&](cublasLtMatmulDescAttributes_t what, const auto& value) {
    check(cublasLtMatmulDescSetAttribute(made->description, what, &value, sizeof value), "a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (p.bias) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(bias));
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias.data);  // the choice of an algorithm looks at its alignment
  }
  made->a = layout(p.b, p.k, p.n, p.batch);
  made->b = layout(p.a, p.m, p.k, p.batch);
  made->out = layout(p.m, p.n, p.out_type, p.out_stride, p.out_batch, p.batch);

  cublasLtMatmulPreference_t created = nullptr;
  check(cublasLtMatmulPreferenceCreate(&created), "a preference");
  const Preference preference(created);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference.get(), what, &value, sizeof value), "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.b_alignment);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.a_alignment);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.out_alignment);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.out_alignment);
  cublasLtMatmulHeuristicResult_t best{};
  int algorithms = 0;
  check(cublasLtMatmulAlgoGetHeuristic(library_, made->description, made->a.get(), made->b.get(),
                                       made->out.get(), made->out.get(), preference.get(), 1, &best,
                                       &algorithms),
        "no algorithm for a product");
  if (algorithms == 0) check(CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm for a product");
  made->algorithm = best.algo;
  made->workspace = best.workspaceSize;
  found = std::move(made);
  return *found;
}

void Products::multiply(const Product& asked, const Launch& at) {
  Product p = asked;
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.a.dtype != p.b.dtype || (p.a.dtype == DType::fp32 && p.out_type != DType::fp32)) {
    if (p.batch > 1) throw DeviceError("not supported: attention of mixed element types");
    p.a = as_floats(p.a, p.m, p.k, at);
    p.b = as_floats(p.b, p.k, p.n, at);
    if (p.out_type != DType::fp32) {
      ORRERY_CHECK(p.out_stride == p.n);
      p.out = at.scratch.take<float>(p.m * p.n);
      p.out_type = DType::fp32;
      if (p.add) convert({asked.out, asked.out_type, p.m, p.n}, {p.out, DType::fp32, p.m, p.n}, at.stream);
    }
  }
  if (p.bias && p.bias.dtype != p.out_type) {
    const TensorRef same{at.scratch.take<float>(p.n), p.out_type, 1, p.n};
    convert(p.bias, same, at.stream);
    p.bias = same;
  }
  Prepared& how = prepared(p, p.bias.dtype);
  if (p.bias)
    check(cublasLtMatmulDescSetAttribute(how.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias.data,
                                         sizeof p.bias.data),
          "a product");
  const float one = p.add ? 1.0F : 0.0F;
  void* const workspace =
      how.workspace > 0 ? at.scratch.take<char>(static_cast<std::int64_t>(how.workspace)) : nullptr;
  check(cublasLtMatmul(library_, how.description, &p.scale, p.b.data, how.a.get(), p.a.data, how.b.get(),
                       &one, p.out, how.out.get(), p.out, how.out.get(), &how.algorithm, workspace,
                       how.workspace, at.stream),
        "a product");
  if (p.out != asked.out)
    convert({p.out, DType::fp32, p.m, p.n}, {asked.out, asked.out_type, p.m, p.n}, at.stream);
}

void matmul(const Kernel& k, const Launch& at, Products& products) {
  const TensorRef &a = k.in[0], &b = k.in[1], &out = k.out[0];
  Product p;
  p.m = out.rows;
  p.n = out.columns;
  p.k = k.attributes.transpose_a ? a.rows : a.columns;
  p.a = {a.data, a.dtype, a.columns, k.attributes.transpose_a, 0};
  p.b = {b.data, b.dtype, b.columns, k.attributes.transpose_b, 0};
  p.out = out.data;
  p.out_type = out.dtype;
  p.out_stride = out.columns;
  p.add = k.attributes.add;
  p.bias = k.in[2];
  products.multiply(p, at);
}

}  // namespace orrery::cuda
