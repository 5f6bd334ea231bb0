#include "tests/fake_cuda/ptx/tokens.h"

#include <algorithm>
#include <cctype>

namespace orrery::ptx {
namespace {

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$' || c == '%';
}

// The end of what is not a token at `i`: blanks and comments. Counts lines.
std::size_t skip_blanks(std::string_view text, std::size_t i, int& line) {
  while (i < text.size()) {
    if (text[i] == '\n') ++line;
    if (std::isspace(static_cast<unsigned char>(text[i])) != 0) {
      ++i;
    } else if (text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      const std::size_t end = std::min(text.find("*/", i), text.size() - 2) + 2;
      for (; i < end; ++i) line += text[i] == '\n' ? 1 : 0;
    } else {
      break;
    }
  }
  return i;
}

}  // namespace

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  int line = 1;
  for (std::size_t i = skip_blanks(text, 0, line); i < text.size(); i = skip_blanks(text, i, line)) {
    std::size_t end = i + 1;
    if (text[i] == '"') {
      end = std::min(text.find('"', end), text.size() - 1) + 1;
    } else if (in_word(text[i])) {
      while (end < text.size() && in_word(text[end])) ++end;
    }
    tokens.push_back({text.substr(i, end - i), line});
    i = end;
  }
  tokens.push_back({{}, line});
  return tokens;
}

bool starts_number(std::string_view text) {
  return !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) != 0);
}

std::uint64_t number(std::string_view text) {
  const std::string digits(text);
  if (digits.size() > 2 && digits[0] == '0') {
    const int kind = std::tolower(static_cast<unsigned char>(digits[1]));
    if (kind == 'f' || kind == 'd') return std::stoull(digits.substr(2), nullptr, 16);
  }
  return std::stoull(digits, nullptr, 0);
}

}  // namespace orrery::ptx
