#include "profiler/import/json_scan.h"

namespace orrery {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// Behind the closing quote of the string that begins at `at`; npos if there is none.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; (at = text.find_first_of("\"\\", at)) != std::string_view::npos; at += 2)
    if (text[at] == '"') return at + 1;
  return std::string_view::npos;
}

// Behind the value that begins at `at`; npos if the text ends first.
std::size_t value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return std::string_view::npos;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] != '{' && text[at] != '[') return text.find_first_of(",]} \t\r\n", at);
  int depth = 0;
  for (; (at = text.find_first_of("\"{}[]", at)) != std::string_view::npos;) {
    if (text[at] == '"') {
      if ((at = string_end(text, at)) == std::string_view::npos) break;
      continue;
    }
    depth += text[at] == '{' || text[at] == '[' ? 1 : -1;
    ++at;
    if (depth == 0) return at;
  }
  return std::string_view::npos;
}

}  // namespace

bool scan_members(std::string_view text, const ScanValue& each) {
  std::size_t at = text.find_first_not_of(blanks);
  if (at == std::string_view::npos || (text[at] != '{' && text[at] != '[')) return false;
  const bool object = text[at] == '{';
  const auto skip = [&](std::string_view what) { at = text.find_first_not_of(what, at); };
  for (++at;;) {
    skip(" \t\r\n,");
    if (at == std::string_view::npos) return false;
    if (text[at] == (object ? '}' : ']')) return true;
    std::string_view key;
    if (object) {
      if (text[at] != '"') return false;
      const std::size_t end = string_end(text, at);
      if (end == std::string_view::npos) return false;
      key = text.substr(at + 1, end - at - 2);
      at = end;
      skip(" \t\r\n:");
      if (at == std::string_view::npos) return false;
    }
    const std::size_t end = value_end(text, at);
    if (end == std::string_view::npos || end == at) return false;
    if (!each(key, text.substr(at, end - at))) return true;
    at = end;
  }
}

}  // namespace orrery
