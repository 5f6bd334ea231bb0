// What a rank holds of each parameter: the pieces of weights, gradients and optimizer state that it updates,
// for the kernels of the update, for initial values and for checkpoints.
#pragma once
#include <span>
#include <vector>

#include "runtime/kernel.h"
#include "runtime/play/rank.h"

namespace orrery {

// Elements [begin, end) of a weight's slice on this tensor rank, in row-major order.
struct Holding {
  const Weight* weight = nullptr;
  std::int64_t begin = 0, end = 0;
  Segment segment;       // of those elements, for the update
  bool counted = false;  // its gradient counts in the norm on this rank: once over all ranks
};

// Where the weights that compute lie on this rank; under ZeRO-3 only the part that it holds.
struct Residence {
  const Weight* weight = nullptr;
  std::int64_t begin = 0, end = 0;
  void* data = nullptr;
  DType dtype = DType::fp32;
};

struct Holdings {
  std::vector<Holding> holdings;      // by weight in the Program's order; those of no elements are left out
  std::vector<Residence> residences;  // likewise
};

Holdings list_holdings(const RankMemory&, const Coordinates&);

}  // namespace orrery
