#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/math.h"
#include "sim/report/format.h"
#include "sim/report/svg.h"
#include "sim/report/svg_marks.h"
#include "sim/report/svg_writer.h"

namespace orrery {
namespace {

using namespace report;

struct Source {
  std::string name;
  double error = 0;  // sum of |predicted / measured - 1|
  std::size_t points = 0;
};

class Scatter {
 public:
  Scatter(std::span<const ScatterPoint> points, const ScatterLabels& labels, const PictureOptions& o)
      : points_(points),
        labels_(labels),
        size_(std::clamp(o.width - left_edge - legend_width, 240.0, 560.0)),
        out_(left_edge + size_ + legend_width, top_edge + size_ + 56, labels.title,
             description(points, labels)) {
    find_range();
    for (const ScatterPoint& p : points_) {
      Source& s = sources_[source(p.source)];
      s.error += std::abs(p.predicted / p.measured - 1);
      ++s.points;
    }
  }

  std::string draw() {
    out_.text(16, 28, labels_.title, 16, Anchor::start, ink, true);
    frame();
    for (const ScatterPoint& p : points_) {
      const std::size_t s = source(p.source);
      out_.path(series_mark(s, x(p.measured), y(p.predicted)), series_color(s), paper);
    }
    legend();
    return out_.take();
  }

 private:
  static constexpr double left_edge = 80, top_edge = 62, legend_width = 320;

  static std::string description(std::span<const ScatterPoint> points, const ScatterLabels& labels) {
    double error = 0;
    for (const ScatterPoint& p : points) error += std::abs(p.predicted / p.measured - 1);
    const double n = static_cast<double>(points.size());
    return labels.title + " (" + labels.unit + ") of " + std::to_string(points.size()) +
           " runs on logarithmic axes, with the " +
           "line of equality and a band of 5 % around it. Mean absolute error " +
           percent(n > 0 ? error / n : 0) + ".";
  }

  std::size_t source(const std::string& name) {
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (sources_[i].name == name) return i;
    sources_.push_back({name});
    return sources_.size() - 1;
  }

  void find_range() {
    low_ = std::numeric_limits<double>::infinity(), high_ = 0;
    for (const ScatterPoint& p : points_) {
      low_ = std::min({low_, p.measured, p.predicted});
      high_ = std::max({high_, p.measured, p.predicted});
    }
    if (points_.empty()) low_ = high_ = 1;
    low_ *= 0.85;
    high_ *= 1.18;
  }

  double along(double v) const { return size_ * log2(v / low_) / log2(high_ / low_); }
  double x(double v) const { return left_edge + along(v); }
  double y(double v) const { return top_edge + size_ - along(v); }

  void frame() {
    const auto point = [&](double a, double b) { return SvgWriter::number(a) + " " + SvgWriter::number(b); };
    const double low = low_ * 1.05, high = high_ / 1.05;
    out_.path("M" + point(x(low_), y(low)) + "L" + point(x(high), y(high_)) + "L" +
                  point(x(high_), y(high_)) + "L" + point(x(high_), y(high)) + "L" + point(x(low), y(low_)) +
                  "L" + point(x(low_), y(low_)) + "z",
              "#dfe9f2");
    out_.line(x(low_), y(low_), x(high_), y(high_), faint, 1, true);
    out_.path("M" + point(left_edge, top_edge) + "h" + SvgWriter::number(size_) + "v" +
                  SvgWriter::number(size_) + "h-" + SvgWriter::number(size_) + "z",
              "none", ink);
    for (const double v : log_ticks(low_, high_)) {
      const std::string label = tick_label(v);
      out_.line(x(v), top_edge + size_, x(v), top_edge + size_ + 5, ink);
      out_.text(x(v), top_edge + size_ + 19, label, 11, Anchor::middle);
      out_.line(left_edge - 5, y(v), left_edge, y(v), ink);
      out_.text(left_edge - 9, y(v) + 4, label, 11, Anchor::end);
    }
    out_.text(left_edge + size_ / 2, top_edge + size_ + 40, "measured (" + labels_.unit + ")", 12,
              Anchor::middle);
    out_.text(left_edge, top_edge - 6, "predicted (" + labels_.unit + ")", 12);
    out_.text(left_edge + 0.9 * size_ + 4, top_edge + 0.1 * size_ + 30, "+-5 %", 11, Anchor::start, faint);
  }

  void legend() {
    double at = top_edge + 10;
    const double x0 = left_edge + size_ + 28;
    for (std::size_t s = 0; s < sources_.size(); ++s, at += 20) {
      out_.path(series_mark(s, x0, at), series_color(s), paper);
      const double mean = sources_[s].error / static_cast<double>(sources_[s].points);
      out_.text(x0 + 12, at + 4,
                sources_[s].name + " (" + std::to_string(sources_[s].points) +
                    (sources_[s].points == 1 ? " run, " : " runs, ") + percent(mean) + ")",
                12);
    }
  }

  std::span<const ScatterPoint> points_;
  ScatterLabels labels_;
  double size_;
  double low_ = 0, high_ = 0;
  std::vector<Source> sources_;
  SvgWriter out_;
};

}  // namespace

std::string scatter_svg(std::span<const ScatterPoint> points, const ScatterLabels& labels,
                        const PictureOptions& options) {
  return Scatter(points, labels, options).draw();
}

}  // namespace orrery
