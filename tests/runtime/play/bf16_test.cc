// Plans in bf16 are as close to fp32 as one rank is: rounding.h.
#include <gtest/gtest.h>

#include <map>

#include "tests/runtime/play/rounding.h"

namespace orrery {
namespace {

using testing::Draw;

class Bf16Plans : public ::testing::TestWithParam<int> {};

TEST_P(Bf16Plans, AreAsCloseToFp32AsOneRank) {
  constexpr std::size_t plans = 40;
  constexpr int shards = 4;
  testing::TrainOptions options;
  options.steps = 3;
  std::map<const Model*, testing::Rounded> references;
  std::vector<Draw> all = testing::drawn_plans(plans, 3);
  for (std::size_t i = static_cast<std::size_t>(GetParam()); i < plans && !HasFailure(); i += shards) {
    Draw& d = all[i];
    SCOPED_TRACE(d.name);
    testing::Rounded& expected = references[d.model];
    if (expected.fp32.losses.empty()) expected = testing::rounded(d, options);
    d.training.precision = testing::in_bf16;
    testing::expect_as_close(
        testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan, options), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, Bf16Plans, ::testing::Range(0, 4));

}  // namespace
}  // namespace orrery
