#include "profiler/measure/sizes.h"

#include <algorithm>

namespace orrery {

HardwareSizes cpu_sizes() { return {}; }

LinkOptions far_links(const LinkOptions& near) {
  LinkOptions out = near;
  out.batches = std::max(2, near.batches / 3);
  out.bytes_each = near.bytes_each / 4;
  out.overlap_bytes = near.overlap_bytes / 4;
  return out;
}

HardwareSizes gpu_sizes() {
  HardwareSizes s;
  s.tokens = {256, 1024, 4096, 8192};
  s.widths = {256, 1024, 4096, 8192};
  s.operands = {std::int64_t{4} << 30};
  s.copied = {std::int64_t{1} << 30};
  s.links.bytes = {1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28};
  s.links.bytes_each = std::int64_t{1} << 28;
  s.links.batches = 10;
  s.links.buffers = {std::int64_t{1} << 30};
  s.links.side = 1024;
  s.links.overlap_side = 4096;
  s.links.overlap_bytes = std::int64_t{64} << 20;
  s.links.dtype = DType::bf16;
  return s;
}

HardwareSizes test_sizes() {
  HardwareSizes s;
  s.tokens = {16, 48};
  s.widths = {16, 32, 64};
  s.operands = {std::int64_t{2} << 20};
  s.copied = {std::int64_t{1} << 20};
  s.repeats = 2;
  s.load = 0.01;
  s.links.bytes = {1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  s.links.bytes_each = 1 << 12;
  s.links.batches = 2;
  s.links.buffers = {std::int64_t{1} << 20};
  s.links.side = 16;
  s.links.overlap_side = 16;
  s.links.overlap_bytes = 1 << 12;
  return s;
}

}  // namespace orrery
