// The report as orrery.result/1: every metric {value, unit, low, high, evidence}, nested by the dots of its
// name, with version, seed and the digests of the inputs. The same inputs give the same bytes.
#pragma once
#include "sim/base/json.h"
#include "sim/report/report.h"

namespace orrery {

Json to_json(const Report&);

}  // namespace orrery
