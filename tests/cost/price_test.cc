#include "sim/cost/price.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/cost/constants.h"
#include "sim/cost/matmul.h"
#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

Cluster cluster(const Node& n) {
  Cluster c;
  c.groups.push_back({"nodes", 8, n});
  return c;
}

CostClass compute(const Op& op) {
  CostClass k;
  k.op = op;
  return k;
}

CostClass collective(Kind kind, Role role, std::int64_t bytes, GroupSignature g) {
  CostClass k;
  k.kind = kind;
  k.role = role;
  k.bytes = {bytes};
  k.group = g;
  return k;
}

Op linear(OpName name, Pass pass, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype = DType::bf16) {
  Op op;
  op.name = name;
  op.kind = OpKind::matmul;
  op.pass = pass;
  op.dtype = dtype;
  op.m = m;
  op.n = n;
  op.k = k;
  return op;
}

Op memory(OpName name, Pass pass, std::int64_t elements, DType dtype = DType::bf16) {
  Op op;
  op.name = name;
  op.kind = OpKind::memory;
  op.pass = pass;
  op.dtype = dtype;
  op.elements = elements;
  return op;
}

double seconds(Tick t) { return to_seconds(t).v; }

class Prices : public testing::Test {
 protected:
  Calibration c = calibration("h100-megatron-core");
  Cluster h100s = cluster(h100_node());
};

// norm1 of 10^9 elements at 4 bytes: 4 GB over 3.35 TB/s times the stack's efficiency; one kernel's gap.
TEST_F(Prices, MemoryBoundOpsByBytes) {
  const Price p = price(compute(memory(OpName::norm1, Pass::forward, 1'000'000'000)), c, h100s);
  EXPECT_NEAR(seconds(p.flow), 4e9 / (3.35e12 * c.memory_efficiency), 1e-11);
  EXPECT_NEAR(seconds(p.fixed), c.kernel_gap.v, 1e-12);
  EXPECT_EQ(p.launch.v, 0);
}

TEST_F(Prices, RecomputeCountsAsForward) {
  EXPECT_EQ(price(compute(memory(OpName::residual1, Pass::recompute, 1 << 20)), c, h100s),
            price(compute(memory(OpName::residual1, Pass::forward, 1 << 20)), c, h100s));
}

TEST_F(Prices, MultiplierIsOnLayersOnly) {
  c.memory_multiplier = 2;
  const Calibration once = calibration("h100-megatron-core");
  const auto ratio = [&](OpName op) {
    return seconds(price(compute(memory(op, Pass::forward, 1 << 26)), c, h100s).flow) /
           seconds(price(compute(memory(op, Pass::forward, 1 << 26)), once, h100s).flow);
  };
  EXPECT_NEAR(ratio(OpName::activation), 2, 1e-6);
  EXPECT_NEAR(ratio(OpName::cross_entropy), 1, 1e-6);
}

TEST_F(Prices, GatedActivationsHaveTheirOwnBytes) {
  Op op = memory(OpName::activation, Pass::forward, 1 << 26);
  const double plain = seconds(price(compute(op), c, h100s).flow);
  op.gated = true;
  EXPECT_NEAR(seconds(price(compute(op), c, h100s).flow) / plain, c.gated_forward_bytes / 4, 1e-6);
}

// A weight gradient that accumulates moves its bytes a weight besides the product.
TEST_F(Prices, AccumulationTraffic) {
  const Op data = linear(OpName::mlp_up, Pass::input_gradient, 4096, 4096, 4096);
  Op weight = linear(OpName::mlp_up, Pass::weight_gradient, 4096, 4096, 4096);
  weight.accumulate = true;
  const double extra = seconds(price(compute(weight), c, h100s).flow) - seconds(price(compute(data), c, h100s).flow);
  EXPECT_NEAR(extra, 6.0 * 4096 * 4096 / (3.35e12 * c.memory_efficiency), 2e-12);
}

// The casts of FP8: with the norm for what it feeds, with the second linear of a pair for its own input.
TEST_F(Prices, Fp8Casts) {
  const double norm = seconds(price(compute(memory(OpName::norm1, Pass::forward, 1 << 26, DType::fp8)), c, h100s).flow);
  const double plain = seconds(price(compute(memory(OpName::norm1, Pass::forward, 1 << 26)), c, h100s).flow);
  EXPECT_NEAR(norm / plain, (4 + c.fp8_input_bytes) / 4, 1e-6);
  const double first = seconds(price(compute(linear(OpName::mlp_up, Pass::forward, 8192, 4096, 4096, DType::fp8)), c, h100s).flow);
  const double second = seconds(price(compute(linear(OpName::mlp_down, Pass::forward, 8192, 4096, 4096, DType::fp8)), c, h100s).flow);
  EXPECT_NEAR(second - first, c.fp8_input_bytes * 8192 * 4096 / (3.35e12 * c.memory_efficiency), 2e-12);
}

TEST_F(Prices, Fp8RunsAtItsOwnClock) {
  const Op op = linear(OpName::mlp_up, Pass::forward, 16384, 16384, 16384, DType::fp8);
  const double before = seconds(price(compute(op), c, h100s).flow);
  c.clock16 *= 0.5;
  EXPECT_EQ(seconds(price(compute(op), c, h100s).flow), before);
  c.clock8 *= 0.5;
  EXPECT_GT(seconds(price(compute(op), c, h100s).flow), 1.5 * before);
}

TEST_F(Prices, MisalignedHeadsAreSlowWithoutFusion) {
  Op op = linear(OpName::scores, Pass::forward, 2048, 2048, 108);
  op.batch = 16;
  Op aligned = op;
  aligned.k = 112;
  EXPECT_GT(seconds(price(compute(op), c, h100s).flow), 5 * seconds(price(compute(aligned), c, h100s).flow));
}

TEST_F(Prices, WhatCannotBePricedSaysSo) {
  const auto message = [&](const Op& op, const Node& n) -> std::string {
    try {
      price(compute(op), c, cluster(n));
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(message(linear(OpName::mlp_up, Pass::forward, 8, 8, 8, DType::fp8), a100_node()).find("fp8 matrix products: a100-sxm-80"),
            std::string::npos);
  c.attention_kernel = "fa9";
  Op attention = linear(OpName::attention, Pass::forward, 2048, 2048, 128);
  attention.kind = OpKind::attention;
  EXPECT_NE(message(attention, h100_node()).find("no rates of kernel \"fa9\""), std::string::npos);
}

TEST_F(Prices, ImpossiblySlowLinksAreAnErrorOfTheInput) {
  Node n = h100_node();
  n.nics.bandwidth = {1};
  const auto far = [&] { price(collective(Kind::all_gather, Role::data, 1 << 30, group(2, 1)), c, cluster(n)); };
  EXPECT_THROW(far(), InputError);
}

TEST_F(Prices, PipelinedCollectivesShowTheirExposedShare) {
  CostClass k = collective(Kind::all_gather, Role::tensor, 1 << 28, group(1, 8));
  const double whole = seconds(price(k, c, h100s).total());
  k.pipelined = true;
  EXPECT_NEAR(seconds(price(k, c, h100s).total()) / whole, c.pipelined_exposed, 1e-6);
}

TEST_F(Prices, CollectivesOfOneRankAndHostWorkAreFree) {
  EXPECT_EQ(price(collective(Kind::all_reduce, Role::data, 1 << 28, group(1, 1)), c, h100s), Price{});
  CostClass host;
  host.kind = Kind::host;
  EXPECT_EQ(price(host, c, h100s), Price{});
}

TEST_F(Prices, OnlyDataParallelTrafficSlowsCompute) {
  c.slowdown_nvlink = 1.3;
  c.slowdown_network = 1.03;
  EXPECT_EQ(compute_slowdown(collective(Kind::all_gather, Role::data, 1 << 20, group(1, 8)), c), 1.3);
  EXPECT_EQ(compute_slowdown(collective(Kind::all_gather, Role::data, 1 << 20, group(2, 8)), c), 1.03);
  EXPECT_EQ(compute_slowdown(collective(Kind::all_gather, Role::data, 1 << 20, group(1, 1)), c), 1);
  EXPECT_EQ(compute_slowdown(collective(Kind::all_gather, Role::tensor, 1 << 20, group(1, 8)), c), 1);
}

// Megatron-DeepSpeed: 0.9 ms a layer forward and recompute, 1.3 ms backward, by the calibrated multiplier.
TEST(Launch, SumsOfALayer) {
  Calibration c = calibration("a100-80-megatron-deepspeed");
  const auto launch = [&](OpName op, Pass pass) { return c.op(op, pass).launch.v; };
  using O = OpName;
  double forward = 0, recompute = 0, backward = 0;
  for (O op : {O::norm1, O::qkv, O::attention_layout, O::scores, O::softmax, O::context, O::attention_out, O::residual1,
               O::norm2, O::mlp_up, O::activation, O::mlp_down, O::residual2}) {
    forward += launch(op, Pass::forward);
    recompute += launch(op, Pass::recompute);
    backward += launch(op, Pass::input_gradient) + launch(op, Pass::weight_gradient);
  }
  backward += 2 * launch(O::residual_gradient, Pass::input_gradient);
  EXPECT_NEAR(forward, 0.9e-3, 1e-6);
  EXPECT_NEAR(recompute, 0.9e-3, 1e-6);
  EXPECT_NEAR(backward, 1.3e-3, 1e-6);

  const Cluster a100s = cluster(a100_node());
  const CostClass norm = compute(memory(O::norm1, Pass::forward, 1024));
  EXPECT_NEAR(seconds(price(norm, c, a100s).launch), c.launch_multiplier * launch(O::norm1, Pass::forward), 1e-12);
  const CostClass reduce = collective(Kind::all_reduce, Role::tensor, 1 << 20, group(1, 8));
  EXPECT_NEAR(seconds(price(reduce, c, a100s).launch), 3 * c.tensor_launch_doubling.v, 1e-12);
  Program program;
  program.classes = {norm, reduce};
  std::vector<Price> prices;
  price(program, c, a100s, true, prices);
  ASSERT_EQ(prices.size(), 2u);
  EXPECT_EQ(prices[0].launch.v + prices[1].launch.v, 0) << "a captured graph launches nothing";
  EXPECT_GT(prices[0].total().v, 0);
}

TEST_F(Prices, WeakestEvidenceCounts) {
  const CostClass gather = collective(Kind::all_gather, Role::data, 1 << 28, group(1, 8));
  EXPECT_EQ(evidence(gather, c), Evidence::measured);                       // a measured curve
  const CostClass far = collective(Kind::all_gather, Role::data, 1 << 28, group(4, 8));
  EXPECT_EQ(evidence(far, c), Evidence::datasheet);                         // NCCL's own latencies
  const CostClass broadcast = collective(Kind::broadcast, Role::data, 1 << 28, group(1, 8));
  EXPECT_EQ(evidence(broadcast, c), Evidence::assumed);                     // NCCL's model, no measurement
  EXPECT_EQ(evidence(compute(linear(OpName::qkv, Pass::forward, 8, 8, 8)), c), Evidence::calibrated);
}

// Every constant that any price names is one that a file can set, or an entry of a table.
TEST_F(Prices, ConstantsAreKnownByName) {
  std::vector<CostClass> classes = {collective(Kind::all_reduce, Role::data, 1 << 20, group(4, 8)),
                                    collective(Kind::send, Role::to_next, 1 << 20, group(2, 1)),
                                    collective(Kind::send, Role::to_next, 1 << 20, group(1, 2)),
                                    compute(linear(OpName::qkv, Pass::weight_gradient, 8, 8, 8)),
                                    compute(linear(OpName::qkv, Pass::forward, 8, 8, 8, DType::fp8)),
                                    compute(memory(OpName::norm1, Pass::recompute, 8))};
  for (const CostClass& k : classes) {
    const auto names = constants_of(k, c);
    EXPECT_FALSE(names.empty());
    for (const std::string& n : names) {
      double value = 0;
      EXPECT_TRUE(get_constant(c, n, value)) << n;
    }
  }
}

TEST_F(Prices, WhatWasMeasuredGoesBeforeTheFormulas) {
  const Op up = linear(OpName::mlp_up, Pass::forward, 512, 1024, 256, DType::fp32);
  Op attention = up;
  attention.name = OpName::attention;
  attention.kind = OpKind::attention;
  const Price formula = price(compute(up), c, cluster(h100_node()));
  EXPECT_THROW(price(compute(attention), c, cluster(h100_node())), InputError);
  c.measured.set({up, {3e-3}, 0.1, "here"});
  c.measured.set({attention, {5e-3}, 0.1, "here"});
  EXPECT_EQ(seconds(price(compute(up), c, cluster(h100_node())).flow), 3e-3);
  EXPECT_EQ(seconds(price(compute(up), c, cluster(h100_node())).fixed), 0);
  EXPECT_EQ(price(compute(up), c, cluster(h100_node())).launch, formula.launch);
  EXPECT_EQ(seconds(price(compute(attention), c, cluster(h100_node())).total()), 5e-3);
  EXPECT_EQ(evidence(compute(up), c), Evidence::measured);
  EXPECT_TRUE(constants_of(compute(up), c).empty());
  Op again = up;
  again.pass = Pass::recompute;
  EXPECT_EQ(seconds(price(compute(again), c, cluster(h100_node())).flow), 3e-3) << "recompute counts as forward";
}

// Every field of an op tells it from another.
TEST(Measured, OnlyAnExactMatchIsFound) {
  const Op op = linear(OpName::mlp_up, Pass::forward, 512, 1024, 256);
  std::vector<Op> others(11, op);
  others[0].name = OpName::qkv;
  others[1].pass = Pass::weight_gradient;
  others[2].kind = OpKind::memory;
  others[3].dtype = DType::fp32;
  others[4].causal = true;
  others[5].gated = true;
  others[6].accumulate = true;
  others[7].batch = 2;
  others[8].m = 513;
  others[9].n = 1023;
  others[10].elements = 1;
  MeasuredOps measured;
  measured.set({op, {1}, 0, "here"});
  for (std::size_t i = 0; i < others.size(); ++i) EXPECT_EQ(measured.find(others[i]), nullptr) << i;
  for (std::size_t i = 0; i < others.size(); ++i)
    measured.set({others[i], {static_cast<double>(i) + 2}, 0, "here"});
  EXPECT_EQ(measured.find(op)->time.v, 1);
  for (std::size_t i = 0; i < others.size(); ++i)
    EXPECT_EQ(measured.find(others[i])->time.v, static_cast<double>(i) + 2) << i;
  measured.set({op, {7}, 0, "again"});
  EXPECT_EQ(measured.find(op)->time.v, 7);
  EXPECT_EQ(measured.all().size(), others.size() + 1);
}

}  // namespace
}  // namespace orrery::test
