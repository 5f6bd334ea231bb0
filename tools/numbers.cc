#include "tools/numbers.h"

#include <charconv>

#include "tools/errors.h"

namespace orrery {

std::vector<std::int64_t> read_counts(std::string_view flag, const std::string& text,
                                      std::vector<std::int64_t> otherwise) {
  if (text.empty()) return otherwise;
  std::vector<std::int64_t> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 1 || value > 1'000'000 || (next != end && *next != ','))
      throw UsageError(std::string(flag) + " takes whole numbers from 1, such as \"1,2,4\", not \"" + text +
                       "\"");
    out.push_back(value);
    if (next == end) return out;
    at = next + 1;
  }
}

}  // namespace orrery
