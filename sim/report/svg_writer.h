// Writes SVG elements as text. Coordinates are pixels with at most two decimals. Internal to sim/report.
#pragma once
#include <string>
#include <string_view>

namespace orrery::report {

inline constexpr std::string_view ink = "#222222", faint = "#8a8a8a", paper = "#ffffff";

enum class Anchor { start, middle, end };

class SvgWriter {
 public:
  SvgWriter(double width, double height, std::string_view title, std::string_view description);

  void rect(double x, double y, double w, double h, std::string_view fill, std::string_view tip = {});
  void line(double x1, double y1, double x2, double y2, std::string_view stroke, double width = 1,
            bool dashed = false);
  void text(double x, double y, std::string_view s, double size = 12, Anchor = Anchor::start,
            std::string_view fill = ink, bool bold = false);
  void path(std::string_view d, std::string_view fill, std::string_view stroke = {});
  // Adds a pattern that fills with `color`; use it as "url(#ID)". Marks: '/' and '\\' stripes, '.' dots.
  void pattern(std::string_view id, std::string_view color, char marks);
  std::string take();

  static std::string number(double v);

 private:
  std::string out_;
};

}  // namespace orrery::report
