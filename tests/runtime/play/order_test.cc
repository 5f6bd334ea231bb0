// Sums in fixed order: when things happen changes no bit of the result.
#include <gtest/gtest.h>

#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"

namespace orrery {
namespace {

using testing::Draw;
using testing::Trained;

// The same cut and arithmetic at other times.
Plan retimed(Plan p) {
  p.tensor_overlap = p.tensor_overlap == TensorOverlap::none ? TensorOverlap::pipelined : TensorOverlap::none;
  p.overlap_gradients = !p.overlap_gradients;
  p.overlap_parameters = !p.overlap_parameters;
  p.bucket_parameters = p.bucket_parameters == 1 ? 15'000 : 1;
  p.prefetch = 2 - p.prefetch;
  p.receive_ahead = 1 - p.receive_ahead;
  p.send_slots = 4 - p.send_slots;
  p.scatter_gather = !p.scatter_gather;
  return p;
}

class FixedOrder : public ::testing::TestWithParam<int> {};

TEST_P(FixedOrder, TimesChangeNoBit) {
  constexpr std::size_t plans = 24;
  constexpr int shards = 4;
  testing::TrainOptions options;
  options.fixed_order = true;
  options.steps = 3;
  const std::vector<Draw> all = testing::drawn_plans(plans, 2);
  for (std::size_t i = static_cast<std::size_t>(GetParam()); i < plans && !HasFailure(); i += shards) {
    const Draw& d = all[i];
    SCOPED_TRACE(d.name);
    const auto train = [&](const Plan& plan) {
      return testing::train(*d.model, testing::cluster(plan.ranks()), d.training, plan, options);
    };
    const Trained once = train(d.plan);
    for (const Plan& plan : {d.plan, retimed(d.plan)}) {
      const Trained again = train(plan);
      EXPECT_EQ(again.losses, once.losses);
      EXPECT_EQ(again.gradient_norms, once.gradient_norms);
      EXPECT_TRUE(again.gradients == once.gradients);
      EXPECT_TRUE(again.weights == once.weights);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, FixedOrder, ::testing::Range(0, 4));

}  // namespace
}  // namespace orrery
