// What the readers of models share.
#pragma once
#include <cstdint>

#include "sim/base/reader.h"
#include "sim/model/model.h"

namespace orrery {

// Bounds of what files may say. The product of all fits 63 bits, and no published model comes near.
struct ModelLimits {
  static constexpr std::int64_t width = 1 << 18, ffn = 1 << 21, heads = 1 << 13, head_dim = 1 << 13;
  static constexpr std::int64_t depth = 1 << 10, experts = 1 << 12, vocab = 1 << 24, positions = 1 << 30;
  static constexpr double theta = 1e12, stretch = 1e6;   // of rotary positions
  static constexpr std::int64_t image = 1 << 16, extra = std::int64_t{1} << 40, parameters = 1'000'000'000'000'000;
};

// Appends `count` equal layers; an equal kind is shared.
void append(Model&, const Layer&, std::int64_t count);

// Sets what follows from the layers (hidden, unpriced) and refuses what no model can be.
void finish(Model&, const Reader&);

Model read_hf(const Reader&);

}  // namespace orrery
