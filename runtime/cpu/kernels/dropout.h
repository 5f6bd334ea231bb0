// Which elements a kernel drops: a function of (seed, step, key, element of the op's global tensor) alone.
#pragma once
#include "runtime/arithmetic/pointwise.h"
#include "runtime/cpu/kernels/rows.h"
#include "runtime/cpu/kernels/workspace.h"
#include "runtime/kernel.h"

namespace orrery::ORRERY_ISA {

class Dropout {
 public:
  explicit Dropout(const Kernel& k)
      : threshold_(static_cast<std::uint32_t>(static_cast<double>(rate(k)) * 4294967296.0)),
        scale_(1.0F / (1.0F - rate(k))) {
    if (rate(k) == 0) return;
    seed_ = k.step->seed;
    stream_ = dropout_stream(k.step->step, k.attributes.dropout_key);
  }

  explicit operator bool() const { return threshold_ != 0; }

  // The factors of `count` elements from global element `first` on, each 0 or 1 / (1 - dropout). Needs
  // scratch for count + 8 floats; returns a place in it.
  const float* factors(std::uint64_t first, std::int64_t count, float* scratch) const {
    const auto skipped = static_cast<std::int64_t>(first % 4), blocks = (skipped + count + 3) / 4;
    const auto low = static_cast<std::uint32_t>(first / 4),
               high = static_cast<std::uint32_t>(first / 4 >> 32);
    const auto stream0 = static_cast<std::uint32_t>(stream_),
               stream1 = static_cast<std::uint32_t>(stream_ >> 32);
    const auto key0 = static_cast<std::uint32_t>(seed_), key1 = static_cast<std::uint32_t>(seed_ >> 32);
    const std::uint32_t threshold = threshold_;
    const float scale = scale_;
#pragma omp simd
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::uint32_t counter = low + static_cast<std::uint32_t>(i), carry = counter < low ? 1 : 0;
      const Words words = philox({counter, high + carry, stream0, stream1}, key0, key1);
      scratch[4 * i] = words.w0 < threshold ? 0.0F : scale;
      scratch[4 * i + 1] = words.w1 < threshold ? 0.0F : scale;
      scratch[4 * i + 2] = words.w2 < threshold ? 0.0F : scale;
      scratch[4 * i + 3] = words.w3 < threshold ? 0.0F : scale;
    }
    return scratch + skipped;
  }

  // The same from a mask that was kept.
  const float* factors(const std::uint8_t* mask, std::int64_t count, float* scratch) const {
    const float scale = scale_;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) scratch[i] = mask[i] != 0 ? scale : 0.0F;
    return scratch;
  }

 private:
  static float rate(const Kernel& k) { return k.step && k.step->evaluate ? 0.0F : k.attributes.dropout; }

  std::uint32_t threshold_ = 0;  // of 2^32
  float scale_ = 1;
  std::uint64_t seed_ = 0, stream_ = 0;
};

// Factors row by row: from the mask that was kept, or drawn again where none was; ones where nothing drops.
class DropoutRows {
 public:
  DropoutRows(const Kernel& k, const TensorRef& mask, std::int64_t columns, KernelWorkspace& workspace)
      : dropout_(k),
        mask_(static_cast<const std::uint8_t*>(mask.data)),
        columns_(columns),
        scratch_(workspace.floats(columns + 8)) {
    fill(scratch_, columns, 1);
  }

  // Of row r, whose column 0 is global element `first`; until the next call.
  const float* row(std::int64_t r, std::uint64_t first) const {
    if (mask_) return dropout_.factors(mask_ + r * columns_, columns_, scratch_);
    return dropout_ ? dropout_.factors(first, columns_, scratch_) : scratch_;
  }

 private:
  Dropout dropout_;
  const std::uint8_t* mask_;
  std::int64_t columns_;
  float* scratch_;
};

inline void write_mask(const float* factors, std::int64_t count, std::uint8_t* mask) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) mask[i] = factors[i] != 0 ? 1 : 0;
}

// Global element of column 0 of a row, of all kernels but attention's.
inline std::uint64_t first_element(const KernelAttributes& a, std::int64_t row) {
  return static_cast<std::uint64_t>((a.first_token + row) * a.global_columns);
}

// Global element of key 0 for one query of one of this rank's sequences and heads.
inline std::uint64_t first_element(const KernelAttributes& a, std::int64_t sequence, std::int64_t head,
                                   std::int64_t query) {
  const std::int64_t global_head =
      (a.first_token / a.sequence + sequence) * a.all_heads + a.first_head + head;
  return static_cast<std::uint64_t>((global_head * a.sequence + query) * a.sequence);
}

}  // namespace orrery::ORRERY_ISA
