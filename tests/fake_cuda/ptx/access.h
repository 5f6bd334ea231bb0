// Where each lane's access falls: checked, and as a pointer of this process.
#pragma once
#include <array>
#include <cstddef>

#include "tests/fake_cuda/ptx/lanes.h"

namespace orrery::ptx {

using Pointers = std::array<std::byte*, warp_size>;

// `bytes` at the address of each active lane. Faults if one is misaligned, outside what the kernel may touch,
// or races in shared memory.
void resolve(Lanes&, const Instruction&, std::uint32_t active, std::size_t bytes, Access, Pointers&);

}  // namespace orrery::ptx
