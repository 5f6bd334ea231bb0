// The report for a terminal: plain text of at most 100 columns.
#pragma once
#include <string>

#include "sim/report/report.h"

namespace orrery {

struct TextOptions {
  bool color = false;  // ANSI: bold headings, bars and what does not fit
};
std::string text(const Report&, const TextOptions& = {});

}  // namespace orrery
