// The constants of NCCL's tuning model by version, and where the model's form differs between versions. Source:
// src/graph/tuning.cc of the releases named. GB/s and microseconds, as there; columns of protocols are LL, LL128,
// Simple.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sim/cost/nccl.h"

namespace orrery {

// How a multicast (NVLS) algorithm's rate follows from its channels'. With b inside a node and B between nodes:
enum class NcclMulticast : std::uint8_t {
  graph,       // 2.18: b (more than two nodes: B), times 5/6; a tree over N nodes 0.7 N / (2 (N - 1)); all-reduces only
  least,       // 2.21: min(b, B), a tree over more than two nodes min(b, B/2), times 5/6
  gathers,     // 2.27: as least; gathers and scatters of n ranks a node min(b (n-1)/n, 0.9 B)
  efficiency,  // 2.28: b by the architecture's efficiency and all channels but one, twice in an all-reduce
};

struct NcclForm {
  double ring_ll_gather = 0.5, ring_ll = 0.5;  // of the bus that LL keeps: a gather inside one node; everything else
  double ring_ll128_lone = 0.92;               // ... that LL128 keeps with one rank a node; 0.92 otherwise
  bool ring_counts_a_node_more = false;        // an all-reduce over N nodes crosses 2 N times, not 2 (N - 1)
  bool lone_as_tree = true;                    // one rank a node: steps between nodes take what a tree's do
  bool pat = true;
  NcclMulticast multicast = NcclMulticast::efficiency;
  bool nvls_tree_linear = false;               // its latency grows with N - 1, not with log2 N
  bool nvls_tree_corrected = false;            // by size as trees are, on Blackwell with x86 hosts
  // What later architectures count as; LL128 is off on them.
  NcclArchitecture newest = NcclArchitecture::blackwell;
};

struct NcclTables {
  std::string_view version;
  NcclForm form;
  double base[2][3];                  // tree, ring
  double nvlink[2][3], pci[2][3], net[2][3];
  double nvls_near, nvls_far, nvls_tree_far;
  double pat_base, pat_far, pat_rank, pat_log_divisor;
  double ll_max[4][3];                // by architecture (one node) or CPU vendor (Intel, AMD); 1, 2, more nodes
  double ring_ll128[4][3], tree_channel[4][3], tree_ll128[4][3], nvls_tree_channel[4][3];  // a channel's most
  double nvls_efficiency[4];
  double tree_correction[3][24];      // of 64 B 2^k; of trees the last column is not used
};

// "2.28", "2.28.9": {2, 28}. Nothing: not a version.
std::optional<std::array<int, 2>> nccl_version(std::string_view);

// Oldest first.
std::span<const NcclTables> nccl_tables();
// The newest version not above the one asked for; the oldest if there is none, or if it is not a version.
const NcclTables& nccl_tables(std::string_view version);

}  // namespace orrery
