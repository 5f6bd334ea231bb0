// The functions of cuBLASLt that the plug-in calls.
#include <cublasLt.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tests/fake_cuda/cublasLt/product.h"
#include "tests/fake_cuda/cudart/fake.h"

using namespace orrery::fake;

namespace {

struct Description {
  bool transpose_a = false, transpose_b = false, bias = false;
  const void* bias_pointer = nullptr;
  std::int32_t bias_type = -1;  // -1: D's
};

struct Preference {
  std::uint64_t workspace = 0;
  std::array<std::uint32_t, 4> alignment{256, 256, 256, 256};  // of A, B, C, D
};

// What an algorithm is good for, kept in the opaque cublasLtMatmulAlgo_t.
struct Algorithm {
  std::uint64_t m, n, k, batches;
  std::array<std::uint16_t, 4> alignment;
  std::uint64_t workspace;
  std::uint64_t kinds;  // of elements and transposes
  std::uint64_t mark;
};
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
constexpr std::uint64_t algorithm_mark = 0x6f72726572790001ULL, workspace_wanted = 1024;

cublasStatus_t refused(cublasStatus_t status, const std::string& what) {
  std::fprintf(stderr, "fake cublasLt: %s: %s\n", cublasLtGetStatusString(status), what.c_str());
  orrery_fake_mistake(what.c_str());
  return status;
}

// Of objects that the program holds.
constexpr const char *handles = "cuBLASLt handles", *products = "descriptions of products",
                     *layouts = "layouts of matrices", *preferences = "preferences of products";

Description& of(cublasLtMatmulDesc_t d) { return *reinterpret_cast<Description*>(d); }
MatrixShape& of(cublasLtMatrixLayout_t l) { return *reinterpret_cast<MatrixShape*>(l); }
Preference& of(cublasLtMatmulPreference_t p) { return *reinterpret_cast<Preference*>(p); }

// Reads an attribute of exactly T's size.
template <class T>
bool read(T& value, const void* from, std::size_t bytes) {
  if (bytes != sizeof(T)) return false;
  std::memcpy(&value, from, bytes);
  return true;
}

bool element_of(cudaDataType_t type, Element& element) {
  if (type != CUDA_R_32F && type != CUDA_R_16BF) return false;
  element = type == CUDA_R_32F ? Element::f32 : Element::bf16;
  return true;
}

Product product_of(const Description& d, const MatrixShape& a, const MatrixShape& b, const MatrixShape& c,
                   const MatrixShape& out) {
  Product p;
  p.a = a;
  p.b = b;
  p.c = c;
  p.d = out;
  p.transpose_a = d.transpose_a;
  p.transpose_b = d.transpose_b;
  p.bias = d.bias;
  return p;
}

std::uint64_t kinds_of(const Product& p) {
  std::uint64_t kinds = 0;
  for (const bool bit : {p.transpose_a, p.transpose_b, p.bias, p.a.type == Element::f32,
                         p.d.type == Element::f32, p.a.row_order, p.b.row_order, p.d.row_order})
    kinds = 2 * kinds + (bit ? 1 : 0);
  return kinds;
}

bool fits(const Algorithm& algorithm, const Product& p) {
  return algorithm.mark == algorithm_mark && algorithm.m == static_cast<std::uint64_t>(p.m()) &&
         algorithm.n == static_cast<std::uint64_t>(p.n()) &&
         algorithm.k == static_cast<std::uint64_t>(p.k()) &&
         algorithm.batches == static_cast<std::uint64_t>(p.d.batches) && algorithm.kinds == kinds_of(p);
}

std::optional<std::string> unfit(const Algorithm& algorithm, const Product& p,
                                 const std::array<const void*, 4>& operands, std::size_t workspace) {
  if (!fits(algorithm, p)) return "the algorithm was found for another product";
  for (std::size_t i = 0; i < 4; ++i)
    if (reinterpret_cast<std::uintptr_t>(operands[i]) % algorithm.alignment[i] != 0)
      return std::string("matrix ") + "ABCD"[i] + " is not aligned to the " +
             std::to_string(algorithm.alignment[i]) + " bytes that its algorithm was found for";
  if (workspace < algorithm.workspace) return "the workspace is smaller than the algorithm's";
  return std::nullopt;
}

// The operands on the host; says which is missing.
std::optional<std::string> find_operands(const Product& p, const Description& d,
                                         const std::array<const void*, 4>& operands, ProductMemory& memory) {
  const std::array<const MatrixShape*, 4> shapes{&p.a, &p.b, &p.c, &p.d};
  std::array<std::byte*, 4> found{};
  for (std::size_t i = 0; i < 4; ++i) {
    if (i == 2 && p.beta == 0) continue;  // C is not read
    found[i] = static_cast<std::byte*>(orrery_fake_host_bytes(operands[i], shapes[i]->bytes()));
    if (found[i] == nullptr)
      return std::string("matrix ") + "ABCD"[i] + " of " + std::to_string(shapes[i]->bytes()) +
             " bytes is not in device memory";
  }
  const std::size_t bias_bytes = static_cast<std::size_t>(p.m()) * size_of(p.d.type);
  if (p.bias) memory.bias = static_cast<std::byte*>(orrery_fake_host_bytes(d.bias_pointer, bias_bytes));
  if (p.bias && memory.bias == nullptr)
    return "a bias of " + std::to_string(bias_bytes) + " bytes is not in device memory";
  memory.a = found[0];
  memory.b = found[1];
  memory.c = found[2];
  memory.d = found[3];
  return std::nullopt;
}

bool overlap(const std::byte* x, std::size_t x_bytes, const std::byte* y, std::size_t y_bytes) {
  return x < y + y_bytes && y < x + x_bytes;
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(0));
  orrery_fake_made(*handle, handles);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (orrery_fake_gone(handle, handles) == 0) return refused(CUBLAS_STATUS_INVALID_VALUE, "no handle");
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the GPU program failed to execute";
    default:
      return "an error of cuBLASLt";
  }
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* d, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
    return refused(CUBLAS_STATUS_NOT_SUPPORTED, "a compute or scale type other than fp32");
  *d = reinterpret_cast<cublasLtMatmulDesc_t>(new Description);
  orrery_fake_made(*d, products);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) {
  if (orrery_fake_gone(d, products) == 0) return refused(CUBLAS_STATUS_INVALID_VALUE, "destroyed before");
  delete &of(d);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  std::int32_t number = 0;
  if (attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER)
    return read(of(d).bias_pointer, value, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  if (!read(number, value, bytes))
    return refused(CUBLAS_STATUS_INVALID_VALUE, "an attribute of another size");
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
    case CUBLASLT_MATMUL_DESC_TRANSB:
      if (number != CUBLAS_OP_N && number != CUBLAS_OP_T)
        return refused(CUBLAS_STATUS_NOT_SUPPORTED, "an operation other than N and T");
      (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? of(d).transpose_a : of(d).transpose_b) =
          number == CUBLAS_OP_T;
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      if (number != CUBLASLT_EPILOGUE_DEFAULT && number != CUBLASLT_EPILOGUE_BIAS)
        return refused(CUBLAS_STATUS_NOT_SUPPORTED, "epilogue " + std::to_string(number));
      of(d).bias = number == CUBLASLT_EPILOGUE_BIAS;
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      of(d).bias_type = number;
      return CUBLAS_STATUS_SUCCESS;
    default:
      return refused(CUBLAS_STATUS_NOT_SUPPORTED, "attribute " + std::to_string(attribute) + " of a product");
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* l, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  MatrixShape shape;
  if (!element_of(type, shape.type))
    return refused(CUBLAS_STATUS_NOT_SUPPORTED, "element type " + std::to_string(type));
  shape.rows = static_cast<std::int64_t>(rows);
  shape.columns = static_cast<std::int64_t>(columns);
  shape.leading = leading;
  *l = reinterpret_cast<cublasLtMatrixLayout_t>(new MatrixShape(shape));
  orrery_fake_made(*l, layouts);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  if (orrery_fake_gone(l, layouts) == 0) return refused(CUBLAS_STATUS_INVALID_VALUE, "destroyed before");
  delete &of(l);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  MatrixShape& shape = of(l);
  std::int32_t order = 0;
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return read(shape.batches, value, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return read(shape.batch_stride, value, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      if (!read(order, value, bytes)) return CUBLAS_STATUS_INVALID_VALUE;
      if (order != CUBLASLT_ORDER_COL && order != CUBLASLT_ORDER_ROW)
        return refused(CUBLAS_STATUS_NOT_SUPPORTED, "this order of elements");
      shape.row_order = order == CUBLASLT_ORDER_ROW;
      return CUBLAS_STATUS_SUCCESS;
    default:
      return refused(CUBLAS_STATUS_NOT_SUPPORTED, "attribute " + std::to_string(attribute) + " of a layout");
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  *p = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  orrery_fake_made(*p, preferences);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  if (orrery_fake_gone(p, preferences) == 0) return refused(CUBLAS_STATUS_INVALID_VALUE, "destroyed before");
  delete &of(p);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  const auto set = [&](auto& target) {
    return read(target, value, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  };
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(of(p).workspace);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set(of(p).alignment[0]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set(of(p).alignment[1]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set(of(p).alignment[2]);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set(of(p).alignment[3]);
    default:
      return refused(CUBLAS_STATUS_NOT_SUPPORTED,
                     "attribute " + std::to_string(attribute) + " of a preference");
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t out,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  *found = 0;
  if (wanted < 1) return CUBLAS_STATUS_INVALID_VALUE;
  const Product p = product_of(of(d), of(a), of(b), of(c), of(out));
  if (const auto wrong = p.wrong()) return refused(CUBLAS_STATUS_INVALID_VALUE, *wrong);
  const Preference& preferred = of(preference);
  Algorithm algorithm{static_cast<std::uint64_t>(p.m()),
                      static_cast<std::uint64_t>(p.n()),
                      static_cast<std::uint64_t>(p.k()),
                      static_cast<std::uint64_t>(p.d.batches),
                      {},
                      std::min(preferred.workspace, workspace_wanted),
                      kinds_of(p),
                      algorithm_mark};
  for (std::size_t i = 0; i < 4; ++i)
    algorithm.alignment[i] = static_cast<std::uint16_t>(preferred.alignment[i]);
  std::memset(results, 0, sizeof *results);
  std::memcpy(&results->algo, &algorithm, sizeof algorithm);
  results->workspaceSize = algorithm.workspace;
  results->state = CUBLAS_STATUS_SUCCESS;
  results->wavesCount = 1;
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* out,
                              cublasLtMatrixLayout_t out_layout, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, std::size_t workspace_bytes, cudaStream_t stream) {
  if (orrery_fake_must_fail(__func__) != 0) return CUBLAS_STATUS_EXECUTION_FAILED;
  Product p = product_of(of(d), of(a_layout), of(b_layout), of(c_layout), of(out_layout));
  std::memcpy(&p.alpha, alpha, sizeof p.alpha);
  std::memcpy(&p.beta, beta, sizeof p.beta);
  if (const auto wrong = p.wrong()) return refused(CUBLAS_STATUS_INVALID_VALUE, *wrong);
  Element bias_type = p.d.type;
  if (of(d).bias_type >= 0 && !element_of(static_cast<cudaDataType_t>(of(d).bias_type), bias_type))
    return refused(CUBLAS_STATUS_NOT_SUPPORTED, "the type of the bias");
  if (p.bias && bias_type != p.d.type)
    return refused(CUBLAS_STATUS_NOT_SUPPORTED, "a bias of another type than D");
  const std::array<const void*, 4> operands{a, b, p.beta == 0 ? out : c, out};
  if (algo != nullptr) {
    Algorithm algorithm;
    std::memcpy(&algorithm, algo, sizeof algorithm);
    if (const auto why = unfit(algorithm, p, operands, workspace_bytes))
      return refused(CUBLAS_STATUS_INVALID_VALUE, *why);
  }
  if (workspace_bytes > 0 && orrery_fake_host_bytes(workspace, workspace_bytes) == nullptr)
    return refused(CUBLAS_STATUS_INVALID_VALUE, "the workspace is not in device memory");
  ProductMemory memory;
  if (const auto missing = find_operands(p, of(d), operands, memory))
    return refused(CUBLAS_STATUS_INVALID_VALUE, *missing);
  if (overlap(memory.d, p.d.bytes(), memory.a, p.a.bytes()) ||
      overlap(memory.d, p.d.bytes(), memory.b, p.b.bytes()))
    return refused(CUBLAS_STATUS_INVALID_VALUE, "D overlaps A or B");
  const HostWork work{"cublasLtMatmul", [p, memory] { multiply(p, memory); }, false};
  return orrery_fake_enqueue(stream, &work) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                           : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
