#include "sim/report/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace orrery::report {

std::string fixed(double v, int digits) {
  if (!std::isfinite(v)) return "-";
  char buffer[400];  // the largest double has 309 digits before the point
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::fixed, digits);
  std::string out = error == std::errc() ? std::string(buffer, end) : "-";
  if (out[0] == '-' && out.find_first_not_of("-0.") == std::string::npos) out.erase(0, 1);
  return out;
}

std::string grouped(std::int64_t v) {
  std::string out = std::to_string(v);
  const std::ptrdiff_t first = v < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > first; at -= 3)
    out.insert(static_cast<std::size_t>(at), ",");
  return out;
}

std::string tenths(int t) { return std::to_string(t / 10) + "." + std::to_string(t % 10) + " %"; }
std::string percent(double share, int digits) { return fixed(100 * share, digits) + " %"; }
std::string gibibytes(std::int64_t bytes, int digits) {
  return fixed(static_cast<double>(bytes) / 1073741824.0, digits);
}

std::string dollars(double usd) {
  if (!std::isfinite(usd)) return "-";
  if (usd >= 999.5e6) return "$" + fixed(usd / 1e9, 2) + " G";
  if (usd >= 999.5e3) return "$" + fixed(usd / 1e6, 2) + " M";
  if (usd >= 999.5) return "$" + grouped(static_cast<std::int64_t>(usd + 0.5));
  return "$" + fixed(usd, usd < 1 ? 4 : 2);
}

std::string bar(double share, int width, std::string_view empty) {
  constexpr std::string_view part[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double clipped = share > 0 ? std::min(share, 1.0) : 0.0;
  const int eighths = static_cast<int>(clipped * width * 8 + 0.5);
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  out += part[eighths % 8];
  if (!empty.empty())
    for (int i = (eighths + 7) / 8; i < width; ++i) out += empty;
  return out;
}

std::size_t cells(std::string_view s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string left(std::string_view s, std::size_t width) {
  std::string out(s);
  if (cells(s) < width) out.append(width - cells(s), ' ');
  return out;
}

std::string right(std::string_view s, std::size_t width) {
  std::string out(cells(s) < width ? width - cells(s) : 0, ' ');
  return out.append(s);
}

std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<std::size_t>& text_columns, std::string_view indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], cells(row[c]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent);
    for (std::size_t c = 0; c < row.size(); ++c) {
      const bool is_text = std::find(text_columns.begin(), text_columns.end(), c) != text_columns.end();
      if (c > 0) line += "  ";
      line += is_text ? left(row[c], widths[c]) : right(row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string escaped_xml(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

}  // namespace orrery::report
