// Quantities with units, and identifiers with kinds: a wrong unit or a wrong kind of id does not compile.
// Rates and durations of cost models are doubles; simulated time is an integer (Tick, picoseconds), so that
// ties are exact and timelines are the same bytes everywhere.
#pragma once
#include <compare>
#include <cstdint>

namespace orrery {

template <class Dim, class Rep>
struct Quantity {
  Rep v{};
  auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity o) { v += o.v; return *this; }
  constexpr Quantity& operator-=(Quantity o) { v -= o.v; return *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.v + b.v}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.v - b.v}; }
  friend constexpr Quantity operator*(Quantity a, Rep k) { return {a.v * k}; }
  friend constexpr Quantity operator*(Rep k, Quantity a) { return {a.v * k}; }
  friend constexpr double operator/(Quantity a, Quantity b) {
    return static_cast<double>(a.v) / static_cast<double>(b.v);
  }
};

using Seconds = Quantity<struct SecondsDim, double>;
using Bytes = Quantity<struct BytesDim, std::int64_t>;
using Flops = Quantity<struct FlopsDim, double>;                    // a count of operations
using BytesPerSecond = Quantity<struct BytesPerSecondDim, double>;
using FlopsPerSecond = Quantity<struct FlopsPerSecondDim, double>;
using Watts = Quantity<struct WattsDim, double>;
using Dollars = Quantity<struct DollarsDim, double>;
using Tick = Quantity<struct TickDim, std::int64_t>;                // picoseconds of simulated time

constexpr Seconds operator/(Bytes b, BytesPerSecond r) { return {static_cast<double>(b.v) / r.v}; }
constexpr Seconds operator/(Flops f, FlopsPerSecond r) { return {f.v / r.v}; }

// The only door from floating point into simulated time: rounds to the nearest picosecond.
// Requires 0 <= t < 10^6 s; anything else aborts (ORRERY_CHECK).
Tick to_ticks(Seconds t);
constexpr Seconds to_seconds(Tick t) { return {static_cast<double>(t.v) / 1e12}; }

template <class Tag>
struct Id {
  std::uint32_t i{};
  auto operator<=>(const Id&) const = default;
};
using RankId = Id<struct RankTag>;                // a device of the cluster, 0 ... n-1
using InstructionId = Id<struct InstructionTag>;  // position in a Program's total order
using ClassId = Id<struct ClassTag>;              // cost class
using BlockId = Id<struct BlockTag>;
using TeamId = Id<struct TeamTag>;
using GroupId = Id<struct GroupTag>;
using BufferId = Id<struct BufferTag>;
using LinkId = Id<struct LinkTag>;

}  // namespace orrery
