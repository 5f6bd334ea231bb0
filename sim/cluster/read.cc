#include "sim/cluster/read.h"

#include <algorithm>
#include <array>
#include <string>

#include "sim/base/units.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

constexpr int most_nodes = 1'000'000, most_ranks = 4'000'000, most_in_mesh = 64;
constexpr std::array<std::string_view, 3> intra_kinds{"nvswitch", "nvlink-mesh", "pcie"};
constexpr std::array<std::string_view, 3> fabric_kinds{"flat", "rail-optimized", "fat-tree"};
constexpr std::array<std::string_view, 3> cpu_vendors{"intel", "amd", "arm"};

struct Peak {
  std::string_view name;
  FlopsPerSecond Device::*rate;
};
constexpr Peak peaks[] = {{"fp32", &Device::fp32}, {"tf32", &Device::tf32}, {"fp16", &Device::fp16},
                          {"bf16", &Device::bf16}, {"fp8", &Device::fp8}};

Seconds duration_or_zero(const Reader& r, std::string_view key) { return r.has(key) ? r.duration(key) : Seconds{}; }

std::string filled(const Reader& r, std::string_view key) {
  std::string s = r.string(key);
  if (s.empty()) r.fail_at(key, "a name");
  return s;
}

Intra read_intra(const Reader& r) {
  Intra intra;
  intra.kind = static_cast<IntraKind>(r.word("kind", intra_kinds));
  intra.bandwidth = r.bandwidth("bandwidth");
  intra.latency = duration_or_zero(r, "latency");
  if (intra.kind == IntraKind::pcie) intra.per_switch = static_cast<int>(r.integer_or("per_switch", 4, 1, 1024));
  r.done();
  return intra;
}

Nics read_nics(const Reader& r) {
  Nics nics;
  nics.count = static_cast<int>(r.integer("count", 1, 256));
  nics.bandwidth = r.bandwidth("bandwidth");
  nics.latency = duration_or_zero(r, "latency");
  r.done();
  return nics;
}

Device read_gpu(const Reader& node, const FindDevice& find) {
  if (!node.has("gpu")) node.fail_at("gpu", "a device such as \"h100-sxm-80\"");
  if (node.value().find("gpu")->is(Json::Kind::object)) return read_device(node.object("gpu"));
  return find(filled(node, "gpu"), node.where("gpu"));
}

Node read_node(const Reader& r, const FindDevice& find) {
  Node node;
  node.device = read_gpu(r, find);
  node.gpus = static_cast<int>(r.integer_or("gpus", 8, 1, 1024));
  if (const auto intra = r.object_if("intra")) {
    node.intra = read_intra(*intra);
    if (node.intra.kind == IntraKind::nvlink_mesh && node.gpus > most_in_mesh) {
      intra->fail_at("kind", "\"nvswitch\" or \"pcie\" for more than " + std::to_string(most_in_mesh) + " devices");
    }
  } else if (node.gpus > 1) {
    r.fail_at("intra", "what connects the devices of the node");
  }
  if (const auto nics = r.object_if("nics")) node.nics = read_nics(*nics);
  node.cpu = static_cast<CpuVendor>(r.word_or("cpu", 0, cpu_vendors));
  node.cores = r.number_or("cores", 0, 0, 1024);
  if (r.has("host_bandwidth")) node.host_bandwidth = r.bandwidth("host_bandwidth");
  r.done();
  return node;
}

std::vector<NodeGroup> read_groups(const Reader& r, const FindDevice& find, int nodes) {
  const std::vector<Reader> items = r.array("groups");
  if (items.empty()) r.fail_at("groups", "at least one group of nodes");
  if (nodes > 0 && items.size() > 1) r.fail_at("groups", "one group of nodes, as their number is given from outside");
  std::vector<NodeGroup> groups;
  for (const Reader& item : items) {
    NodeGroup g;
    const std::string standard = groups.empty() ? "main" : "main " + std::to_string(groups.size() + 1);
    g.name = item.has("name") ? filled(item, "name") : standard;
    const auto same = [&](const NodeGroup& other) { return other.name == g.name; };
    if (std::any_of(groups.begin(), groups.end(), same)) item.fail_at("name", "a name that no other group has");
    g.nodes = static_cast<int>(item.integer_or("nodes", 1, 1, most_nodes));
    if (nodes > 0) g.nodes = nodes;
    g.node = read_node(item.object("node"), find);
    item.done();
    groups.push_back(std::move(g));
  }
  return groups;
}

// What no single member shows.
void check_groups(const Reader& r, const std::vector<NodeGroup>& groups) {
  std::int64_t ranks = 0, nodes = 0;
  for (const NodeGroup& g : groups) {
    nodes += g.nodes;
    ranks += std::int64_t{g.nodes} * g.node.gpus;
  }
  const Where where = r.where("groups");
  if (ranks > most_ranks) {
    fail(where, "at most " + std::to_string(most_ranks) + " devices", std::to_string(ranks));
  }
  for (const NodeGroup& g : groups) {
    if (nodes > 1 && g.node.nics.count == 0) {
      fail(where, "\"nics\" in every node of a cluster of " + std::to_string(nodes) + " nodes",
           "none in group " + quoted(g.name));
    }
  }
}

Fabric read_fabric(const Reader& r) {
  Fabric fabric;
  fabric.kind = static_cast<FabricKind>(r.word("kind", fabric_kinds));
  fabric.oversubscription = r.number_or("oversubscription", 1, 1, 1000);
  fabric.nodes_per_pod = static_cast<int>(r.integer_or("nodes_per_pod", 0, 1, most_nodes));
  r.done();
  return fabric;
}

Reliability read_reliability(const Reader& r) {
  Reliability out;
  out.mtbf_per_gpu = r.duration("mtbf_per_gpu");
  if (out.mtbf_per_gpu.v <= 0) r.fail_at("mtbf_per_gpu", "a duration above 0");
  out.restart = duration_or_zero(r, "restart");
  if (const auto checkpoint = r.object_if("checkpoint")) {
    out.checkpoint_every = duration_or_zero(*checkpoint, "every");
    out.checkpoint_write = duration_or_zero(*checkpoint, "write");
    checkpoint->done();
  }
  r.done();
  return out;
}

Prices read_prices(const Reader& r) {
  Prices prices;
  if (r.has("gpu_hour")) prices.gpu_hour = r.price("gpu_hour", "h");
  if (const auto power = r.object_if("power")) {
    prices.pue = power->number_or("pue", 1, 1, 10);
    if (power->has("energy")) prices.energy_kwh = power->price("energy", "kWh");
    power->done();
  }
  r.done();
  return prices;
}

// The shortest digits that read back the same, and a unit.
std::string with_unit(double v, std::string_view unit) { return Json(v).dump(false) + " " + std::string(unit); }

void set_if(Json& j, const char* key, Seconds t) {
  if (t.v != 0) j.set(key, exact(t));
}

Json write_node(const Node& node) {
  Json j = Json::object();
  j.set("gpu", write_device(node.device)).set("gpus", node.gpus);
  if (node.intra.bandwidth.v > 0) {
    Json intra = Json::object();
    intra.set("kind", intra_kinds[static_cast<std::size_t>(node.intra.kind)]);
    intra.set("bandwidth", exact(node.intra.bandwidth));
    set_if(intra, "latency", node.intra.latency);
    if (node.intra.kind == IntraKind::pcie) intra.set("per_switch", node.intra.per_switch);
    j.set("intra", std::move(intra));
  }
  if (node.nics.count > 0) {
    Json nics = Json::object();
    nics.set("count", node.nics.count).set("bandwidth", exact(node.nics.bandwidth));
    set_if(nics, "latency", node.nics.latency);
    j.set("nics", std::move(nics));
  }
  j.set("cpu", cpu_vendors[static_cast<std::size_t>(node.cpu)]);
  if (node.host_bandwidth.v > 0) j.set("host_bandwidth", exact(node.host_bandwidth));
  if (node.cores > 0) j.set("cores", node.cores);
  return j;
}

Json write_fabric(const Fabric& fabric) {
  Json j = Json::object();
  j.set("kind", fabric_kinds[static_cast<std::size_t>(fabric.kind)]).set("oversubscription", fabric.oversubscription);
  if (fabric.nodes_per_pod > 0) j.set("nodes_per_pod", fabric.nodes_per_pod);
  return j;
}

Json write_reliability(const Reliability& r) {
  Json j = Json::object(), checkpoint = Json::object();
  j.set("mtbf_per_gpu", exact(r.mtbf_per_gpu));
  set_if(j, "restart", r.restart);
  set_if(checkpoint, "every", r.checkpoint_every);
  set_if(checkpoint, "write", r.checkpoint_write);
  if (!checkpoint.members().empty()) j.set("checkpoint", std::move(checkpoint));
  return j;
}

Json write_prices(const Prices& prices) {
  Json j = Json::object(), power = Json::object();
  if (prices.gpu_hour > 0) j.set("gpu_hour", with_unit(prices.gpu_hour, "USD/h"));
  power.set("pue", prices.pue);
  if (prices.energy_kwh > 0) power.set("energy", with_unit(prices.energy_kwh, "USD/kWh"));
  return j.set("power", std::move(power));
}

}  // namespace

Device read_device(Reader r) {
  if (r.where().pointer.empty() || r.has("schema")) r.schema("orrery.device/1");
  Device d;
  d.name = filled(r, "name");
  d.vendor = r.string_or("vendor", "");
  d.architecture = filled(r, "architecture");
  const Reader peak = r.object("peak");
  bool any = false;
  for (const Peak& p : peaks) {
    if (!peak.has(p.name)) continue;
    d.*p.rate = peak.flop_rate(p.name);
    any = true;
  }
  peak.done();
  if (!any) r.fail_at("peak", "the dense peak of fp32, tf32, fp16, bf16 or fp8");
  d.multiprocessors = static_cast<int>(r.integer_or("multiprocessors", 0, 1, 10'000));
  d.nominal_memory = r.bytes("memory");
  if (d.nominal_memory.v <= 0) r.fail_at("memory", "a size above 0");
  d.memory = r.has("usable_memory") ? r.bytes("usable_memory") : d.nominal_memory;
  if (d.memory.v <= 0 || d.memory > d.nominal_memory) {
    r.fail_at("usable_memory", "a size up to the memory of " + exact(d.nominal_memory));
  }
  d.memory_bandwidth = r.bandwidth("memory_bandwidth");
  if (r.has("power")) d.power = r.power("power");
  d.nvlinks = static_cast<int>(r.integer_or("nvlinks", 0, 0, 1024));
  d.source = r.string_or("source", "");
  r.done();
  return d;
}

Json write_device(const Device& d) {
  Json j = Json::object(), peak = Json::object();
  j.set("schema", "orrery.device/1").set("name", d.name).set("vendor", d.vendor).set("architecture", d.architecture);
  for (const Peak& p : peaks) {
    if ((d.*p.rate).v > 0) peak.set(std::string(p.name), exact(d.*p.rate));
  }
  j.set("peak", std::move(peak));
  if (d.multiprocessors > 0) j.set("multiprocessors", d.multiprocessors);
  j.set("memory", exact(d.nominal_memory));
  if (d.memory != d.nominal_memory) j.set("usable_memory", exact(d.memory));
  j.set("memory_bandwidth", exact(d.memory_bandwidth));
  if (d.power.v > 0) j.set("power", with_unit(d.power.v, "W"));
  if (d.nvlinks > 0) j.set("nvlinks", d.nvlinks);
  return j.set("source", d.source);
}

Cluster read_cluster(Reader r, const FindDevice& find, int nodes) {
  if (r.where().pointer.empty() || r.has("schema")) r.schema("orrery.cluster/1");
  Cluster c;
  c.name = r.string_or("name", "");
  c.source = r.string_or("source", "");
  c.groups = read_groups(r, find, nodes);
  check_groups(r, c.groups);
  if (const auto fabric = r.object_if("fabric")) c.fabric = read_fabric(*fabric);
  if (const auto reliability = r.object_if("reliability")) c.reliability = read_reliability(*reliability);
  if (const auto price = r.object_if("price")) c.prices = read_prices(*price);
  r.done();
  return c;
}

Json write_cluster(const Cluster& c) {
  Json j = Json::object(), groups = Json::array();
  for (const NodeGroup& g : c.groups) {
    Json group = Json::object();
    groups.push(group.set("name", g.name).set("nodes", g.nodes).set("node", write_node(g.node)));
  }
  j.set("schema", "orrery.cluster/1").set("name", c.name).set("source", c.source);
  j.set("groups", std::move(groups)).set("fabric", write_fabric(c.fabric));
  if (c.reliability.mtbf_per_gpu.v > 0) j.set("reliability", write_reliability(c.reliability));
  return j.set("price", write_prices(c.prices));
}

}  // namespace orrery
