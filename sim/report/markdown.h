// The report as Markdown, for pull requests and documents.
#pragma once
#include <string>

#include "sim/report/report.h"

namespace orrery {

std::string markdown(const Report&);

}  // namespace orrery
