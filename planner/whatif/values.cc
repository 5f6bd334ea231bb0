#include "planner/whatif/values.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "sim/base/utf8.h"

namespace orrery {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// The items between commas that stand outside of quotes and brackets.
std::vector<std::string_view> items(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t from = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      out.push_back(trimmed(text.substr(from, i - from)));
      from = i + 1;
    }
  }
  out.push_back(trimmed(text.substr(std::min(from, text.size()))));
  return out;
}

struct Number {
  double value = 0;
  bool integer = true;
};

// Takes a number from the front of `text`. ".." ends it: 8..128 is no number 8.
std::optional<Number> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find(".."));
  Number n;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n.value);
  if (error != std::errc() || !std::isfinite(n.value)) return std::nullopt;
  const auto length = static_cast<std::size_t>(end - digits.data());
  n.integer =
      digits.substr(0, length).find_first_of(".eE") == std::string_view::npos && std::abs(n.value) < 1e15;
  text.remove_prefix(length);
  return n;
}

// A bare number as the JSON that it is.
Json number(const Number& n) { return n.integer ? Json(static_cast<std::int64_t>(n.value)) : Json(n.value); }

struct Range {
  Number first, last, step{1, true};
  bool geometric = false;
  std::string_view unit;
};

std::optional<Range> parse_range(std::string_view text) {
  Range r;
  const auto first = take_number(text);
  if (!first || !text.starts_with("..")) return std::nullopt;
  text.remove_prefix(2);
  const auto last = take_number(text);
  if (!last) return std::nullopt;
  r.first = *first;
  r.last = *last;
  if (text.starts_with("x") || text.starts_with("+")) {
    r.geometric = text.front() == 'x';
    text.remove_prefix(1);
    const auto step = take_number(text);
    if (!step) return std::nullopt;
    r.step = *step;
  }
  r.unit = trimmed(text);
  return r;
}

// Values up to the last one, but for rounding.
void add_range(const Range& r, std::string_view item, const Where& where, std::vector<Json>& out) {
  const bool runs = r.first.value <= r.last.value &&
                    (r.geometric ? r.step.value > 1 && r.first.value > 0 : r.step.value > 0);
  if (!runs) fail(where, "a range that rises, such as 8..128x2 or 8..128+8", quoted(item));
  constexpr double rounding = 1e-9;
  const bool integer = r.first.integer && r.step.integer && r.last.integer;
  double value = r.first.value;
  for (std::size_t i = 1; value <= r.last.value * (1 + rounding); ++i) {
    if (out.size() == most_values) fail(where, "at most 1,000,000 values", quoted(item));
    const Json bare = number({value, integer});
    out.push_back(r.unit.empty() ? bare : Json(bare.dump(false) + " " + std::string(r.unit)));
    value = r.geometric ? value * r.step.value : r.first.value + r.step.value * static_cast<double>(i);
  }
}

Json single(std::string_view item, const Where& where) {
  if (item.front() == '[' || item.front() == '{' || item.front() == '"') return parse_json(item, where.file);
  if (item == "true" || item == "false") return item == "true";
  if (item == "null") return {};
  std::string_view rest = item;
  const auto n = take_number(rest);
  return n && rest.empty() ? number(*n) : Json(item);
}

}  // namespace

std::vector<Json> parse_values(std::string_view text, const Where& where) {
  std::vector<Json> out;
  for (const std::string_view item : items(text)) {
    if (item.empty()) fail(where, "a value, a list such as 1,2,4 or a range such as 8..128x2", quoted(text));
    if (const auto range = parse_range(item)) {
      add_range(*range, item, where, out);
    } else if (item.find("..") != std::string_view::npos && item.front() >= '0' && item.front() <= '9') {
      fail(where, "a range such as 8..128x2, 8..128+8 or 100..800x2 Gb/s", quoted(item));
    } else {
      out.push_back(single(item, where));
    }
  }
  return out;
}

}  // namespace orrery
