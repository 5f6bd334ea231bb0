// NCCL's own model of its collectives, by algorithm and protocol: the one it chooses with.
//   t = latency + bytes / bandwidth,  chosen: the least over the enabled (algorithm, protocol)
// Ring: latency = base + (steps - far) * near_step + far * far_step, steps = 2(n-1) of an all-reduce, n-1 of a
// gather or scatter; tree: base + 2 ((n/N - 1) near + log2(N) far); NVLS: constants; PAT: logarithmic gathers.
// Own implementation of what NCCL's src/graph/tuning.cc computes; constants and form by version in nccl_tables.h.
// It exists to choose, and is known to be off in places: measured curves go first (collective.h).
#pragma once
#include <cstdint>
#include <string_view>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"
#include "sim/cluster/groups.h"
#include "sim/program/program.h"

namespace orrery {

struct NcclTables;

enum class NcclAlgorithm : std::uint8_t { tree, ring, nvls, nvls_tree, pat };
enum class NcclProtocol : std::uint8_t { ll, ll128, simple };
inline constexpr std::size_t nccl_algorithms = 5, nccl_protocols = 3;
enum class NcclArchitecture : std::uint8_t { volta, ampere, hopper, blackwell };
std::string_view name(NcclAlgorithm);
std::string_view name(NcclProtocol);

// What NCCL's search finds for an algorithm: channels, and GB/s of each, inside a node and between nodes.
struct NcclGraph {
  int channels = 0;
  double near = 0, far = 0;
};

struct NcclTopology {
  NcclArchitecture architecture = NcclArchitecture::hopper;
  bool amd_cpu = false, arm_cpu = false;
  bool pcie = false;                  // inside the node; else NVLink
  int nodes = 1, per_node = 8;
  NcclGraph ring, tree, nvls;         // nvls.channels 0: no multicast
  bool plain_tree = false;            // neither balanced nor split over two GPUs
  bool same_channels = true;          // the ring enters and leaves a node in the same channel order
  int ranks() const { return nodes * per_node; }
};

// The topology of a group, by rules that reproduce the search of v2.28.9 on 8-GPU nodes: inside a node, as many channels
// of the architecture's rate as the NVLinks carry; between nodes, one channel at 96 % of each NIC's rate, or two
// at half where the group has a part of the node's NICs. NVLS is chosen above 4 ranks a node.
// The measurement behind the 4: all-reduce rates by number of GPUs, ml-engineering network README.
NcclTopology nccl_topology(const Node&, const GroupSignature&);

struct NcclEstimate {
  Seconds latency{};
  BytesPerSecond bandwidth{};         // 0: not available
};

// Of all_reduce, all_gather, reduce_scatter or broadcast.
NcclEstimate nccl_estimate(const NcclTopology&, Kind, NcclAlgorithm, NcclProtocol, const NcclTables&);

struct NcclChoice {
  NcclAlgorithm algorithm = NcclAlgorithm::ring;
  NcclProtocol protocol = NcclProtocol::simple;
  Seconds latency{}, transfer{};
  Seconds time() const { return latency + transfer; }
};
// One algorithm and protocol for a buffer, with NCCL's corrections by size; a transfer of 0 bandwidth is not available
// and costs an hour. bytes: the whole buffer (an all-gather: what every rank ends with).
NcclChoice nccl_time(const NcclTopology&, Kind, NcclAlgorithm, NcclProtocol, Bytes, const NcclTables&);
NcclChoice nccl_choice(const NcclTopology&, Kind, Bytes, const NcclTables&);

}  // namespace orrery
