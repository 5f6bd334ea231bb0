// Lines, words and numbers of logs that were written for people.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

// The next line of `text`, which loses it; without its end. Requires !text.empty().
std::string_view next_line(std::string_view& text);

// Without the escape sequences that colour a terminal, and without other control characters.
std::string plain(std::string_view line);

// Parts between white space.
std::vector<std::string_view> words_of(std::string_view line);

// All of `text` as a finite number: "1.5", "30,768", "1e-3".
std::optional<double> number_of(std::string_view text);
std::optional<std::int64_t> integer_of(std::string_view text);  // 0 ... 2^53

// The number that follows `label` in `line`, after spaces: ("tps: 1,024  mfu", "tps:") -> 1024. Ends at the
// first character that no number has.
std::optional<double> number_after(std::string_view line, std::string_view label);

// `text` without white space at its ends.
std::string_view trimmed(std::string_view text);

}  // namespace orrery
