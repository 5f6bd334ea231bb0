// Every plan computes what one rank computes. ORRERY_TEST_ALL in the environment: all plans, not a sample.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"

namespace orrery {
namespace {

using testing::Draw;
using testing::one_rank;
using testing::Trained;

TEST(Play, OneRankLearns) {
  const Draw d = testing::drawn_plans(1).front();
  const Trained t = testing::train(*d.model, testing::cluster(1), d.training, one_rank(d.training), {});
  EXPECT_NEAR(t.losses[0], std::log(static_cast<double>(d.model->vocab)), 0.1);
  EXPECT_LT(t.losses.back(), t.losses[0]);
  EXPECT_GT(t.gradient_norms[0], 0);
}

// fp32 has 24 bits. Sums of different order differ by some 2^-24 of their largest term, times the square root
// of a few hundred terms; five steps of the optimizer carry differences on.
void expect_equal(const Trained& got, const Trained& expected) {
  for (std::size_t s = 0; s < expected.losses.size(); ++s) {
    EXPECT_NEAR(got.losses[s], expected.losses[s], 1e-6 * expected.losses[s]) << "step " << s;
    EXPECT_NEAR(got.gradient_norms[s], expected.gradient_norms[s], 1e-5 * expected.gradient_norms[s]);
    const testing::Difference g = testing::difference(got.gradients[s], expected.gradients[s]);
    EXPECT_LT(g.relative, 1e-4) << "gradient of " << g.tensor << ", step " << s;
  }
  const testing::Difference w = testing::difference(got.weights, expected.weights);
  EXPECT_LT(w.relative, 1e-4) << w.tensor;
}

Trained trained(const Draw& d) {
  return testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan, {});
}

// Layer 4 was gathered into the slot that layer 3 was read from.
TEST(Play, LayersThatStayGatheredTakeNoTurnInTheSlots) {
  Draw d = testing::drawn_plans(1).front();
  d.plan = one_rank(d.training);
  const Trained expected = trained(d);
  d.plan = testing::plan({.dp = 2}, Zero::full);
  d.plan.layers.assign(6, {Zero::full, Recompute::none, true});
  d.plan.layers[1].reshard = false;
  expect_equal(trained(d), expected);
}

constexpr std::size_t whole = 600, sample = 200;
constexpr int shards = 8;

class DrawnPlans : public ::testing::TestWithParam<int> {};

TEST_P(DrawnPlans, ComputeWhatOneRankComputes) {
  std::map<const Model*, Trained> references;
  const std::vector<Draw> all = testing::drawn_plans(std::getenv("ORRERY_TEST_ALL") ? whole : sample);
  for (std::size_t i = static_cast<std::size_t>(GetParam()); i < all.size() && !HasFailure(); i += shards) {
    const Draw& d = all[i];
    SCOPED_TRACE(d.name);
    Trained& expected = references[d.model];
    if (expected.losses.empty())
      expected = testing::train(*d.model, testing::cluster(1), d.training, one_rank(d.training), {});
    expect_equal(trained(d), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, DrawnPlans, ::testing::Range(0, shards));

}  // namespace
}  // namespace orrery
