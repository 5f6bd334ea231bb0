// Pictures: of one step (the pipeline by stage over time, and the memory of each stage under it) and of an
// accuracy check (predicted against measured). SVG of our own with an explicit background, so that it reads
// the same in light and dark pages; colours of Okabe and Ito, told apart without colour by patterns, shapes
// and labels.
#pragma once
#include <span>
#include <string>

#include "sim/report/report.h"

namespace orrery {

struct PictureOptions {
  int width = 1200;  // pixels
};

// What stands out of less than a pixel is merged: each column shows what most of its time went to.
std::string timeline_svg(const Program&, const Timeline&, const Report&, const PictureOptions& = {});

// One run of a validation. Both values positive, in the same unit.
struct ScatterPoint {
  std::string source;  // colour and shape
  double measured = 0, predicted = 0;
};
struct ScatterLabels {
  std::string title = "Predicted against measured step time";
  std::string unit = "s";
};
// Logarithmic axes, the line of equality and the band of 5 % around it; per source the mean absolute error.
std::string scatter_svg(std::span<const ScatterPoint>, const ScatterLabels& = {}, const PictureOptions& = {});

}  // namespace orrery
