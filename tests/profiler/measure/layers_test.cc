#include "profiler/measure/layers.h"

#include <gtest/gtest.h>

#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery::testing {
namespace {

OpCase with(int tp, std::int64_t micro_batch, std::int64_t sequence) {
  OpCase c{{sequence, 2 * micro_batch, 0, {}}, {}};
  c.training.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  c.plan.tp = tp;
  c.plan.micro_batch = micro_batch;
  return c;
}

// Products take a nanosecond a multiplication, all else nothing.
MeasuredOps products_only(const Model& model, const OpCase& c) {
  MeasuredOps out;
  for (const CostClass& k : compile(model, one_node(c.plan.ranks()), c.training, c.plan, Ranks::all).classes)
    if (k.kind == Kind::compute)
      out.set({k.op,
               {k.op.kind == OpKind::matmul ? 1e-9 * static_cast<double>(k.op.m * k.op.n * k.op.k) : 0},
               0,
               ""});
  return out;
}

// The linears of a GPT layer are 12 h^2 multiplications a token, and as many parameters.
TEST(Layers, ALayerIsTheDifferenceOfTwoAndOne) {
  const std::int64_t h = 32, s = 16;
  const Model model = gpt(3, h, 2, 64, s);
  for (const int tp : {1, 2})
    for (const std::int64_t b : {1, 2, 4}) {
      OpCase c = with(tp, b, s);
      c.training.global_batch = b;
      const auto costs = layer_costs(model, {&c, 1}, products_only(model, c));
      ASSERT_EQ(costs.size(), 1u);
      const double time = 1e-9 * static_cast<double>(12 * h * h * b * s / tp);
      EXPECT_NEAR(costs[0].forward.v, time, 1e-12);
      EXPECT_NEAR(costs[0].input_gradient.v, time, 1e-12);
      EXPECT_NEAR(costs[0].weight_gradient.v, time, 1e-12);
      if (tp == 1) {
        EXPECT_EQ(costs[0].states.v, 16 * (12 * h * h + 13 * h));
      }
    }
}

TEST(Layers, ActivationsGoWithTheBatch) {
  const Model model = llama(2, 32, 4, 2, 48, 64);
  const OpCase one = with(1, 1, 16), four = with(1, 4, 16);
  const auto a = layer_costs(model, {&one, 1}, products_only(model, one)),
             b = layer_costs(model, {&four, 1}, products_only(model, four));
  ASSERT_EQ(a.size(), 1u);
  ASSERT_EQ(b.size(), 1u);
  EXPECT_GT(a[0].activations.v, 0);
  EXPECT_EQ(b[0].activations.v, 4 * a[0].activations.v);
  EXPECT_EQ(b[0].states, a[0].states);
}

TEST(Layers, WhatIsNotMeasuredIsLeftOut) {
  const Model model = gpt(2, 32, 2, 64, 16);
  const OpCase c = with(1, 1, 16);
  EXPECT_TRUE(layer_costs(model, {&c, 1}, {}).empty());
}

}  // namespace
}  // namespace orrery::testing
