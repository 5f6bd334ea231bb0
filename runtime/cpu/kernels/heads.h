// Attention's view of its operands: which columns of a row of qkv belong to which head.
#pragma once
#include "runtime/cpu/kernels/kernels.h"
#include "runtime/cpu/kernels/rows.h"

namespace orrery::ORRERY_ISA {

// A part of a tensor: the columns of one head in the rows of one sequence.
struct Slice {
  TensorRef tensor;
  std::int64_t first_row = 0, first_column = 0, rows = 0, columns = 0;

  std::int64_t at(std::int64_t row) const { return (first_row + row) * tensor.columns + first_column; }
  void* data() const { return static_cast<char*>(tensor.data) + at(0) * size_of(tensor.dtype); }
  MatrixRef matrix(bool transposed = false) const {
    return {data(), tensor.dtype, tensor.columns, transposed};
  }
};

// Rows of fp32, contiguous, into a slice.
inline void store(const Slice& to, std::int64_t first_row, std::int64_t rows, const float* from) {
  for (std::int64_t r = 0; r < rows; ++r)
    write(to.tensor, to.at(first_row + r), to.columns, from + r * to.columns);
}

class Heads {
 public:
  Heads(const KernelAttributes& a, std::int64_t tokens) : a_(a), sequences_(tokens / a.sequence) {}

  std::int64_t sequences() const { return sequences_; }
  std::int64_t group() const { return a_.heads / a_.kv_heads; }  // heads that share keys and values
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(a_.head_dim)); }

  Slice queries(const TensorRef& qkv, std::int64_t sequence, std::int64_t head) const {
    return slice(qkv, sequence, head);
  }
  Slice keys(const TensorRef& qkv, std::int64_t sequence, std::int64_t kv_head) const {
    return slice(qkv, sequence, a_.heads + kv_head);
  }
  Slice values(const TensorRef& qkv, std::int64_t sequence, std::int64_t kv_head) const {
    return slice(qkv, sequence, a_.heads + a_.kv_heads + kv_head);
  }
  Slice core(const TensorRef& core, std::int64_t sequence, std::int64_t head) const {
    return slice(core, sequence, head);
  }
  // Of scores and probabilities: the rows of one sequence and head.
  Slice square(const TensorRef& t, std::int64_t sequence, std::int64_t head) const {
    return {t, (sequence * a_.heads + head) * a_.sequence, 0, a_.sequence, a_.sequence};
  }

 private:
  Slice slice(const TensorRef& t, std::int64_t sequence, std::int64_t place) const {
    return {t, sequence * a_.sequence, place * a_.head_dim, a_.sequence, a_.head_dim};
  }

  const KernelAttributes& a_;
  std::int64_t sequences_;
};

}  // namespace orrery::ORRERY_ISA
