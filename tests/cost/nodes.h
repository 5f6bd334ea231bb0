// Nodes and calibrations that the tests of this room share.
#pragma once
#include <fstream>
#include <sstream>
#include <string>

#include "sim/base/error.h"
#include "sim/base/interfaces.h"
#include "sim/cluster/cluster.h"
#include "sim/cost/read.h"

namespace orrery::test {

// Files under the project's root.
class ProjectFiles : public Files {
 public:
  std::string text(std::string_view name) override {
    std::ifstream in(path(name));
    if (!in) fail({std::string(name), "", 0}, "a file that can be read");
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  bool exists(std::string_view name) override { return std::ifstream(path(name)).good(); }

 private:
  static std::string path(std::string_view name) { return std::string(ORRERY_SOURCE_DIR "/") + std::string(name); }
};

inline Calibration calibration(const std::string& name) {
  ProjectFiles files;
  return read_calibration(files, "scenarios/calibrations/" + name + ".json");
}

inline Device h100() {
  Device d;
  d.name = "h100-sxm-80";
  d.architecture = "hopper";
  d.fp32 = {67e12};
  d.tf32 = {494.7e12};
  d.fp16 = d.bf16 = {989e12};
  d.fp8 = {1979e12};
  d.multiprocessors = 132;
  d.memory_bandwidth = {3.35e12};
  d.nvlinks = 18;
  return d;
}

inline Device a100() {
  Device d;
  d.name = "a100-sxm-80";
  d.architecture = "ampere";
  d.fp32 = {19.5e12};
  d.tf32 = {156e12};
  d.fp16 = d.bf16 = {312e12};
  d.multiprocessors = 108;
  d.memory_bandwidth = {2.039e12};
  d.nvlinks = 12;
  return d;
}

inline Device b200() {
  Device d = h100();
  d.name = "b200-sxm-180";
  d.architecture = "blackwell";
  d.fp16 = d.bf16 = {2250e12};
  d.fp8 = {4500e12};
  d.multiprocessors = 148;
  d.memory_bandwidth = {8e12};
  return d;
}

inline Node node(const Device& device, double intra, double nic, CpuVendor cpu = CpuVendor::intel) {
  Node n;
  n.device = device;
  n.gpus = 8;
  n.intra = {IntraKind::nvswitch, {intra}, {}};
  n.nics = {8, {nic}, {}};
  n.cpu = cpu;
  return n;
}
inline Node h100_node() { return node(h100(), 450e9, 50e9); }
inline Node b200_node() { return node(b200(), 900e9, 50e9); }
inline Node a100_node() { return node(a100(), 300e9, 25e9, CpuVendor::amd); }

inline GroupSignature group(std::uint32_t nodes, std::uint32_t per_node) {
  GroupSignature g;
  g.size = nodes * per_node;
  g.nodes = nodes;
  g.per_node = per_node;
  return g;
}

}  // namespace orrery::test
