// Pictures: of one step (the pipeline by stage over time, and the memory of each stage under it), of an accuracy
// check (predicted against measured), and of what-ifs (one measure against another, and what each knob turns). SVG of our own with an explicit background, so that it reads
// the same in light and dark pages; colours of Okabe and Ito, told apart without colour by patterns, shapes
// and labels.
#pragma once
#include <optional>
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

// One point of a what-if. Both values positive.
struct FrontPoint {
  std::string series;   // colour and shape: a device
  std::string label;    // beside the mark: how many
  std::string tip;      // the whole setting
  double x = 0, y = 0;
  bool front = false;   // no other point beats it in both
};
struct FrontLabels {
  std::string title, x, y;
};
// Logarithmic axes; points of the front are ringed, labelled and joined.
std::string front_svg(std::span<const FrontPoint>, const FrontLabels&, const PictureOptions& = {});

// A knob turned down and up: the relative change of the result; nothing where there is none.
struct TornadoBar {
  std::string name;
  std::optional<double> less, more;
};
// Bars about zero in the order given, the two directions told apart by stripes.
std::string tornado_svg(std::span<const TornadoBar>, const std::string& title, const PictureOptions& = {});

}  // namespace orrery
