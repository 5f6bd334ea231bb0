// Angles of rotary positions (Su et al. 2021), as Llama 3.1 stretches them.
#pragma once
#include <cstdint>
#include <vector>

#include "sim/model/model.h"

namespace orrery {

// cos and sin of position * angular speed i: for each position `head_dim / 2` cosines, then as many sines.
std::vector<float> rotary_table(const Rotary&, std::int64_t positions, std::int64_t head_dim);

}  // namespace orrery
