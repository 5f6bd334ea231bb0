// A Cluster: groups of nodes of devices behind a fabric, as values. Presets are files under scenarios/.
// Routes and link loads are in topology.h, groups of ranks in groups.h.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/quantity.h"

namespace orrery {

struct Device {
  std::string name, vendor, architecture;      // "h100-sxm-80", "NVIDIA", "hopper"
  FlopsPerSecond fp32, tf32, fp16, bf16, fp8;  // dense matrix peaks; 0: not supported
  int multiprocessors = 0;
  Bytes memory{};                              // what a program can use; the nominal size where that isn't known
  Bytes nominal_memory{};                      // as the datasheet prints it, in binary units ("80 GB" is 80 GiB)
  BytesPerSecond memory_bandwidth{};
  Watts power{};
  int nvlinks = 0;                             // links of the device; 0: none
  std::string source;                          // where the figures stand
  bool operator==(const Device&) const = default;
};

// nvswitch: every device has one port into a switch that never blocks. nvlink_mesh: every two devices have a link of
// their own, and share the device's bandwidth. pcie: a tree of switches, whose uplinks are as fast as a device's link.
enum class IntraKind : std::uint8_t { nvswitch, nvlink_mesh, pcie };
struct Intra {
  IntraKind kind = IntraKind::nvswitch;
  BytesPerSecond bandwidth{};                  // of one device, one direction
  Seconds latency{};                           // beyond the communication library's own table of latencies
  int per_switch = 4;                          // pcie: devices below one switch
  bool operator==(const Intra&) const = default;
};

struct Nics {
  int count = 0;                               // of a node; 0: a single-node cluster
  BytesPerSecond bandwidth{};                  // of one NIC, one direction
  Seconds latency{};                           // beyond the communication library's own table of latencies
  bool operator==(const Nics&) const = default;
};

enum class CpuVendor : std::uint8_t { intel, amd, arm };

struct Node {
  Device device;
  int gpus = 8;
  double cores = 0;                            // that all its devices compute on, each on one at most, counted by what
                                               // they do together over what one does alone; 0: each has its own
  Intra intra;
  Nics nics;
  CpuVendor cpu = CpuVendor::intel;
  BytesPerSecond host_bandwidth{};             // PCIe or C2C of one device to its host, one direction
  bool operator==(const Node&) const = default;
};

struct NodeGroup {
  std::string name;
  int nodes = 0;
  Node node;
  bool operator==(const NodeGroup&) const = default;
};

// flat: every NIC reaches every other at full rate. rail_optimized: NIC k of all nodes of a pod meet in leaf
// switch k; other traffic goes over the spine. fat_tree: the NICs of a node meet in the pod's leaf. Uplinks of a
// pod carry its NICs' bandwidth divided by `oversubscription`.
enum class FabricKind : std::uint8_t { flat, rail_optimized, fat_tree };
struct Fabric {
  FabricKind kind = FabricKind::flat;
  double oversubscription = 1.0;
  int nodes_per_pod = 0;                       // 0: one pod
  bool operator==(const Fabric&) const = default;
};

struct Reliability {
  Seconds mtbf_per_gpu{};                      // 0: failures are not modelled
  Seconds restart{}, checkpoint_every{}, checkpoint_write{};
  bool operator==(const Reliability&) const = default;
};

struct Prices {
  double gpu_hour = 0;                         // USD; 0: unknown
  double pue = 1.0, energy_kwh = 0;            // USD a kWh
  bool operator==(const Prices&) const = default;
};

struct Cluster {
  std::string name;
  std::vector<NodeGroup> groups;               // ranks are numbered group by group, node by node
  Fabric fabric;
  Reliability reliability;
  Prices prices;
  std::string source;                          // where the figures stand; may be empty

  int ranks() const;
  int nodes() const;
  bool operator==(const Cluster&) const = default;
};

// Where a rank's device is.
struct Seat {
  std::uint32_t group = 0, node = 0, local = 0;  // node: over the whole cluster
  bool operator==(const Seat&) const = default;
};
Seat seat(const Cluster&, RankId);                   // requires a rank of the cluster
const Node& node_of(const Cluster&, RankId);
// The pod of a node (counted over the whole cluster).
std::uint32_t pod_of(const Cluster&, std::uint32_t node);

}  // namespace orrery
