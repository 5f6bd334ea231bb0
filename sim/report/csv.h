// The report's metrics as CSV (RFC 4180, with \n): metric,value,unit,low,high,evidence. Doubles are the
// shortest digits that read back the same.
#pragma once
#include <span>
#include <string>

#include "sim/report/report.h"

namespace orrery {

std::string csv(const Report&);

// One row a report and one column a metric of the whole, for sweeps; the first column is the scenario's name.
std::string csv(std::span<const Report>);

}  // namespace orrery
