// The lanes of a warp as instruction handlers see them: 32 values a register, side by side.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tests/fake_cuda/ptx/kernel.h"
#include "tests/fake_cuda/ptx/memory.h"
#include "tests/fake_cuda/ptx/shared_memory.h"

#if defined(__clang__)
#define ORRERY_LANES_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ORRERY_LANES_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace orrery::ptx {

inline constexpr int warp_size = 32;
inline constexpr std::uint32_t all_lanes = ~0U;

struct Half {
  std::uint16_t bits = 0;
};
struct Bfloat {
  std::uint16_t bits = 0;
};

// What a launch gives to all of its blocks.
struct Environment {
  const Kernel* kernel = nullptr;
  const MemoryMap* memory = nullptr;
  const std::byte* parameters = nullptr;
  const Region** region_of = nullptr;  // by instruction: where its last access fell
};

struct BlockPlace;

class Lanes {
 public:
  const Environment* environment = nullptr;
  SharedMemory* shared = nullptr;
  const BlockPlace* place = nullptr;
  std::byte* registers = nullptr;
  std::byte* local = nullptr;  // kernel.local_bytes of each lane
  std::uint32_t pc = 0;
  std::uint32_t warp = 0;
  std::uint32_t live = all_lanes;  // lanes that have not exited

  // The 32 values of the register at `offset`.
  template <class T>
  T* at(std::uint32_t offset) const {
    return reinterpret_cast<T*>(registers + offset);
  }
  std::uint32_t& predicate(std::uint32_t offset) const { return *at<std::uint32_t>(offset); }
  const Kernel& kernel() const { return *environment->kernel; }

  // Names kernel, line, instruction, block and thread.
  [[noreturn]] void fault(FaultKind, int lane, const std::string& what) const;
};

// f(lane) for each active lane; lanes do not depend on each other.
template <class F>
inline void for_lanes(std::uint32_t active, F f) {
  if (active == all_lanes) {
    ORRERY_LANES_INDEPENDENT
    for (int lane = 0; lane < warp_size; ++lane) f(lane);
  } else {
    for (std::uint32_t left = active; left != 0; left &= left - 1) f(std::countr_zero(left));
  }
}

// How values of T lie in a register: types under 32 bits in the low bits of a 32-bit slot.
template <class T>
struct View {
  using Slot = std::conditional_t<sizeof(T) >= 4, T, std::uint32_t>;
  Slot* slots;
  View(const Lanes& lanes, std::uint32_t offset) : slots(lanes.at<Slot>(offset)) {}
  T operator[](int lane) const {
    if constexpr (sizeof(T) >= 4) {
      return slots[lane];
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(slots[lane]);
    } else {
      return T{static_cast<std::uint16_t>(slots[lane])};
    }
  }
  void set(int lane, T value) {
    if constexpr (sizeof(T) >= 4) {
      slots[lane] = value;
    } else if constexpr (std::is_integral_v<T>) {
      slots[lane] = static_cast<std::uint16_t>(value);  // registers of 16 bits
    } else {
      slots[lane] = value.bits;
    }
  }
};

// destination = F(source 0, source 1, ...) in each lane.
template <class D, class F, class... S>
void compute(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    View<D> to(lanes, i.destination);
    const auto from = std::make_tuple(View<S>(lanes, i.source[Index])...);
    for_lanes(active, [&](int lane) { to.set(lane, F{}(std::get<Index>(from)[lane]...)); });
  }
  (std::index_sequence_for<S...>{});
}

}  // namespace orrery::ptx
