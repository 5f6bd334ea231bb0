// The ranges of a search and what is best, as JSON: members "search" and "objective" of a scenario.
#pragma once
#include "sim/base/json.h"
#include "sim/base/reader.h"
#include "sim/scenario.h"

namespace orrery {

Search read_search(const Reader&);
// Days and cost need the tokens of the whole run, cost and cost_per_token a price of a GPU's hour.
Objective read_objective(const Reader&, const Training&, const Cluster&);

Json write_search(const Search&);
Json write_objective(const Objective&);

}  // namespace orrery
