// The tokens of PTX text. A word holds dots and dollars ("ld.global.f32", "%tid.x", "$L__BB0_2").
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orrery::ptx {

struct Token {
  std::string_view text;  // empty: the end
  int line = 0;
};

// Comments are dropped. The views are into `text`.
std::vector<Token> tokens_of(std::string_view text);

// "text" of a number: decimal, 0x, octal, 0f and 0d; with a sign in front if negative.
bool starts_number(std::string_view);
std::uint64_t number(std::string_view);

}  // namespace orrery::ptx
