// The constants of NCCL's tuning model by version. Source: src/graph/tuning.cc of the tags named. GB/s and
// microseconds, as there; columns of protocols are LL, LL128, Simple.
#pragma once
#include <string_view>

#include "sim/cost/nccl.h"

namespace orrery {

struct NcclTables {
  std::string_view version;
  double base[2][3];                  // tree, ring
  double nvlink[2][3], pci[2][3], net[2][3];
  double nvls_near, nvls_far, nvls_tree_far;
  double pat_base, pat_far, pat_rank, pat_log_divisor;
  double ll_max[4][3];                // by architecture (one node) or CPU vendor (Intel, AMD); 1, 2, more nodes
  double ring_ll128[4][3], tree_channel[4][3], tree_ll128[4][3], nvls_tree_channel[4][3];  // a channel's most
  double nvls_efficiency[4];
  double tree_correction[3][24];      // on a tree all-reduce of 64 B 2^k
};

// The newest version not above the one asked for; the oldest if there is none.
const NcclTables& nccl_tables(std::string_view version);

}  // namespace orrery
