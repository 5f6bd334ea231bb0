#include "tests/fake_cuda/cublasLt/product.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace orrery::fake {
namespace {

float load(const std::byte* from, Element type, std::int64_t i) {
  if (type == Element::f32) {
    float x = 0;
    std::memcpy(&x, from + 4 * i, 4);
    return x;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, from + 2 * i, 2);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// bf16: to nearest even.
void store(std::byte* to, Element type, std::int64_t i, float x) {
  if (type == Element::f32) {
    std::memcpy(to + 4 * i, &x, 4);
    return;
  }
  const auto wide = std::bit_cast<std::uint32_t>(x);
  const bool nan = (wide & 0x7fffffffU) > 0x7f800000U;
  const auto bits = static_cast<std::uint16_t>(nan ? 0x7fffU : (wide + 0x7fffU + ((wide >> 16) & 1U)) >> 16);
  std::memcpy(to + 2 * i, &bits, 2);
}

// x as floats, row after row or column after column.
std::vector<float> packed(const std::byte* from, const MatrixShape& x, bool by_rows) {
  std::vector<float> out(static_cast<std::size_t>(x.rows * x.columns));
  auto to = out.begin();
  const std::int64_t outer = by_rows ? x.rows : x.columns, inner = by_rows ? x.columns : x.rows;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) *to++ = load(from, x.type, by_rows ? x.at(o, i) : x.at(i, o));
  return out;
}

void add_scaled(float* sum, const float* a, float b, std::int64_t m) {
  for (std::int64_t i = 0; i < m; ++i) sum[i] += a[i] * b;
}

const std::byte* matrix(const std::byte* first, const MatrixShape& x, std::int64_t batch) {
  return first + batch * x.batch_stride * static_cast<std::int64_t>(size_of(x.type));
}

void multiply_one(const Product& p, const ProductMemory& memory) {
  const std::int64_t m = p.m(), k = p.k();
  const std::vector<float> a = packed(memory.a, p.a, p.transpose_a);  // k columns of op(A), m each
  const std::vector<float> b = packed(memory.b, p.b, p.transpose_b);  // n columns of op(B), k each
  std::vector<float> sum(static_cast<std::size_t>(m));
  for (std::int64_t j = 0; j < p.n(); ++j) {
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (std::int64_t i = 0; i < k; ++i)
      add_scaled(sum.data(), &a[static_cast<std::size_t>(i * m)], b[static_cast<std::size_t>(j * k + i)], m);
    for (std::int64_t i = 0; i < m; ++i) {
      float x = p.alpha * sum[static_cast<std::size_t>(i)];
      if (p.beta != 0) x += p.beta * load(memory.c, p.c.type, p.c.at(i, j));
      if (p.bias) x += load(memory.bias, p.d.type, i);
      store(memory.d, p.d.type, p.d.at(i, j), x);
    }
  }
}

bool has_room(const MatrixShape& x) { return x.leading >= (x.row_order ? x.columns : x.rows); }

}  // namespace

std::size_t size_of(Element type) { return type == Element::f32 ? 4 : 2; }

std::size_t MatrixShape::bytes() const {
  const std::int64_t last = at(rows - 1, columns - 1) + (batches - 1) * batch_stride;
  return static_cast<std::size_t>(last + 1) * size_of(type);
}

std::optional<std::string> Product::wrong() const {
  const auto shape = [](const MatrixShape& x) {
    return std::to_string(x.rows) + " x " + std::to_string(x.columns);
  };
  const std::int64_t a_rows = transpose_a ? a.columns : a.rows;
  const std::int64_t b_rows = transpose_b ? b.columns : b.rows, b_columns = transpose_b ? b.rows : b.columns;
  if (a_rows != m() || b_rows != k() || b_columns != n() || c.rows != m() || c.columns != n())
    return "shapes " + shape(a) + " and " + shape(b) + " do not give " + shape(d);
  if (m() <= 0 || n() <= 0 || k() <= 0) return "an empty matrix";
  for (const MatrixShape* x : {&a, &b, &c, &d}) {
    if (!has_room(*x))
      return "leading dimension " + std::to_string(x->leading) + " of a matrix of " + shape(*x);
    if (x->batches != d.batches)
      return "batches of " + std::to_string(x->batches) + " and " + std::to_string(d.batches);
  }
  if (d.batches > 1 && d.batch_stride == 0) return "results of a batch at one place";
  if (a.type != b.type || c.type != d.type) return "element types of A and B, or of C and D, that differ";
  if (a.type == Element::f32 && d.type == Element::bf16) return "a product of fp32 to bf16";
  return std::nullopt;
}

void multiply(const Product& p, const ProductMemory& memory) {
  for (std::int32_t batch = 0; batch < p.d.batches; ++batch) {
    ProductMemory one = memory;
    one.a = matrix(memory.a, p.a, batch);
    one.b = matrix(memory.b, p.b, batch);
    if (p.beta != 0) one.c = matrix(memory.c, p.c, batch);
    one.d = memory.d + batch * p.d.batch_stride * static_cast<std::int64_t>(size_of(p.d.type));
    multiply_one(p, one);
  }
}

}  // namespace orrery::fake
