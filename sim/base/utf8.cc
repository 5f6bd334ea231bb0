#include "sim/base/utf8.h"

namespace orrery {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t k = 1; k < length; ++k)
    if ((byte_at(text, at + k) & 0xC0U) != 0x80U) return 0;
  const unsigned second = byte_at(text, at + 1);
  if (lead == 0xE0 && second < 0xA0) return 0;  // overlong
  if (lead == 0xED && second > 0x9F) return 0;  // surrogates
  if (lead == 0xF0 && second < 0x90) return 0;  // overlong
  if (lead == 0xF4 && second > 0x8F) return 0;  // beyond U+10FFFF
  return length;
}

std::size_t not_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string quoted(std::string_view text, std::size_t most) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (at + (length == 0 ? 1 : length) > most) return out + "...\"";
    const unsigned byte = byte_at(text, at);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out.append("\\x").append(1, hex[byte >> 4U]).append(1, hex[byte & 15U]);
      ++at;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  return out + "\"";
}

}  // namespace orrery
