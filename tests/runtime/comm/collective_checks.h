// All collectives on small whole numbers, against sums of them.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/runtime/comm/ranks.h"

namespace orrery::comm {

// Element types as numbers. Values of the tests are small integers, exact in both.
struct Element {
  DType dtype;
  void put(void* at, std::int64_t i, float value) const {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (dtype == DType::fp32) static_cast<float*>(at)[i] = value;
    if (dtype == DType::bf16) static_cast<std::uint16_t*>(at)[i] = static_cast<std::uint16_t>(bits >> 16);
    if (dtype == DType::int64) static_cast<std::int64_t*>(at)[i] = static_cast<std::int64_t>(value);
  }
  float get(const void* at, std::int64_t i) const {
    if (dtype == DType::fp32) return static_cast<const float*>(at)[i];
    if (dtype == DType::int64) return static_cast<float>(static_cast<const std::int64_t*>(at)[i]);
    return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(at)[i]} << 16);
  }
};

// What member m holds in element i of piece p before: at most 8, so that sums of 8 members fit bf16.
inline float value(std::uint32_t m, std::size_t p, std::int64_t i) {
  return static_cast<float>((static_cast<std::int64_t>(m) * 5 + static_cast<std::int64_t>(p) * 3 + i * 7) %
                            9) -
         3;
}

inline float reduced(std::uint32_t n, std::size_t p, std::int64_t i, Reduction reduction) {
  float sum = 0, max = -100;
  for (std::uint32_t m = 0; m < n; ++m) {
    sum += value(m, p, i);
    max = std::max(max, value(m, p, i));
  }
  return reduction == Reduction::sum ? sum : max;
}

struct Case {
  Kind kind = Kind::all_reduce;
  std::vector<std::int64_t> counts;  // of the pieces
  DType dtype = DType::fp32;
  Reduction reduction = Reduction::sum;
  bool in_place = false;
};

// Elements of a piece's two buffers, as Transfer says.
inline std::int64_t from_count(const Case& c, std::uint32_t n, std::int64_t count) {
  return c.kind == Kind::reduce_scatter || c.kind == Kind::all_to_all ? n * count : count;
}
inline std::int64_t to_count(const Case& c, std::uint32_t n, std::int64_t count) {
  return c.kind == Kind::all_gather || c.kind == Kind::all_to_all ? n * count : count;
}

// What element i of piece p of `to` must be on member `me`.
inline float expected(const Case& c, std::uint32_t n, std::uint32_t me, std::size_t p, std::int64_t i) {
  const std::int64_t count = c.counts[p];
  switch (c.kind) {
    case Kind::all_reduce:
      return reduced(n, p, i, c.reduction);
    case Kind::reduce_scatter:
      return reduced(n, p, me * count + i, c.reduction);
    case Kind::all_gather:
      return value(static_cast<std::uint32_t>(i / count), p, i % count);
    case Kind::broadcast:
      return value(0, p, i);
    case Kind::all_to_all:
      return value(static_cast<std::uint32_t>(i / count), p, me * count + i % count);
    default:
      return value((me + n - 1) % n, p, i);
  }
}

// Runs the case in a group of which this rank is member `me` of n, and compares.
inline void check(Rank& rank, const Case& c, std::uint32_t group, std::uint32_t n, std::uint32_t me,
                  std::uint32_t sequence, Stream lane, bool arena) {
  const Element element{c.dtype};
  std::vector<Transfer> transfers;
  std::vector<std::vector<std::int64_t>> heap;
  const auto allocate = [&](std::int64_t count) -> void* {
    if (arena) return rank.allocate<std::byte>(count * size_of(c.dtype));
    heap.emplace_back(count + 1);
    return heap.back().data();
  };
  heap.reserve(2 * c.counts.size());
  const bool one_buffer = c.kind == Kind::all_reduce || c.kind == Kind::broadcast;
  for (std::size_t p = 0; p < c.counts.size(); ++p) {
    const std::int64_t count = c.counts[p], from_elements = from_count(c, n, count);
    Transfer t{nullptr, nullptr, count};
    if (one_buffer) {
      t.to = allocate(count);
      t.from = t.to;
    } else if (c.in_place && c.kind == Kind::all_gather) {
      t.to = allocate(n * count);
      t.from = static_cast<std::byte*>(t.to) + me * count * size_of(c.dtype);
    } else {
      void* const from = allocate(from_elements);
      t.from = from;
      t.to = c.in_place ? static_cast<std::byte*>(from) + me * count * size_of(c.dtype)
                        : allocate(to_count(c, n, count));
    }
    for (std::int64_t i = 0; i < from_elements; ++i)
      element.put(const_cast<void*>(t.from), i, value(me, p, i));
    transfers.push_back(t);
  }
  rank.engine.run({c.kind, group, sequence, c.dtype, c.reduction, 0, transfers, "test"}, lane);
  for (std::size_t p = 0; p < c.counts.size(); ++p) {
    for (std::int64_t i = 0; i < to_count(c, n, c.counts[p]); ++i)
      ASSERT_EQ(element.get(transfers[p].to, i), expected(c, n, me, p, i))
          << name(c.kind) << " of " << n << ", member " << me << ", piece " << p << ", element " << i;
    if (one_buffer || c.in_place) continue;
    for (std::int64_t i = 0; i < from_count(c, n, c.counts[p]); ++i)
      ASSERT_EQ(element.get(transfers[p].from, i), value(me, p, i)) << "the source has changed";
  }
}

inline std::vector<Case> cases() {
  std::vector<Case> all;
  const std::vector<std::vector<std::int64_t>> sizes{{1}, {7}, {1000}, {20'011}, {3, 0, 5000, 9'001}};
  for (const Kind kind : {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::broadcast,
                          Kind::all_to_all, Kind::exchange}) {
    const bool reduces = kind == Kind::all_reduce || kind == Kind::reduce_scatter;
    for (const auto& counts : sizes) {
      for (const DType dtype : {DType::fp32, DType::bf16, DType::int64}) {
        if (dtype == DType::int64 && reduces) continue;
        all.push_back({kind, counts, dtype, Reduction::sum, false});
        if (reduces) all.push_back({kind, counts, dtype, Reduction::max, false});
        if (kind == Kind::reduce_scatter || kind == Kind::all_gather)
          all.push_back({kind, counts, dtype, Reduction::sum, true});
      }
    }
  }
  return all;
}

inline void check_all(Rank& rank, bool arena) {
  std::uint32_t sequence = 0;
  for (const Case& c : cases())
    check(rank, c, rank.world, rank.size(), rank.rank, sequence++, Stream::tensor, arena);
}

}  // namespace orrery::comm
