#include "sim/report/svg_marks.h"

#include "sim/report/format.h"
#include "sim/report/svg_writer.h"

namespace orrery::report {
namespace {

constexpr std::string_view colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                       "#e69f00", "#56b4e9", "#000000", "#7a4fa3"};
constexpr std::size_t color_count = 8, shape_count = 5;

}  // namespace

std::string_view series_color(std::size_t series) { return colors[series % color_count]; }

std::string series_mark(std::size_t series, double x, double y) {
  const auto at = [&](double dx, double dy) {
    return SvgWriter::number(x + dx) + " " + SvgWriter::number(y + dy);
  };
  switch (series % shape_count) {
    case 0:
      return "M" + at(-4, 0) + "a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z";
    case 1:
      return "M" + at(-3.5, -3.5) + "h7v7h-7z";
    case 2:
      return "M" + at(0, -4.5) + "L" + at(4.5, 3.5) + "L" + at(-4.5, 3.5) + "z";
    case 3:
      return "M" + at(0, -5) + "L" + at(5, 0) + "L" + at(0, 5) + "L" + at(-5, 0) + "z";
    default:
      return "M" + at(-4, -1) + "h3v-3h2v3h3v2h-3v3h-2v-3h-3z";
  }
}

std::vector<double> log_ticks(double low, double high) {
  const bool many = high / low > 2000;
  std::vector<double> out;
  for (double decade = 1e-6; decade < high; decade *= 10)
    for (const double digit : {1.0, 2.0, 5.0})
      if (decade * digit >= low && decade * digit <= high && (digit == 1 || !many))
        out.push_back(decade * digit);
  return out;
}

std::string tick_label(double v) {
  return v >= 1 ? grouped(static_cast<std::int64_t>(v + 0.5)) : SvgWriter::number(v);
}

}  // namespace orrery::report
