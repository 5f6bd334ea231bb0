// UTF-8, checked by hand: what is not UTF-8 never reaches a message, a name or a file of ours.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace orrery {

// The length in bytes of the well-formed character (RFC 3629: no overlong forms, no surrogates) at `at`; 0 if
// there is none. Requires at < text.size().
std::size_t utf8_length(std::string_view text, std::size_t at);

// Where the first byte stands that is not part of a well-formed character; npos if there is none.
std::size_t not_utf8(std::string_view text);

// `text` in double quotes for a message: at most `most` bytes, cut between characters and then followed by "...";
// control characters and bytes that are not UTF-8 as \xNN.
std::string quoted(std::string_view text, std::size_t most = 60);

}  // namespace orrery
