// Devices and clusters as JSON: orrery.device/1 and orrery.cluster/1, read and written. Quantities are strings
// with units; unknown members and impossible values end in fail(). docs/formats.md lists every member.
//
// orrery.device/1: name, architecture, memory, memory_bandwidth and one peak at least are required.
//   { "schema": "orrery.device/1", "name": "h100-sxm-80", "vendor": "NVIDIA", "architecture": "hopper",
//     "peak": { "fp32": "67 TFLOP/s", "tf32": …, "fp16": …, "bf16": …, "fp8": … },   dense; absent: not supported
//     "multiprocessors": 132,                 default 0: unknown
//     "memory": "80 GiB", "usable_memory": "79.1 GiB",      the second defaults to the first
//     "memory_bandwidth": "3350 GB/s", "power": "700 W",    power: default unknown
//     "nvlinks": 18, "source": "…" }          default 0 and ""
//
// orrery.cluster/1: groups[].node.gpu is required; intra where a node has several devices, nics where the cluster
// has several nodes.
//   { "schema": "orrery.cluster/1", "name": "…", "source": "…",
//     "groups": [ { "name": "main",           default "main", "main 2", …
//                   "nodes": 64,              default 1: presets leave the count to their user
//                   "node": { "gpu": "h100-sxm-80",         a name or path for `find`, or a device in place
//                             "gpus": 8,                    default 8
//                             "intra": { "kind": "nvswitch", "bandwidth": "450 GB/s", "latency": "0 s" },
//                                        or nvlink-mesh (of at most 64), or pcie, with "per_switch": 4
//                             "nics": { "count": 8, "bandwidth": "400 Gb/s", "latency": "0 s" },
//                             "cpu": "intel",               or amd, arm
//                             "host_bandwidth": "64 GB/s",  default unknown
//                             "cores": 2 } } ],             that all devices compute on; default: each has its own
//     "fabric": { "kind": "rail-optimized", "oversubscription": 1, "nodes_per_pod": 32 },  default flat, 1, one pod
//     "reliability": { "mtbf_per_gpu": "50000 h", "restart": "12 min",
//                      "checkpoint": { "every": "30 min", "write": "45 s" } },   default: not modelled
//     "price": { "gpu_hour": "2.50 USD/h", "power": { "pue": 1.25, "energy": "0.09 USD/kWh" } } }
#pragma once
#include <functional>
#include <string_view>

#include "sim/base/json.h"
#include "sim/base/reader.h"
#include "sim/cluster/cluster.h"

namespace orrery {

// A document with its "schema"; an object in place of a name may leave "schema" out.
Device read_device(Reader);
Json write_device(const Device&);

// The device called `name` (of a preset, or the path of a file); ends in fail() at `where` if there is none.
using FindDevice = std::function<Device(std::string_view name, const Where& where)>;

// `nodes` > 0 replaces the count of the only group of nodes; with several groups it ends in fail().
Cluster read_cluster(Reader, const FindDevice& find, int nodes = 0);
// With devices in place, so that it needs no other file.
Json write_cluster(const Cluster&);

}  // namespace orrery
