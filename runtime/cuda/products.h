// Matrix products by cuBLASLt: bf16 and fp32 with sums in fp32. A product's layouts and the algorithm that
// the library suggests for it are kept, so that later steps only launch.
#pragma once
#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <memory>

#include "runtime/cuda/launch.h"

namespace orrery::cuda {

// A row-major matrix, or equally many from `batch` elements on.
struct Matrix {
  const void* data = nullptr;
  DType dtype = DType::fp32;
  std::int64_t stride = 0;  // elements from row to row as stored
  bool transposed = false;  // the operand is the transpose of what is stored
  std::int64_t batch = 0;   // elements from matrix to matrix
};

// out (m x n) = scale * a (m x k) b (k x n) + bias of n, or added to out; as often as `batch` says.
struct Product {
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  Matrix a, b;
  void* out = nullptr;
  DType out_type = DType::fp32;
  std::int64_t out_stride = 0, out_batch = 0;
  float scale = 1;
  bool add = false;
  TensorRef bias{};
};

class Products {
 public:
  explicit Products(const Device&);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  // Operands of different types are converted to fp32 first, if there is one matrix of each.
  void multiply(const Product&, const Launch&);

 private:
  struct Prepared;
  struct Key;
  Prepared& prepared(const Product&, DType bias);

  cublasLtHandle_t library_ = nullptr;
  std::map<Key, std::unique_ptr<Prepared>> prepared_;
};

// matmul, and the products of unfused attention.
void matmul(const Kernel&, const Launch&, Products&);
void scores(const Kernel&, const Launch&, Products&);
void context(const Kernel&, const Launch&, Products&);
void context_gradient(const Kernel&, const Launch&, Products&);
void scores_gradient(const Kernel&, const Launch&, Products&);

}  // namespace orrery::cuda
