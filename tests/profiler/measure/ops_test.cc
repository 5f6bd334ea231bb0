#include "profiler/measure/ops.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "profiler/measure/cpu_device.h"
#include "runtime/play/bind.h"
#include "sim/program/compile.h"
#include "tests/profiler/measure/fake_device.h"
#include "tests/program/fixtures.h"

namespace orrery::testing {
namespace {

class Quiet : public Watch {
 public:
  bool stop() override { return polls_ >= 0 && polls_-- == 0; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
  void stop_after(int polls) { polls_ = polls; }

 private:
  int polls_ = -1;
};

OpCase with(Plan plan, std::int64_t batch = 4, std::int64_t sequence = 16) {
  OpCase c{{sequence, batch, 0, {}}, std::move(plan)};
  c.training.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  return c;
}

std::vector<OpCase> several() {
  Plan two_stages, tensor, sharded;
  two_stages.pp = 2;
  tensor.tp = 2;
  tensor.micro_batch = 2;
  sharded.dp = 2;
  sharded.layers = {{Zero::full, Recompute::full, true}};
  return {with({}), with(two_stages), with(tensor), with(sharded)};
}

const auto nothing = [] {};

TEST(Ops, EveryComputeClassOfThePlansIsMeasured) {
  const std::vector<OpCase> cases = several();
  for (const Model& model : {gpt(2, 32, 2, 64, 16), llama(2, 32, 4, 2, 48, 64)}) {
    MeasuredOps measured;
    Quiet watch;
    EXPECT_TRUE(measure_ops(model, cases, fake_device(by_size), "here", measured, watch, nothing).empty());
    for (const OpCase& c : cases) {
      const Program p = compile(model, one_node(c.plan.ranks()), c.training, c.plan, Ranks::all);
      for (const CostClass& k : p.classes) {
        if (k.kind != Kind::compute) continue;
        const MeasuredOp* m = measured.find(k.op);
        ASSERT_NE(m, nullptr) << model.name << " " << name(k.op.name);
        EXPECT_EQ(m->source, "here");
        EXPECT_EQ(m->spread, 0) << "the device's clock is exact";
      }
    }
    EXPECT_TRUE(missing_ops(model, cases, measured).empty());
  }
}

// The time of an op is that of the kernels that the runtime launches for it.
TEST(Ops, TimesAreThoseOfTheKernels) {
  const Model model = gpt(2, 32, 2, 64, 16);
  MeasuredOps measured;
  Quiet watch;
  const OpCase c = with({});
  measure_ops(model, {&c, 1}, fake_device(by_size), "here", measured, watch, nothing);
  int products = 0;
  for (const MeasuredOp& m : measured.all()) {
    if (m.op.kind != OpKind::matmul || (m.op.name == OpName::logits && m.op.pass == Pass::weight_gradient))
      continue;
    ++products;
    EXPECT_NEAR(m.time.v, 1e-9 * static_cast<double>(1 + m.op.m * m.op.n * m.op.k), 1e-15) << name(m.op.name);
  }
  EXPECT_GE(products, 10);
}

TEST(Ops, WhatIsKnownIsNotMeasuredAgain) {
  const Model model = llama(2, 32, 4, 2, 48, 64);
  const std::vector<OpCase> cases = several();
  MeasuredOps measured;
  Quiet watch;
  FakeLog first, second;
  measure_ops(model, cases, fake_device(by_size, &first), "a", measured, watch, nothing);
  const MeasuredOps before = measured;
  measure_ops(model, cases, fake_device(by_size, &second), "b", measured, watch, nothing);
  EXPECT_GT(first.devices, 0);
  EXPECT_EQ(second.devices, 0);
  EXPECT_EQ(measured, before);
}

// Cut off after each rank and continued, the result is the same.
TEST(Ops, ContinuesWhereItWasStopped) {
  const Model model = gpt(2, 32, 2, 64, 16);
  const std::vector<OpCase> cases = several();
  Quiet watch;
  MeasuredOps at_once, in_pieces;
  measure_ops(model, cases, fake_device(by_size), "here", at_once, watch, nothing);
  std::size_t left = ~std::size_t{0};
  while (left > 0) {
    Quiet short_watch;
    short_watch.stop_after(1);
    const std::size_t now =
        measure_ops(model, cases, fake_device(by_size), "here", in_pieces, short_watch, nothing).size();
    ASSERT_LT(now, left);
    left = now;
  }
  EXPECT_EQ(in_pieces, at_once);
}

TEST(Ops, TheLargestPartOfTheStepsComesFirst) {
  const Model model = gpt(4, 64, 2, 512, 16);
  const OpCase c = with({}, 256);
  const std::vector<Op> order = missing_ops(model, {&c, 1}, {});
  ASSERT_GT(order.size(), 10u);
  EXPECT_EQ(order.front().kind, OpKind::matmul);
  const auto place = [&](OpName name) {
    return std::find_if(order.begin(), order.end(), [&](const Op& op) { return op.name == name; }) -
           order.begin();
  };
  EXPECT_LT(place(OpName::mlp_up), place(OpName::optimizer));
  EXPECT_LT(place(OpName::norm1), place(OpName::final_norm)) << "of four layers, and of the head";
}

// On the CPU backend every op of every pass takes some time, the update among them: gradients stay finite
// however often they are added to.
TEST(Ops, OnTheCpu) {
  const Model model = gpt(2, 32, 2, 64, 16);
  const std::vector<OpCase> cases = several();
  MeasuredOps measured;
  Quiet watch;
  OpOptions options;
  options.least = options.most = 40;
  EXPECT_TRUE(measure_ops(model, cases, cpu_device(), "here", measured, watch, nothing, options).empty());
  for (const MeasuredOp& m : measured.all()) EXPECT_GE(m.time.v, 0) << name(m.op.name);
}

// Gradients are finite when the update reads them, else it would do nothing; on the device of the test, the
// memory is filled by copies before the first kernel and before the first of the update.
TEST(Ops, TheUpdateStartsFromFreshMemory) {
  const Model model = gpt(2, 32, 2, 64, 16);
  const OpCase c = with({});
  MeasuredOps measured;
  Quiet watch;
  FakeLog log;
  OpOptions options;
  options.warmups = 0;
  options.least = options.most = 1;
  measure_ops(model, {&c, 1}, fake_device(by_size, &log), "here", measured, watch, nothing, options);
  const auto update = std::find(log.kernels.begin(), log.kernels.end(), KernelName::sum_of_squares);
  ASSERT_NE(update, log.kernels.end());
  const std::vector<std::size_t> fills{0, static_cast<std::size_t>(update - log.kernels.begin())};
  EXPECT_EQ(log.filled_before, fills);
}

}  // namespace
}  // namespace orrery::testing
