// Plain text tables: columns as wide as their widest cell, two spaces apart; numbers to the right.
#pragma once
#include <string>
#include <vector>

namespace orrery {

// One line of a CSV file (RFC 4180), with its end.
std::string csv_line(const std::vector<std::string>& cells);

class Table {
 public:
  // A title that starts with '>' is set to the right, without it.
  explicit Table(std::vector<std::string> titles);
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;
  std::string csv() const;       // RFC 4180, with the titles
  std::string markdown() const;

 private:
  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace orrery
