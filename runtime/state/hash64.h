// XXH64 (Yann Collet, the xxHash specification 0.1.1): a fast digest of bytes that finds damage, not forgery.
#pragma once
#include <cstdint>

#include "runtime/state/disk.h"

namespace orrery {

std::uint64_t hash64(ByteSpan bytes, std::uint64_t seed = 0);
std::string hex(std::uint64_t);  // 16 digits

}  // namespace orrery
