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
