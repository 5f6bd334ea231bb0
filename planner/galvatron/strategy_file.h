// Galvatron's strategy files (galvatron_config_*.json), which its runtime trains by.
#pragma once
#include <string_view>

#include "planner/galvatron/plan.h"
#include "sim/base/json.h"

namespace orrery::galvatron {

// With the names that its own search writes.
Json write_strategy(const Plan&, int gpus);
// Ends in fail() on a file that isn't one, or that the model's GPUs and layers don't go with. `batch`: where
// the file names none.
Plan read_strategy(const Json& document, std::string_view file, const CostModel&, std::int64_t batch);

}  // namespace orrery::galvatron
