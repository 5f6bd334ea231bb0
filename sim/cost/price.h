// The price of each cost class of a Program under a Calibration. Static replay charges fixed + flow; shared replay
// stretches `flow` while the links that it uses are shared, or compute while communication slows it.
#pragma once
#include <span>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"
#include "sim/cost/calibration.h"
#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery {

// One price a class. `prices` is cleared and filled. Ends in fail() when a class can't be priced ("not supported").
void price(const Program&, const Calibration&, const Cluster&, bool graph, std::vector<Price>& prices);
Price price(const CostClass&, const Calibration&, const Cluster&);
Evidence evidence(const CostClass&, const Calibration&);

}  // namespace orrery
