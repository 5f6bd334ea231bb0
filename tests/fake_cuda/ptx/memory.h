// What a kernel may touch: regions of a device's global memory, addresses of generic memory, and faults.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace orrery::ptx {

// Bytes [begin, end) of a device's address space, found at `host` of this process.
struct Region {
  std::uint64_t begin = 0, end = 0;
  std::byte* host = nullptr;
  bool writable = true;
  bool holds(std::uint64_t address, std::uint64_t bytes) const {
    return address >= begin && address <= end && bytes <= end - address;
  }
};

// Sorted by `begin`, without overlap.
using MemoryMap = std::vector<Region>;

inline const Region* find(const MemoryMap& map, std::uint64_t address) {
  const auto after = std::upper_bound(map.begin(), map.end(), address,
                                      [](std::uint64_t a, const Region& r) { return a < r.begin; });
  return after != map.begin() && std::prev(after)->end > address ? &*std::prev(after) : nullptr;
}

// Generic addresses outside these windows are global. A window is 2^56 bytes, far above any address of a
// process.
inline constexpr int window_shift = 56;
inline constexpr std::uint64_t shared_window = 1ULL << window_shift;
inline constexpr std::uint64_t local_window = 2ULL << window_shift;
inline constexpr std::uint64_t param_window = 3ULL << window_shift;
inline constexpr std::uint64_t in_window = (1ULL << window_shift) - 1;

enum class FaultKind : std::uint8_t { address, misaligned, assertion, launch };

// What went wrong in a kernel. The message names kernel, PTX line, instruction, block and thread.
struct Fault : std::runtime_error {
  FaultKind kind;
  Fault(FaultKind k, const std::string& message) : std::runtime_error(message), kind(k) {}
};

}  // namespace orrery::ptx
