// The instruction sets that the loops are compiled for.
#pragma once
#include <cstdint>

namespace orrery {

enum class Isa : std::uint8_t { portable, avx2, avx512 };  // avx2 with FMA; avx512: F, DQ, BW and VL
bool supported(Isa);                                       // by this build and this machine
Isa best_isa();

}  // namespace orrery
