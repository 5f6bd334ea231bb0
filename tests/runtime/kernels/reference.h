// The kernels of runtime/kernel.h a second time: naive loops in double precision, from their definitions, as
// the oracle of every backend. And an invocation of a kernel as plain values, without memory of any device.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/kernel.h"

namespace orrery::test {

struct Tensor {
  DType dtype = DType::fp32;
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values{};  // representable in dtype; none: an operand that is not given
  bool exact = false;            // fp32 in bf16 mode, too

  explicit operator bool() const { return !values.empty(); }
  double& at(std::int64_t r, std::int64_t c) { return values[static_cast<std::size_t>(r * columns + c)]; }
  double at(std::int64_t r, std::int64_t c) const {
    return values[static_cast<std::size_t>(r * columns + c)];
  }
};

Tensor zeros(std::int64_t rows, std::int64_t columns, DType = DType::fp32);

// Pieces of parameters, one tensor (1 x count) a role.
struct SegmentValues {
  Tensor gradient, weight, first_moment, second_moment, master;
  bool decay = true;
};

struct Invocation {
  std::string label{};
  KernelName kernel = KernelName::zero;
  KernelAttributes attributes{};
  StepArguments step{};
  std::array<Tensor, 4> in{};
  std::array<Tensor, 3> out{};  // before; what the kernel does not write stays
  std::vector<SegmentValues> segments{};
};

// Computes the invocation: `out` and `segments` become what they are after it. Results are not rounded.
void compute(Invocation&);

// Philox4x32-10 as in the paper's table, for counter and key of 32-bit words.
std::array<std::uint32_t, 4> philox_words(std::array<std::uint32_t, 4> counter,
                                          std::array<std::uint32_t, 2> key);

}  // namespace orrery::test
