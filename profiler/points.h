// Measured kernels and collectives as points to fit, from comma-separated tables with a header line.
#pragma once
#include <string_view>
#include <vector>

#include "sim/cost/calibration.h"

namespace orrery {

struct MatmulPoint {
  std::int64_t batch = 1, m = 0, n = 0, k = 0;
  double seconds = 0;
  bool operator==(const MatmulPoint&) const = default;
};

struct CollectivePoint {
  Kind kind = Kind::all_reduce;
  int ranks = 0;
  Bytes bytes{};                      // of the whole buffer
  double seconds = 0;
  double estimate = 0;                // s, the communication library's own; 0: it does not say
  int nodes = 1;                      // that the ranks are on, equally many on each
  bool operator==(const CollectivePoint&) const = default;
};

// XLA's matrix-product table: columns b, m, n, k, dtype, flops (FLOP/s). Rows of `dtype` ("bf16xbf16->bf16").
std::vector<MatmulPoint> read_matmuls(std::string_view text, std::string_view file, std::string_view dtype);

// XLA's collective table: columns dev, op, elems, groups, ndev, ..., bw (bytes of the whole buffer a second). Rows of
// `device` ("sm_90") that ran a collective in one or more groups of ndev. Elements are fp32; a reduce-scatter counts
// those of its output.
std::vector<CollectivePoint> read_collectives(std::string_view text, std::string_view file, std::string_view device);

}  // namespace orrery
