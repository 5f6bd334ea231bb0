// Predicted over measured step time of every run: one column of dots a source, the middle line is exact.
#include <algorithm>
#include <cstdio>

#include "profiler/validate_write.h"

namespace orrery {
namespace {

constexpr double row_height = 22, left = 400, plot = 480, top = 46, right = 40;
constexpr double most = 20;  // per cent at the edges; what is further out is drawn there

std::string print(const char* format, double a, double b = 0, double c = 0, double d = 0) {
  char text[200];
  std::snprintf(text, sizeof text, format, a, b, c, d);
  return text;
}

double x_of(double error_pct) { return left + plot / 2 * (1 + std::clamp(error_pct, -most, most) / most); }

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text)
    out += c == '&'   ? std::string("&amp;")
           : c == '<' ? std::string("&lt;")
           : c == '>' ? std::string("&gt;")
                      : std::string(1, c);
  return out;
}

std::string axis(double height) {
  std::string out;
  for (int e = -20; e <= 20; e += 5) {
    const double x = x_of(e);
    out +=
        print("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"", x, x, top - 8, height - 10);
    out += e == 0 ? "#333\"/>" : "#ddd\"/>";
    out += print("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x, top - 14) +
           print(e == 0 ? "measured" : "%+.0f %%", e) + "</text>\n";
  }
  return out;
}

}  // namespace

std::string validation_svg(std::span<const ValidatedRun> runs) {
  std::vector<std::string> sources;
  for (const ValidatedRun& v : runs)
    if (v.has_error() && std::find(sources.begin(), sources.end(), v.run.source) == sources.end())
      sources.push_back(v.run.source);
  const double height = top + row_height * static_cast<double>(sources.size()) + 20;
  std::string out = print(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n",
      left + plot + right, height);
  out +=
      "<title>Predicted against measured step time</title>\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"#fff\"/>\n" +
      axis(height);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const double y = top + row_height * (static_cast<double>(i) + 0.5);
    constexpr std::size_t longest = 58;
    const std::string& name = sources[i];
    out += print("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", left - 12, y + 4) +
           escaped(name.size() > longest ? name.substr(0, longest - 1) + "…" : name) + "</text>\n";
    for (const ValidatedRun& v : runs) {
      if (!v.has_error() || v.run.source != name) continue;
      out += print("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill-opacity=\"0.45\" fill=\"",
                   x_of(v.error_pct()), y);
      out += may_fit(v.run) ? "#999\"/>\n" : "#1f77b4\"/>\n";
    }
  }
  out += print("<text x=\"%.1f\" y=\"%.1f\">blue: held out; grey: set constants</text>\n", left, height - 2);
  return out + "</svg>\n";
}

}  // namespace orrery
