// From bytes to the files of runtime/state: the header of a safetensors file, an index of tokens, a
// checkpoint's description. What is accepted lies within its file, and reads back from what is written.
#pragma once
#include <string_view>

namespace orrery::fuzz {

void safetensors(std::string_view bytes);
void tokens(std::string_view bytes);
void checkpoint(std::string_view bytes);

}  // namespace orrery::fuzz
