#include "sim/report/svg_writer.h"

#include "sim/report/format.h"

namespace orrery::report {

SvgWriter::SvgWriter(double width, double height, std::string_view title, std::string_view description) {
  const std::string w = number(width), h = number(height);
  out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h + "\" viewBox=\"0 0 " +
         w + " " + h +
         "\" role=\"img\" aria-labelledby=\"title desc\" font-family=\"Helvetica,Arial,sans-serif\">\n<title "
         "id=\"title\">" +
         escaped_xml(title) + "</title>\n<desc id=\"desc\">" + escaped_xml(description) + "</desc>\n";
  rect(0, 0, width, height, paper);
}

void SvgWriter::rect(double x, double y, double w, double h, std::string_view fill, std::string_view tip) {
  out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(w) + "\" height=\"" +
          number(h) + "\" fill=\"" + std::string(fill) + "\"";
  out_ += tip.empty() ? "/>\n" : "><title>" + escaped_xml(tip) + "</title></rect>\n";
}

void SvgWriter::line(double x1, double y1, double x2, double y2, std::string_view stroke, double width,
                     bool dashed) {
  out_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" +
          number(y2) + "\" stroke=\"" + std::string(stroke) + "\" stroke-width=\"" + number(width) + "\"";
  out_ += dashed ? " stroke-dasharray=\"5 4\"/>\n" : "/>\n";
}

void SvgWriter::text(double x, double y, std::string_view s, double size, Anchor anchor,
                     std::string_view fill, bool bold) {
  constexpr std::string_view anchors[] = {"start", "middle", "end"};
  out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" font-size=\"" + number(size) + "\" fill=\"" +
          std::string(fill) + "\"";
  if (anchor != Anchor::start)
    out_ += " text-anchor=\"" + std::string(anchors[static_cast<int>(anchor)]) + "\"";
  if (bold) out_ += " font-weight=\"bold\"";
  out_ += ">" + escaped_xml(s) + "</text>\n";
}

void SvgWriter::path(std::string_view d, std::string_view fill, std::string_view stroke) {
  out_ += "<path d=\"" + std::string(d) + "\" fill=\"" + std::string(fill) + "\"";
  if (!stroke.empty()) out_ += " stroke=\"" + std::string(stroke) + "\"";
  out_ += "/>\n";
}

void SvgWriter::pattern(std::string_view id, std::string_view color, char marks) {
  out_ +=
      "<defs><pattern id=\"" + std::string(id) +
      "\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"" +
      std::string(color) + "\"/>";
  if (marks == '.')
    out_ += "<circle cx=\"3\" cy=\"3\" r=\"1.1\" fill=\"#ffffff\"/>";
  else
    out_ += std::string("<path d=\"") +
            (marks == '/' ? "M-1 7L7 -1M-1 1L1 -1M5 7L7 5" : "M-1 -1L7 7M5 -1L7 1M-1 5L1 7") +
            "\" stroke=\"#ffffff\" stroke-width=\"1\"/>";
  out_ += "</pattern></defs>\n";
}

std::string SvgWriter::take() {
  out_ += "</svg>\n";
  return std::move(out_);
}

std::string SvgWriter::number(double v) {
  std::string s = fixed(v, 2);
  s.erase(s.find_last_not_of('0') + 1);
  if (s.back() == '.') s.pop_back();
  return s;
}

}  // namespace orrery::report
