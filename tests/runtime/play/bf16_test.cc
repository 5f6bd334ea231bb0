// Plans in bf16 with fp32 gradients and master weights. Rounding is its own yardstick: one rank in bf16
// differs from one rank in fp32 by what rounding activations and weights to 8 bits does. A plan rounds
// partial sums besides, in at most as many places again (each linear's output is a sum of tp rounded ones),
// so that its difference from fp32 is of the same size: independent errors add as squares, and what a tensor
// of few elements draws scatters.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"

namespace orrery {
namespace {

using testing::Draw;
using testing::Tensors;
using testing::Trained;

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = double{a[i]} - double{b[i]};
    sum += d * d;
  }
  return std::sqrt(sum);
}

double length(const std::vector<float>& a) { return distance(a, std::vector<float>(a.size(), 0.0F)); }

struct Reference {
  Trained fp32, bf16;
};

Reference reference(const Draw& d, const testing::TrainOptions& options) {
  Plan one;
  one.micro_batch = d.training.global_batch;
  Training half = d.training;
  half.precision = {DType::bf16, DType::bf16, DType::fp32, true};
  return {testing::train(*d.model, testing::cluster(1), d.training, one, options),
          testing::train(*d.model, testing::cluster(1), half, one, options)};
}

void expect_as_close(const Tensors& got, const Tensors& one, const Tensors& exact) {
  double largest = 0;
  for (const auto& [name, values] : exact) largest = std::max(largest, length(values));
  for (const auto& [name, values] : exact) {
    const double rounding = distance(one.at(name), values);
    // 2^-9 of the value is the rounding that any tensor may have.
    const double least = std::max(length(values), largest / 1000) / 512;
    EXPECT_LE(distance(got.at(name), values), 3 * rounding + least) << name;
  }
}

class Bf16Plans : public ::testing::TestWithParam<int> {};

TEST_P(Bf16Plans, AreAsCloseToFp32AsOneRank) {
  constexpr std::size_t plans = 40;
  constexpr int shards = 4;
  testing::TrainOptions options;
  options.steps = 3;
  std::map<const Model*, Reference> references;
  std::vector<Draw> all = testing::drawn_plans(plans, 3);
  for (std::size_t i = static_cast<std::size_t>(GetParam()); i < plans && !HasFailure(); i += shards) {
    Draw& d = all[i];
    SCOPED_TRACE(d.name);
    Reference& expected = references[d.model];
    if (expected.fp32.losses.empty()) expected = reference(d, options);
    d.training.precision = {DType::bf16, DType::bf16, DType::fp32, true};
    const Trained got =
        testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan, options);
    for (std::size_t s = 0; s < got.losses.size(); ++s) {
      EXPECT_NEAR(got.losses[s], expected.fp32.losses[s], expected.fp32.losses[s] / 512) << "step " << s;
      expect_as_close(got.gradients[s], expected.bf16.gradients[s], expected.fp32.gradients[s]);
    }
    expect_as_close(got.weights, expected.bf16.weights, expected.fp32.weights);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, Bf16Plans, ::testing::Range(0, 4));

}  // namespace
}  // namespace orrery
