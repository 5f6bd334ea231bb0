#include "profiler/import/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace orrery {
namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

bool of_number(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == ',' || c == '+' || c == '-' || c == 'e' || c == 'E';
}

}  // namespace

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string plain(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~'))
        ++i;  // ECMA-48: a final byte ends the sequence
    } else if (static_cast<unsigned char>(line[i]) >= ' ' || line[i] == '\t') {
      out += line[i];
    }
  }
  return out;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(blanks, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<double> number_of(std::string_view text) {
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
  double v = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, v);
  if (error != std::errc() || end != last || !std::isfinite(v)) return {};
  return v;
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  const std::optional<double> v = number_of(text);
  constexpr double most = 9007199254740992.0;
  if (!v || *v < 0 || *v > most || *v != std::floor(*v)) return {};
  return static_cast<std::int64_t>(*v);
}

std::optional<double> number_after(std::string_view line, std::string_view label) {
  const std::size_t found = line.find(label);
  if (found == std::string_view::npos) return {};
  std::string_view rest = trimmed(line.substr(found + label.size()));
  std::size_t end = 0;
  while (end < rest.size() && of_number(rest[end])) ++end;
  while (end > 0 && (rest[end - 1] == ',' || rest[end - 1] == '.')) --end;  // punctuation behind it
  return number_of(rest.substr(0, end));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace orrery
