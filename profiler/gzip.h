// Unpacks what gzip packed, with zlib.
#pragma once
#include <string>
#include <string_view>

namespace orrery {

bool is_gzip(std::string_view bytes);
// Ends in fail() when the bytes are damaged or would unpack to more than 1 GiB.
std::string gunzip(std::string_view bytes, std::string_view file);

}  // namespace orrery
