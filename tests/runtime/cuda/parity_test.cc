// Plans on the CUDA plug-in compute what one rank computes on the CPU: the matrix of tests/runtime/play, of
// up to four ranks. ORRERY_TEST_ALL in the environment: more of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"

namespace orrery {
namespace {

using testing::Draw;
using testing::one_rank;
using testing::Trained;

testing::TrainOptions steps(const char* plug_in) {
  testing::TrainOptions o;
  o.steps = 2;
  o.plug_in = plug_in;
  return o;
}

// As tests/runtime/play/parity_test.cc: sums in other orders.
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

constexpr std::size_t drawn = 200, whole = 40, sample = 8;

// Steps that are launched as graphs give the same bits as those that are not.
TEST(CudaGraphs, LeaveWhatCallsLeave) {
  std::vector<Draw> all = testing::drawn_plans(drawn, 5);
  std::erase_if(all, [](const Draw& d) { return d.plan.ranks() != 2; });
  const Draw& d = all.at(0);
  SCOPED_TRACE(d.name);
  const auto train = [&] {
    testing::TrainOptions o = steps(ORRERY_CUDA_PLUG_IN);
    o.steps = 4;
    return testing::train(*d.model, testing::cluster(2), d.training, d.plan, o);
  };
  const Trained by_calls = train();
  setenv("ORRERY_CUDA_GRAPHS", "1", 1);
  const Trained by_graphs = train();
  unsetenv("ORRERY_CUDA_GRAPHS");
  EXPECT_EQ(by_graphs.losses, by_calls.losses);
  EXPECT_EQ(by_graphs.weights, by_calls.weights);
}

constexpr std::size_t shards = 4;

class CudaPlans : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CudaPlans, ComputeWhatOneRankComputes) {
  std::map<const Model*, Trained> references;
  std::vector<Draw> all = testing::drawn_plans(drawn, 5);
  std::erase_if(all, [](const Draw& d) { return d.plan.ranks() > 4; });
  const std::size_t count = std::getenv("ORRERY_TEST_ALL") ? whole : sample;
  ASSERT_GE(all.size(), count);
  for (std::size_t i = GetParam(); i < count && !HasFailure(); i += shards) {
    const Draw& d = all[i];
    SCOPED_TRACE(d.name);
    Trained& expected = references[d.model];
    if (expected.losses.empty())
      expected = testing::train(*d.model, testing::cluster(1), d.training, one_rank(d.training), steps(""));
    expect_equal(testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan,
                                steps(ORRERY_CUDA_PLUG_IN)),
                 expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, CudaPlans, ::testing::Range(std::size_t{0}, shards));

}  // namespace
}  // namespace orrery
