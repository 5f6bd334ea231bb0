// Galvatron's strategy files (galvatron_config_*.json), which its runtime trains by.
#pragma once
#include <string_view>

#include "planner/galvatron/plan.h"
#include "sim/base/json.h"

namespace orrery::galvatron {

// With the names that its own search writes.
Json write_strategy(const Plan&, int gpus);
// Ends in fail() on a file that isn't one, or doesn't go with this many GPUs and layers. `batch`: where the
// file names none.
Plan read_strategy(const Json& document, std::string_view file, const Profile&, std::int64_t batch);

}  // namespace orrery::galvatron
