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

// One price a class. `prices` is cleared and filled. graph: the step is a captured graph, nothing is launched. Ends
// in fail() when a class can't be priced.
void price(const Program&, const Calibration&, const Cluster&, bool graph, std::vector<Price>& prices);
Price price(const CostClass&, const Calibration&, const Cluster&);

// The weakest evidence among the constants that a price rests on.
Evidence evidence(const CostClass&, const Calibration&);
// Their names, strongest influence first: "clock16", "matmul16.efficiency", ... None of what was measured itself.
std::vector<std::string> constants_of(const CostClass&, const Calibration&);

// Factor on the duration of compute that runs beside this communication; 1 for what leaves compute alone.
double compute_slowdown(const CostClass&, const Calibration&);

}  // namespace orrery
