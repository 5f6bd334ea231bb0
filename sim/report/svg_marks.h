// What pictures of points share: marks told apart by colour and shape, ticks of logarithmic axes. Internal to
// sim/report.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace orrery::report {

std::string_view series_color(std::size_t series);
// A path about (x, y): circle, square, triangle, diamond, cross.
std::string series_mark(std::size_t series, double x, double y);

// 1, 2 and 5 times powers of ten between two positive numbers; of many decades the powers alone.
std::vector<double> log_ticks(double low, double high);
std::string tick_label(double v);

}  // namespace orrery::report
