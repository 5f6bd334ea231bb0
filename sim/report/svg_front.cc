#include <algorithm>
#include <limits>

#include "sim/base/math.h"
#include "sim/report/svg.h"
#include "sim/report/svg_marks.h"
#include "sim/report/svg_writer.h"

namespace orrery {
namespace {

using namespace report;

constexpr double left_edge = 90, top_edge = 62, bottom_edge = 56, legend_width = 220, greatest_height = 520;

// One axis: from the least to the greatest value, with room at the ends.
struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = 0, pixels = 0;
  void add(double v) { low = std::min(low, v), high = std::max(high, v); }
  void close(double length) {
    if (high == 0) low = high = 1;
    low *= 0.85;
    high *= 1.18;
    pixels = length;
  }
  double along(double v) const { return pixels * log2(v / low) / log2(high / low); }
};

class Front {
 public:
  Front(std::span<const FrontPoint> points, const FrontLabels& labels, const PictureOptions& o)
      : points_(points),
        labels_(labels),
        out_(o.width, top_edge + height(o) + bottom_edge, labels.title, description()) {
    for (const FrontPoint& p : points_) {
      x_.add(p.x);
      y_.add(p.y);
      if (std::find(series_.begin(), series_.end(), p.series) == series_.end()) series_.push_back(p.series);
    }
    x_.close(std::max(240.0, o.width - left_edge - legend_width));
    y_.close(height(o));
  }

  std::string draw() {
    out_.text(16, 28, labels_.title, 16, Anchor::start, ink, true);
    frame();
    join();
    for (const FrontPoint& p : points_) point(p);
    legend();
    return out_.take();
  }

 private:
  static double height(const PictureOptions& o) { return std::clamp(o.width * 0.45, 240.0, greatest_height); }

  std::string description() const {
    const auto best =
        std::count_if(points_.begin(), points_.end(), [](const FrontPoint& p) { return p.front; });
    return labels_.y + " against " + labels_.x + " of " + std::to_string(points_.size()) +
           " points on logarithmic axes; " + std::to_string(best) + " of them are on the Pareto front.";
  }

  double x(double v) const { return left_edge + x_.along(v); }
  double y(double v) const { return top_edge + y_.pixels - y_.along(v); }

  void frame() {
    const double bottom = top_edge + y_.pixels;
    out_.path("M" + SvgWriter::number(left_edge) + " " + SvgWriter::number(top_edge) + "h" +
                  SvgWriter::number(x_.pixels) + "v" + SvgWriter::number(y_.pixels) + "h-" +
                  SvgWriter::number(x_.pixels) + "z",
              "none", ink);
    for (const double v : log_ticks(x_.low, x_.high)) {
      out_.line(x(v), bottom, x(v), bottom + 5, ink);
      out_.text(x(v), bottom + 19, tick_label(v), 11, Anchor::middle);
    }
    for (const double v : log_ticks(y_.low, y_.high)) {
      out_.line(left_edge - 5, y(v), left_edge, y(v), ink);
      out_.text(left_edge - 9, y(v) + 4, tick_label(v), 11, Anchor::end);
    }
    out_.text(left_edge + x_.pixels / 2, bottom + 40, labels_.x, 12, Anchor::middle);
    out_.text(left_edge, top_edge - 6, labels_.y, 12);
  }

  void join() {
    std::vector<FrontPoint> best;
    for (const FrontPoint& p : points_)
      if (p.front) best.push_back(p);
    std::sort(best.begin(), best.end(), [](const FrontPoint& a, const FrontPoint& b) { return a.x < b.x; });
    for (std::size_t i = 1; i < best.size(); ++i)
      out_.line(x(best[i - 1].x), y(best[i - 1].y), x(best[i].x), y(best[i].y), faint, 1, true);
  }

  void point(const FrontPoint& p) {
    const auto series =
        static_cast<std::size_t>(std::find(series_.begin(), series_.end(), p.series) - series_.begin());
    const double px = x(p.x), py = y(p.y);
    if (p.front) {
      out_.path(
          "M" + SvgWriter::number(px - 8) + " " + SvgWriter::number(py) + "a8 8 0 1 0 16 0a8 8 0 1 0 -16 0z",
          "none", ink);
      out_.text(px + 11, py - 6, p.label, 11);
    }
    out_.rect(px - 4, py - 4, 8, 8, "none", p.tip);
    out_.path(series_mark(series, px, py), series_color(series), paper);
  }

  void legend() {
    const double x0 = left_edge + x_.pixels + 24;
    double at = top_edge + 10;
    for (std::size_t s = 0; s < series_.size(); ++s, at += 20) {
      out_.path(series_mark(s, x0, at), series_color(s), paper);
      out_.text(x0 + 12, at + 4, series_[s], 12);
    }
    out_.text(x0 - 6, at + 8, "ringed: on the Pareto front", 11, Anchor::start, faint);
    out_.text(x0 - 6, at + 24, "numbers: GPUs", 11, Anchor::start, faint);
  }

  std::span<const FrontPoint> points_;
  FrontLabels labels_;
  std::vector<std::string> series_;
  Axis x_, y_;
  SvgWriter out_;
};

}  // namespace

std::string front_svg(std::span<const FrontPoint> points, const FrontLabels& labels,
                      const PictureOptions& options) {
  return Front(points, labels, options).draw();
}

}  // namespace orrery
