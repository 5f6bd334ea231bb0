// orrery.device/1 and orrery.cluster/1: every member, defaults, what is refused, round trips, shipped presets.
#include "sim/cluster/read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace orrery {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

Device device_from(std::string_view json, std::string_view file = "d.json") {
  const Json j = parse_json(json, file);
  return read_device(Reader(j, file));
}

Device shipped(std::string_view name, const Where& where) {
  const fs::path path = fs::path(ORRERY_SOURCE_DIR) / "scenarios/devices" / (std::string(name) + ".json");
  if (!fs::exists(path)) fail(where, "a device", name);
  return device_from(text_of(path), path.string());
}

Cluster cluster_from(std::string_view json, int nodes = 0) {
  const Json j = parse_json(json, "c.json");
  return read_cluster(Reader(j, "c.json"), shipped, nodes);
}

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

constexpr std::string_view whole_device = R"({"schema": "orrery.device/1", "name": "x", "vendor": "V",
  "architecture": "hopper", "peak": {"fp32": "67 TFLOP/s", "tf32": "494.5 TFLOP/s", "fp16": "989 TFLOP/s",
  "bf16": "990 TFLOP/s", "fp8": "1979 TFLOP/s"}, "multiprocessors": 132, "memory": "80 GiB",
  "usable_memory": "79.1 GiB", "memory_bandwidth": "3350 GB/s", "power": "700 W", "nvlinks": 18, "source": "s"})";

TEST(ReadDevice, EveryMember) {
  const Device d = device_from(whole_device);
  Device expected;
  expected.name = "x";
  expected.vendor = "V";
  expected.architecture = "hopper";
  expected.fp32 = {67e12};
  expected.tf32 = {494.5e12};
  expected.fp16 = {989e12};
  expected.bf16 = {990e12};
  expected.fp8 = {1979e12};
  expected.multiprocessors = 132;
  expected.memory = {84'932'978'278};  // 79.1 * 2^30, to the nearest byte
  expected.nominal_memory = {std::int64_t{80} << 30};
  expected.memory_bandwidth = {3350e9};
  expected.power = {700};
  expected.nvlinks = 18;
  expected.source = "s";
  EXPECT_EQ(d, expected);
  EXPECT_EQ(device_from(write_device(d).dump()), d);
}

TEST(ReadDevice, Defaults) {
  const Device d = device_from(R"({"schema": "orrery.device/1", "name": "x", "architecture": "volta",
    "peak": {"fp16": "125 TFLOP/s"}, "memory": "16 GiB", "memory_bandwidth": "900 GB/s"})");
  EXPECT_EQ(d.memory, d.nominal_memory);
  EXPECT_EQ(d.bf16.v, 0);
  EXPECT_EQ(d.multiprocessors, 0);
  EXPECT_EQ(device_from(write_device(d).dump()), d);
}

// The whole device with one piece of text replaced.
std::string device_with(std::string_view from, std::string_view to) {
  std::string s(whole_device);
  const std::size_t at = s.find(from);
  EXPECT_NE(at, std::string::npos);
  s.replace(at, from.size(), to);
  return message([&] { device_from(s); });
}

TEST(ReadDevice, Refuses) {
  EXPECT_EQ(device_with("orrery.device/1", "orrery.device/2"),
            "d.json:1: /schema: expected \"orrery.device/1\", found \"orrery.device/2\"");
  EXPECT_EQ(device_with("\"79.1 GiB\"", "\"81 GiB\""),
            "d.json:4: /usable_memory: expected a size up to the memory of 80 GiB, found \"81 GiB\"");
  EXPECT_EQ(device_with("\"80 GiB\"", "\"0 GiB\""), "d.json:3: /memory: expected a size above 0, found \"0 GiB\"");
  EXPECT_EQ(device_with("\"name\": \"x\"", "\"name\": \"\""), "d.json:1: /name: expected a name, found \"\"");
  EXPECT_EQ(device_with("\"3350 GB/s\"", "3350"),
            "d.json:4: /memory_bandwidth: expected a bandwidth such as \"400 Gb/s\", found 3350");
  EXPECT_EQ(device_with("\"fp8\"", "\"fp4\""), "d.json:3: /peak/fp4: unknown member, did you mean \"fp8\"?");
  EXPECT_EQ(device_with("132", "0"),
            "d.json:3: /multiprocessors: expected an integer from 1 to 10000, found 0");
  EXPECT_EQ(message([] {
              device_from(R"({"schema": "orrery.device/1", "name": "x", "architecture": "a", "peak": {},
                "memory": "1 GiB", "memory_bandwidth": "1 GB/s"})");
            }),
            "d.json:1: /peak: expected the dense peak of fp32, tf32, fp16, bf16 or fp8, found an empty object");
}

constexpr std::string_view whole_cluster = R"({"schema": "orrery.cluster/1", "name": "c", "source": "s",
 "groups": [{"name": "new", "nodes": 64, "node": {"gpu": "h100-sxm-80", "gpus": 8,
    "intra": {"kind": "nvswitch", "bandwidth": "450 GB/s", "latency": "2.5 us"},
    "nics": {"count": 8, "bandwidth": "400 Gb/s", "latency": "4 us"}, "cpu": "amd", "host_bandwidth": "63 GB/s"}},
   {"nodes": 2, "node": {"gpu": "a100-sxm-40", "gpus": 4,
    "intra": {"kind": "nvlink-mesh", "bandwidth": "300 GB/s"}, "nics": {"count": 4, "bandwidth": "200 Gb/s"}}}],
 "fabric": {"kind": "fat-tree", "oversubscription": 2.5, "nodes_per_pod": 32},
 "reliability": {"mtbf_per_gpu": "50000 h", "restart": "12 min", "checkpoint": {"every": "30 min", "write": "45 s"}},
 "price": {"gpu_hour": "2.50 USD/h", "power": {"pue": 1.25, "energy": "0.09 USD/kWh"}}})";

TEST(ReadCluster, EveryMember) {
  const Cluster c = cluster_from(whole_cluster);
  EXPECT_EQ(c.name, "c");
  EXPECT_EQ(c.ranks(), 64 * 8 + 2 * 4);
  ASSERT_EQ(c.groups.size(), 2u);
  EXPECT_EQ(c.groups[0].name, "new");
  EXPECT_EQ(c.groups[1].name, "main 2");
  const Node& n = c.groups[0].node;
  EXPECT_EQ(n.device.name, "h100-sxm-80");
  EXPECT_EQ(n.intra, (Intra{IntraKind::nvswitch, {450e9}, {2.5e-6}}));
  EXPECT_EQ(n.nics, (Nics{8, {50e9}, {4e-6}}));
  EXPECT_EQ(n.cpu, CpuVendor::amd);
  EXPECT_EQ(n.host_bandwidth.v, 63e9);
  EXPECT_EQ(c.groups[1].node.intra.kind, IntraKind::nvlink_mesh);
  EXPECT_EQ(c.groups[1].node.cpu, CpuVendor::intel);
  EXPECT_EQ(c.fabric, (Fabric{FabricKind::fat_tree, 2.5, 32}));
  EXPECT_EQ(c.reliability, (Reliability{{50000 * 3600.0}, {720}, {1800}, {45}}));
  EXPECT_EQ(c.prices, (Prices{2.5, 1.25, 0.09}));
  EXPECT_EQ(cluster_from(write_cluster(c).dump()), c);
}

TEST(ReadCluster, DefaultsAndCountFromOutside) {
  constexpr std::string_view least = R"({"schema": "orrery.cluster/1",
    "groups": [{"node": {"gpu": "l4", "gpus": 1, "nics": {"count": 1, "bandwidth": "100 Gb/s"}}}]})";
  const Cluster c = cluster_from(least);
  EXPECT_EQ(c.ranks(), 1);
  EXPECT_EQ(c.fabric, Fabric{});
  EXPECT_EQ(c.reliability, Reliability{});
  EXPECT_EQ(c.prices, Prices{});
  EXPECT_EQ(cluster_from(write_cluster(c).dump()), c);
  EXPECT_EQ(cluster_from(least, 5).ranks(), 5);
  EXPECT_EQ(message([] { cluster_from(whole_cluster, 5); }),
            "c.json:2: /groups: expected one group of nodes, as their number is given from outside, "
            "found an array of 2 items");
}

TEST(ReadCluster, PcieTree) {
  const Cluster c = cluster_from(R"({"schema": "orrery.cluster/1", "groups": [{"node": {"gpu": "l4", "gpus": 4,
    "intra": {"kind": "pcie", "bandwidth": "31 GB/s", "per_switch": 2}}}]})");
  EXPECT_EQ(c.groups[0].node.intra, (Intra{IntraKind::pcie, {31e9}, {}, 2}));
  EXPECT_EQ(cluster_from(write_cluster(c).dump()), c);
}

TEST(ReadCluster, DeviceInPlace) {
  const Cluster c = cluster_from(R"({"schema": "orrery.cluster/1", "groups": [{"node": {"gpus": 1, "gpu":
    {"name": "own", "architecture": "ada", "peak": {"bf16": "1 TFLOP/s"}, "memory": "8 GiB",
     "memory_bandwidth": "1 GB/s"}}}]})");
  EXPECT_EQ(c.groups[0].node.device.name, "own");
}

std::string cluster_with(std::string_view from, std::string_view to) {
  std::string s(whole_cluster);
  const std::size_t at = s.find(from);
  EXPECT_NE(at, std::string::npos);
  s.replace(at, from.size(), to);
  return message([&] { cluster_from(s); });
}

TEST(ReadCluster, Refuses) {
  EXPECT_EQ(cluster_with("\"400 Gb/s\"", "400"),
            "c.json:4: /groups/0/node/nics/bandwidth: expected a bandwidth such as \"400 Gb/s\", found 400");
  EXPECT_EQ(cluster_with("\"nvswitch\"", "\"nvswich\""),
            "c.json:3: /groups/0/node/intra/kind: expected one of \"nvswitch\", \"nvlink-mesh\", \"pcie\", "
            "found \"nvswich\" (did you mean \"nvswitch\"?)");
  EXPECT_EQ(cluster_with("\"gpus\": 4,", "\"gpus\": 65,"),
            "c.json:6: /groups/1/node/intra/kind: expected \"nvswitch\" or \"pcie\" for more than 64 devices, "
            "found \"nvlink-mesh\"");
  EXPECT_EQ(cluster_with("\"latency\"", "\"per_switch\": 4, \"latency\""),
            "c.json:3: /groups/0/node/intra/per_switch: unknown member; known here: kind, bandwidth, latency");
  EXPECT_EQ(cluster_with("\"latency\"", "\"latncy\""),
            "c.json:3: /groups/0/node/intra/latncy: unknown member, did you mean \"latency\"?");
  EXPECT_EQ(cluster_with("\"h100-sxm-80\"", "\"h100\""),
            "c.json:2: /groups/0/node/gpu: expected a device, found h100");
  EXPECT_EQ(cluster_with("64,", "0,"),
            "c.json:2: /groups/0/nodes: expected an integer from 1 to 1000000, found 0");
  EXPECT_EQ(cluster_with("64,", "1000000,"),
            "c.json:2: /groups: expected at most 4000000 devices, found 8000008");
  EXPECT_EQ(cluster_with("\"nodes\": 2,", "\"name\": \"new\","),
            "c.json:5: /groups/1/name: expected a name that no other group has, found \"new\"");
  EXPECT_EQ(cluster_with("2.5,", "0.5,"),
            "c.json:7: /fabric/oversubscription: expected a number from 1 to 1000, found 0.5");
  EXPECT_EQ(cluster_with("\"50000 h\"", "\"0 h\""),
            "c.json:8: /reliability/mtbf_per_gpu: expected a duration above 0, found \"0 h\"");
  EXPECT_EQ(cluster_with(", \"nics\": {\"count\": 4, \"bandwidth\": \"200 Gb/s\"}", ""),
            "c.json:2: /groups: expected \"nics\" in every node of a cluster of 66 nodes, found none in group \"main 2\"");
  EXPECT_EQ(message([] { cluster_from(R"({"schema": "orrery.cluster/1", "groups": []})"); }),
            "c.json:1: /groups: expected at least one group of nodes, found an empty array");
  EXPECT_EQ(message([] { cluster_from(R"({"schema": "orrery.cluster/1", "groups": [{"node": {"gpu": "l4"}}]})"); }),
            "c.json:1: /groups/0/node: expected a member \"intra\" (what connects the devices of the node), found none");
}

std::vector<fs::path> files_in(const char* folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(ORRERY_SOURCE_DIR) / folder)) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Presets, DevicesReadAndRoundTrip) {
  const std::vector<fs::path> files = files_in("scenarios/devices");
  EXPECT_GE(files.size(), 25u);
  for (const fs::path& path : files) {
    const Device d = device_from(text_of(path), path.string());
    EXPECT_EQ(d.name, path.stem().string());
    EXPECT_FALSE(d.source.empty()) << path;
    EXPECT_GT(std::max(d.fp16.v, d.bf16.v), d.fp32.v) << path;
    EXPECT_GE(d.memory.v, d.nominal_memory.v * 9 / 10) << path;
    EXPECT_EQ(device_from(write_device(d).dump()), d) << path;
  }
}

TEST(Presets, ClustersReadAndRoundTrip) {
  const std::vector<fs::path> files = files_in("scenarios/clusters");
  EXPECT_GE(files.size(), 15u);
  for (const fs::path& path : files) {
    const Cluster c = cluster_from(text_of(path), 16);
    EXPECT_EQ(c.name, path.stem().string());
    EXPECT_EQ(c.nodes(), 16);
    EXPECT_FALSE(c.source.empty()) << path;
    EXPECT_EQ(cluster_from(write_cluster(c).dump()), c) << path;
  }
}

}  // namespace
}  // namespace orrery
