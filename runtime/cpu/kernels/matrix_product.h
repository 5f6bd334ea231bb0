// One seam for matrix products: oneDNN where it was found, Eigen everywhere. Operands may be parts of wider
// matrices and may be read transposed, so no kernel copies or transposes one.
#pragma once
#include <cstdint>
#include <memory>

#include "runtime/cpu/kernels/isa.h"
#include "sim/model/ops.h"

namespace orrery {

struct MatrixRef {
  const void* data = nullptr;
  DType dtype = DType::fp32;
  std::int64_t stride = 0;  // elements from row to row as stored
  bool transposed = false;  // the operand is the transpose of what is stored
};

// out (m x n) = scale * (a (m x k) b (k x n) + bias of n), or added to out.
struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  MatrixRef a, b;
  void* out = nullptr;
  DType out_type = DType::fp32;
  std::int64_t out_stride = 0;
  float scale = 1;
  bool add = false;
  const void* bias = nullptr;  // null: none
  DType bias_type = DType::fp32;
};

class MatrixProducts {
 public:
  virtual ~MatrixProducts();
  // False, and nothing done, if these element types are not supported; fp32 of everything always is.
  virtual bool run(const Product&) = 0;
};

std::unique_ptr<MatrixProducts> onednn_products();  // null where oneDNN was not found
std::unique_ptr<MatrixProducts> eigen_products(Isa);

}  // namespace orrery
