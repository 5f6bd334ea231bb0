// Executes launches of decoded kernels. Blocks run one after the other, the warps of a block in turns from
// barrier to barrier, the lanes of a warp in lock-step: of lanes at different instructions those at the
// lowest run first, until they meet again. So lanes that spin for others of their warp, or blocks that wait
// for later blocks, never end; a launch that executes too many instructions is a fault.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {

using Dimensions = std::array<std::uint32_t, 3>;

struct Launch {
  Dimensions grid{1, 1, 1}, block{1, 1, 1};
  std::size_t dynamic_shared = 0;         // bytes
  const std::byte* parameters = nullptr;  // Kernel::parameter_bytes, laid out as Kernel::parameters says
};

struct Checks {
  bool shared = true;                            // races, and reads of what nobody wrote
  std::uint64_t most_instructions = 1ULL << 36;  // of all threads together
  std::uint64_t seed = 0;                        // of the order in which warps take turns; 0: by number
};

// Decodes one kernel of a module whose global variables lie at `places`. Throws Unsupported.
Kernel decode(const Module&, const std::string& kernel, const Places& places);

// Shared variables of module scope, laid out from 0; global ones are added by who allocates them.
Places shared_places(const Module&);

// Returns the number of instructions that all threads executed together. Throws Fault.
std::uint64_t run(const Kernel&, const Launch&, const MemoryMap&, const Checks& = {});

}  // namespace orrery::ptx
