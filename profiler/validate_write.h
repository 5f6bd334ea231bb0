// Validation as JSON ("orrery.validation/1"), text for a terminal, Markdown for docs/accuracy.md, and a
// picture.
#pragma once
#include <span>
#include <string>

#include "profiler/validate.h"
#include "sim/base/json.h"

namespace orrery {

// {"schema", "runs":
// [{"id","family","source","split","supported","reason","stack","calibration","plan","predicted_s","measured_s",
// "error_pct","predicted_mem_gib","measured_mem_gib"}], "summary": {...}}; null where there is no such
// number.
Json validation_json(std::span<const ValidatedRun>, const Accuracy&);

// One line a run, if `runs`; then one a source.
std::string validation_text(std::span<const ValidatedRun>, const Accuracy&, bool runs);

// The tables of docs/accuracy.md.
std::string validation_markdown(std::span<const ValidatedRun>, const Accuracy&);

// Predicted over measured step time of every run, by source: a standalone SVG.
std::string validation_svg(std::span<const ValidatedRun>);

}  // namespace orrery
