// A permutation of 0 ... n-1 chosen by a key, evaluated anywhere without a table: a Feistel network of four
// rounds over the smallest even number of bits that holds n, walked until it lands below n (Black and
// Rogaway, "Ciphers with arbitrary finite domains", 2002). The same on every machine.
#pragma once
#include <bit>
#include <cstdint>

#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace orrery {

class Permutation {
 public:
  Permutation(std::uint64_t n, std::uint64_t key) : n_(n), key_(key) {
    ORRERY_CHECK(n >= 1 && n <= std::uint64_t{1} << 62);
    half_ = (static_cast<int>(std::bit_width(n - 1)) + 1) / 2;
    mask_ = (std::uint64_t{1} << half_) - 1;
  }
  // Requires i < n. Fewer than four networks on average.
  std::uint64_t operator()(std::uint64_t i) const {
    do {
      i = once(i);
    } while (i >= n_);
    return i;
  }

 private:
  std::uint64_t once(std::uint64_t x) const {
    std::uint64_t left = x >> half_, right = x & mask_;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (mix(right ^ mix(key_ + round)) & mask_);
      left = right;
      right = next;
    }
    return left << half_ | right;
  }
  std::uint64_t n_, key_, mask_ = 0;
  int half_ = 0;
};

}  // namespace orrery
