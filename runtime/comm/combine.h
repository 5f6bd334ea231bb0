// What a receiver does with the elements of a message: keep them, or sum or maximum with elements of its own.
// bf16 is combined in fp32 and rounded to nearest, ties to even. Kernels are chosen for the processor at run
// time; all of them give the same bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "sim/model/ops.h"

namespace orrery::comm {

enum class Apply : std::uint8_t { copy, sum, max };

// to[i] = incoming[i], with[i] + incoming[i], or the greater of both. `to` may be `with`, and otherwise
// overlaps neither. Sum and max: fp32 and bf16 only. `bytes` is a multiple of the element's size.
void combine(Apply, DType, std::byte* to, const std::byte* with, const std::byte* incoming,
             std::size_t bytes);

}  // namespace orrery::comm
