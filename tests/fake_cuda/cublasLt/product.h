// What one call of cublasLtMatmul computes: D = epilogue(alpha * op(A) op(B) + beta * C), batch by batch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace orrery::fake {

enum class Element : std::uint8_t { f32, bf16 };

std::size_t size_of(Element);

struct MatrixShape {
  Element type = Element::f32;
  std::int64_t rows = 0, columns = 0, leading = 0;
  bool row_order = false;
  std::int32_t batches = 1;
  std::int64_t batch_stride = 0;  // elements

  std::int64_t at(std::int64_t row, std::int64_t column) const {
    return row_order ? row * leading + column : column * leading + row;
  }
  std::size_t bytes() const;  // from the first element of the first matrix to the end of the last
};

struct Product {
  MatrixShape a, b, c, d;
  bool transpose_a = false, transpose_b = false, bias = false;
  float alpha = 1, beta = 0;

  std::int64_t m() const { return d.rows; }
  std::int64_t n() const { return d.columns; }
  std::int64_t k() const { return transpose_a ? a.rows : a.columns; }
  // Why there is no such product, or nothing.
  std::optional<std::string> wrong() const;
};

struct ProductMemory {
  const std::byte *a = nullptr, *b = nullptr, *c = nullptr, *bias = nullptr;  // bias: m elements of D's type
  std::byte* d = nullptr;
};

// Sums of k products in fp32, in order of k; rounded once to D's type.
void multiply(const Product&, const ProductMemory&);

}  // namespace orrery::fake
