#include "profiler/measure/machine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/reader.h"
#include "sim/cluster/groups.h"
#include "sim/cluster/read.h"
#include "sim/cost/attention.h"
#include "sim/cost/collective.h"
#include "sim/cost/constants.h"
#include "sim/cost/matmul.h"
#include "sim/cost/memory_bound.h"

namespace orrery {
namespace {

// A machine that does exactly what the formulas say.
HardwareProfile exact_machine() {
  HardwareProfile h;
  h.name = "made-up";
  h.backend = "cpu";
  h.devices = 2;
  h.memory = {std::int64_t{8} << 30};
  h.memory_rate = {20e9};
  h.launch = {2e-7};
  const MatmulMachine machine{{1e11}, {20e9}, 1};
  const MatmulConstants constants{0.8, {1e-6}, 0.1, 0.9};
  for (std::int64_t m : {64, 256, 1024})
    for (std::int64_t n : {128, 512, 2048})
      for (std::int64_t k : {128, 512, 2048})
        h.fp32.push_back({1, m, n, k, 1e-6 + matmul_time({1, m, n, k, 2, 2}, machine, constants).v});
  for (int i = 12; i <= 24; i += 2) {
    const double bytes = std::exp2(i), x = bytes / 5e9;
    h.links.push_back({Kind::send, 2, {std::int64_t{1} << i}, 10e-6 + bytes / 4e9});
    h.links.push_back({Kind::all_reduce, 2, {std::int64_t{1} << i}, 20e-6 + x + std::sqrt(5e-6 * x)});
  }
  h.overlap = {1.25, 2};
  return h;
}

TEST(Machine, ClusterReadsBackEqual) {
  const Cluster c = describe_cluster(exact_machine());
  const Json document = write_cluster(c);
  const Cluster again =
      read_cluster(Reader(document, "c.json"),
                   [](std::string_view, const Where& w) -> Device { fail(w, "a device in place"); });
  EXPECT_EQ(again, c);
  EXPECT_EQ(c.ranks(), 2);
  EXPECT_NEAR(c.groups[0].node.intra.bandwidth.v / 4e9, 1, 0.01);
}

TEST(Machine, FitsFindWhatTheMachineDoes) {
  const HardwareProfile h = exact_machine();
  const Cluster cluster = describe_cluster(h);
  const Calibration c = fit_hardware(h, cluster, {}).calibration;
  const Node& node = cluster.groups[0].node;
  for (const CollectivePoint& p : h.links) {
    const double t =
        transfer_time(p.kind, p.bytes, {.size = 2, .nodes = 1, .per_node = 2}, c, node).total().v;
    EXPECT_NEAR(t / p.seconds, 1, 0.03) << name(p.kind) << " " << p.bytes.v;
  }
  EXPECT_EQ(c.slowdown_nvlink, 1.25);
  EXPECT_EQ(c.kernel_gap.v, 2e-7);
  for (const char* constant : {"matmul16.efficiency", "message_near", "kernel_gap", "curves.all_reduce.2"})
    EXPECT_NE(provenance(c, constant).source.find("profile hardware"), std::string::npos) << constant;
}

// Two such machines of two ranks, on links that do exactly what the formulas say.
struct ExactHosts {
  HardwareProfile profile = exact_machine();
  Calibration truth;
  Node node, lone;  // lone: of a message that has its NIC for itself
  ExactHosts() {
    profile.hosts = 2;
    profile.far_overlap = {1.5, 1};
    truth.nccl = no_nccl;
    truth.network_efficiency = 1;
    truth.message_far = {80e-6};
    truth.network_base = {50e-6};
    truth.network_far_step = {120e-6};
    truth.network_near_step = {30e-6};
    node = describe_cluster(profile).groups[0].node;
    node.nics = {.count = 1, .bandwidth = {118e6}, .latency = {}};
    lone = node;
    lone.gpus = 1;
    for (int i = 12; i <= 24; i += 2) {
      add(Kind::send, 2, i);
      for (const Kind k : {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all})
        for (const int ranks : {4, 2}) add(k, ranks, i);
      profile.far_links.push_back({Kind::broadcast, 4, {std::int64_t{1} << i}, 1e-6, 0, 2});
    }
  }
  double seconds(Kind kind, int ranks, std::int64_t bytes, const Calibration& c, const Node& n) const {
    const auto size = static_cast<std::uint32_t>(ranks);
    return transfer_time(kind, {bytes}, {.size = size, .nodes = 2, .per_node = size / 2}, c, n).total().v;
  }
  void add(Kind kind, int ranks, int power) {
    const std::int64_t bytes = std::int64_t{1} << power;
    profile.far_links.push_back(
        {kind, ranks, {bytes}, seconds(kind, ranks, bytes, truth, kind == Kind::send ? lone : node), 0, 2});
  }
};

TEST(Machine, LinksBetweenHostsAreFoundWithTheirConstants) {
  const ExactHosts hosts;
  const Cluster cluster = describe_cluster(hosts.profile);
  EXPECT_EQ(cluster.nodes(), 2);
  EXPECT_EQ(cluster.ranks(), 4);
  const Nics& nics = cluster.groups[0].node.nics;
  EXPECT_EQ(nics.count, 1);
  const HardwareFit fitted = fit_hardware(hosts.profile, cluster, {});
  const Calibration& c = fitted.calibration;
  EXPECT_NEAR(nics.bandwidth.v * c.network_efficiency / 118e6, 1, 0.01);
  EXPECT_NEAR(c.message_far.v / 80e-6, 1, 0.05);
  EXPECT_NEAR(c.network_far_step.v / 120e-6, 1, 0.05);
  EXPECT_NEAR(c.network_near_step.v / 30e-6, 1, 0.1);
  EXPECT_EQ(c.slowdown_network, 1.5);
  EXPECT_NE(provenance(c, "network_far_step").source.find("profile hardware"), std::string::npos);
  // Sizes that were not measured, on the described cluster.
  const Node& node = cluster.groups[0].node;
  for (const std::int64_t bytes : {3 << 13, 3 << 18, 3 << 23})
    for (const int ranks : {4, 2})
      for (const Kind k : {Kind::all_reduce, Kind::reduce_scatter, Kind::all_gather, Kind::all_to_all})
        EXPECT_NEAR(
            hosts.seconds(k, ranks, bytes, c, node) / hosts.seconds(k, ranks, bytes, hosts.truth, hosts.node),
            1, 0.03)
            << name(k) << " " << ranks << " ranks, " << bytes;
  std::size_t lines = 0;
  for (const FitLine& line : fitted.lines)
    if (line.what.find("hosts") != std::string::npos) {
      ++lines;
      EXPECT_LT(line.errors.mape, 0.03) << line.what;
    }
  EXPECT_EQ(lines, 10u) << "messages, four operations in two placements, and small buffers";
}

// One rank's messages may fill a part of what the NIC carries.
TEST(Machine, ANicIsAsFastAsAllRanksOfAHostTogether) {
  ExactHosts hosts;
  for (CollectivePoint& p : hosts.profile.far_links)
    if (p.kind == Kind::send) p.seconds *= 2;
  const double rate = describe_cluster(hosts.profile).groups[0].node.nics.bandwidth.v;
  EXPECT_NEAR(rate / 118e6, 1, 0.02);
}

// Bytes are such that the formula gives back the measured times.
TEST(Machine, BytesOfMemoryOpsAreFitted) {
  Calibration c;
  Device device;
  device.memory_bandwidth = {10e9};
  Op norm;
  norm.name = OpName::norm1;
  norm.dtype = DType::fp32;
  Op gate = norm;
  gate.name = OpName::activation;
  gate.gated = true;
  gate.pass = Pass::input_gradient;
  for (std::int64_t elements : {1000, 2000, 4000}) {
    norm.elements = gate.elements = elements;
    c.measured.set({norm, {static_cast<double>(elements) * 2e-9}, 0, "here"});
    c.measured.set({gate, {static_cast<double>(elements) * 3e-9}, 0, "here"});
  }
  fit_bytes(c, device);
  norm.elements = gate.elements = 8000;
  EXPECT_NEAR(memory_bound_time(norm, c, device.memory_bandwidth).v, 16e-6, 1e-8);
  EXPECT_NEAR(memory_bound_time(gate, c, device.memory_bandwidth).v, 24e-6, 1e-8);
}

// Rates are such that the table gives back the measured times, and those between.
TEST(Machine, RatesOfFusedAttentionAreFitted) {
  Calibration c;
  Op forward;
  forward.name = OpName::attention;
  forward.kind = OpKind::attention;
  forward.dtype = DType::bf16;
  forward.batch = 8;
  forward.k = 64;
  forward.causal = true;
  const auto backward = [](Op op) {
    op.pass = Pass::input_gradient;
    return op;
  };
  const double rate = 5e12;  // forward; backward at half of it
  for (const std::int64_t sequence : {128, 2048}) {
    forward.m = forward.n = sequence;
    const double t = flops(forward).v / rate;
    c.measured.set({forward, {t}, 0, "here"});
    c.measured.set({backward(forward), {5 * t}, 0, "here"});
  }
  Op fp32 = forward;
  fp32.dtype = DType::fp32;
  c.measured.set({fp32, {1}, 0, "here"});
  fit_attention(c);
  ASSERT_EQ(c.attention_rates.size(), 1u);
  for (const std::int64_t sequence : {128, 1024, 2048, 4096}) {
    forward.m = forward.n = sequence;
    const double t = flops(forward).v / rate;
    const bool between =
        sequence == 1024;  // the row runs from what 128 tokens tell of 512 to what 2,048 were
    EXPECT_NEAR(attention_time(forward, c).v / t, 1, between ? 0.5 : 1e-3) << sequence;
    EXPECT_NEAR(attention_time(backward(forward), c).v / t, 5, between ? 2.5 : 5e-3) << sequence;
  }
}

}  // namespace
}  // namespace orrery
