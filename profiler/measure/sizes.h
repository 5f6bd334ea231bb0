// How large what is measured of a machine is: enough that a step's own sizes lie among it.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/model/ops.h"

namespace orrery {

struct LinkOptions {
  std::vector<std::int64_t> bytes{1 << 12, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 20, 1 << 22, 1 << 24};
  std::int64_t bytes_each = std::int64_t{1} << 25;  // moved in one batch, of 2 to 16 communications
  int batches = 20;                                 // after one that does not count
  Bytes buffers{std::int64_t{64} << 20};            // of a member, twice the largest of `bytes` at least
  std::int64_t side = 192;                          // of the square product before each: 14 MFLOP
  DType dtype = DType::fp32;                        // of that product
  // What is compared alone and together: products of this side, and all-reduces.
  std::int64_t overlap_side = 192, overlap_bytes = std::int64_t{4} << 20;
};

struct HardwareSizes {
  std::vector<std::int64_t> tokens{64, 128, 256, 512, 1024},
      widths{128, 256, 512, 1024, 2048};    // of products
  Bytes operands{std::int64_t{192} << 20};  // of which products take one part after the other
  Bytes copied{std::int64_t{64} << 20};     // at once, to another place
  int repeats = 9;
  double load = 0.5;  // s that products run before a device says what it does under load
  LinkOptions links;
};

// Of links between hosts, a tenth as fast or slower: fewer repeats of less.
LinkOptions far_links(const LinkOptions&);

// Of a core: the defaults. Of a GPU: products that fill it, copies that its cache does not hold. For tests:
// what a device that interprets its kernels computes in a second.
HardwareSizes cpu_sizes();
HardwareSizes gpu_sizes();
HardwareSizes test_sizes();

}  // namespace orrery
