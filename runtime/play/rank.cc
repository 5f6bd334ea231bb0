#include "runtime/play/rank.h"

namespace orrery {

Coordinates coordinates(const Plan& plan, std::uint32_t rank) {
  Coordinates c;
  c.rank = rank;
  c.tensor_ranks = static_cast<std::uint32_t>(plan.tp);
  c.data_ranks = static_cast<std::uint32_t>(plan.dp * plan.cp);
  c.tensor = rank % c.tensor_ranks;
  c.data = rank / c.tensor_ranks % c.data_ranks;
  c.stage = rank / (c.tensor_ranks * c.data_ranks);
  return c;
}

}  // namespace orrery
