#include <algorithm>
#include <cmath>

#include "sim/report/format.h"
#include "sim/report/svg.h"
#include "sim/report/svg_writer.h"

namespace orrery {
namespace {

using namespace report;

constexpr double left_edge = 170, right_edge = 90, top_edge = 72, row_height = 30, bar_height = 18;

std::string percent_change(double v) { return (v < 0 ? "" : "+") + fixed(100 * v, 2) + " %"; }

double greatest_change(std::span<const TornadoBar> bars) {
  double most = 0;
  for (const TornadoBar& b : bars)
    for (const auto& change : {b.less, b.more})
      if (change) most = std::max(most, std::abs(*change));
  return most > 0 ? most : 1;
}

std::string described(std::span<const TornadoBar> bars) {
  std::string out;
  for (const TornadoBar& b : bars)
    out += (out.empty() ? "" : "; ") + b.name + ": less " + (b.less ? percent_change(*b.less) : "no answer") +
           ", more " + (b.more ? percent_change(*b.more) : "no answer");
  return out + ".";
}

}  // namespace

std::string tornado_svg(std::span<const TornadoBar> bars, const std::string& title,
                        const PictureOptions& options) {
  const double height = top_edge + row_height * static_cast<double>(bars.size()) + 24;
  const double half = (options.width - left_edge - right_edge - 90) / 2, zero = left_edge + 90 + half;
  const double scale = half / greatest_change(bars);
  SvgWriter out(options.width, height, title, described(bars));
  out.pattern("less", "#d55e00", '/');
  out.text(16, 28, title, 16, Anchor::start, ink, true);
  out.rect(zero - 190, 42, 14, 14, "url(#less)");
  out.text(zero - 170, 53, "less of it", 12);
  out.rect(zero + 30, 42, 14, 14, "#0072b2");
  out.text(zero + 50, 53, "more of it", 12);
  double y = top_edge;
  for (const TornadoBar& b : bars) {
    out.text(left_edge - 12, y + 14, b.name, 12, Anchor::end);
    const auto draw = [&](const std::optional<double>& change, std::string_view fill, bool left) {
      if (!change) {
        out.text(left ? zero - half - 8 : zero + half + 8, y + 14, "no answer", 11,
                 left ? Anchor::end : Anchor::start, faint);
        return;
      }
      const double length = std::abs(*change) * scale, from = *change < 0 ? zero - length : zero;
      out.rect(from, y, length, bar_height, fill, b.name + " " + percent_change(*change));
      if (*change != 0)
        out.text(*change < 0 ? from - 6 : zero + length + 6, y + 14, percent_change(*change), 11,
                 *change < 0 ? Anchor::end : Anchor::start);
    };
    draw(b.less, "url(#less)", false);
    draw(b.more, "#0072b2", true);
    y += row_height;
  }
  out.line(zero, top_edge - 6, zero, y - 4, ink);
  return out.take();
}

}  // namespace orrery
