#include "tools/table.h"

#include <algorithm>

namespace orrery {
namespace {

// Characters on the screen: UTF-8 continuation bytes don't count.
std::size_t width(const std::string& s) {
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string csv_cell(const std::string& s) {
  if (s.find_first_of(",\"\n\r") == std::string::npos) return s;
  std::string out = "\"";
  for (char c : s) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string csv_line(const std::vector<std::string>& cells) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) out += (i ? "," : "") + csv_cell(cells[i]);
  return out + "\r\n";
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (std::string& t : titles_) {
    right_.push_back(t.starts_with('>'));
    if (right_.back()) t.erase(0, 1);
  }
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const std::string& t : titles_) widths.push_back(width(t));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - width(cells[i]), ' ');
      if (i > 0) text += "  ";
      text += right_[i] ? pad + cells[i] : cells[i] + pad;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(titles_);
  for (const auto& row : rows_) line(row);
  return out;
}

std::string Table::csv() const {
  std::string out = csv_line(titles_);
  for (const auto& row : rows_) out += csv_line(row);
  return out;
}

std::string Table::markdown() const {
  std::string out = "|";
  for (const std::string& t : titles_) out += " " + t + " |";
  out += "\n|";
  for (const bool right : right_) out += right ? "---:|" : "---|";
  for (const auto& row : rows_) {
    out += "\n|";
    for (const std::string& cell : row) out += " " + cell + " |";
  }
  return out + "\n";
}

}  // namespace orrery
