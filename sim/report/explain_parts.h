// The branches of explain(). Internal to sim/report.
#pragma once
#include "sim/report/explain.h"

namespace orrery::report {

// A constant of the calibration with its evidence and source.
Reason constant(const Calibration&, std::string_view name);

Reason explain_step(const Subject&, const Report&);
Reason explain_memory(const Subject&, const Report&);
Reason explain_tokens_per_second(const Subject&, const Report&);
Reason explain_mfu(const Subject&, const Report&);
Reason explain_cost(const Subject&, const Report&);

}  // namespace orrery::report
