// Plans on the CUDA plug-in compute what one rank computes on the CPU. ORRERY_TEST_ALL in the environment:
// all plans of up to four ranks of the CPU's matrix (tests/runtime/play), not a sample. Where
// ORRERY_TEST_GPUS says how many GPUs there are, none of more ranks, and sixty at most.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/runtime/cuda/ranks.h"
#include "tests/runtime/cuda/stand_ins.h"
#include "tests/runtime/play/plans.h"
#include "tests/runtime/play/ranks.h"
#include "tests/runtime/play/rounding.h"

namespace orrery {
namespace {

using testing::Draw;
using testing::one_rank;
using testing::Trained;

testing::TrainOptions steps(const std::string& plug_in) {
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

constexpr std::size_t drawn = 200, sample = 8, most_on_gpus = 60;

int most_ranks() { return std::min(4, static_cast<int>(testing::gpus())); }

// Steps that are launched as graphs give the same bits as those that are not.
TEST(CudaGraphs, LeaveWhatCallsLeave) {
  std::vector<Draw> all = testing::drawn_plans(drawn, 5);
  const int ranks = std::min(2, most_ranks());
  std::erase_if(all, [&](const Draw& d) { return d.plan.ranks() != ranks; });
  const Draw& d = all.at(0);
  SCOPED_TRACE(d.name);
  const auto train = [&] {
    testing::TrainOptions o = steps(testing::cuda_plug_in());
    o.steps = 4;
    return testing::train(*d.model, testing::cluster(ranks), d.training, d.plan, o);
  };
  const Trained by_calls = train();
  setenv("ORRERY_CUDA_GRAPHS", "1", 1);
  const Trained by_graphs = train();
  unsetenv("ORRERY_CUDA_GRAPHS");
  EXPECT_EQ(by_graphs.losses, by_calls.losses);
  EXPECT_EQ(by_graphs.weights, by_calls.weights);
}

constexpr std::size_t shards = 4;

// The matrix of tests/runtime/play, as far as it has at most four ranks; a sample is drawn on its own.
std::vector<Draw> plans_of_four() {
  const bool whole = std::getenv("ORRERY_TEST_ALL") != nullptr;
  std::vector<Draw> all = whole ? testing::drawn_plans(600) : testing::drawn_plans(drawn, 5);
  std::erase_if(all, [](const Draw& d) { return d.plan.ranks() > most_ranks(); });
  EXPECT_GE(all.size(), most_ranks() == 1 ? std::size_t{4} : sample);
  const std::size_t most = std::getenv("ORRERY_TEST_GPUS") ? most_on_gpus : all.size();
  all.resize(std::min(all.size(), whole ? most : sample));
  return all;
}

class CudaPlans : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CudaPlans, ComputeWhatOneRankComputes) {
  std::map<const Model*, Trained> references;
  const std::vector<Draw> all = plans_of_four();
  for (std::size_t i = GetParam(); i < all.size() && !HasFailure(); i += shards) {
    const Draw& d = all[i];
    SCOPED_TRACE(d.name);
    Trained& expected = references[d.model];
    if (expected.losses.empty())
      expected = testing::train(*d.model, testing::cluster(1), d.training, one_rank(d.training), steps(""));
    expect_equal(testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan,
                                steps(testing::cuda_plug_in())),
                 expected);
    EXPECT_EQ(testing::left_on_stand_ins(), "");
    std::printf("%d ranks: %s\n", d.plan.ranks(), d.name.c_str());
  }
}

// In bf16, as close to fp32 as one rank of the CPU in bf16: tests/runtime/play/rounding.h says why so close.
TEST_P(CudaPlans, AreAsCloseToFp32InBf16AsOneRank) {
  std::map<const Model*, testing::Rounded> references;
  std::vector<Draw> all = testing::drawn_plans(drawn, 3);
  std::erase_if(all, [](const Draw& d) { return d.plan.ranks() > most_ranks(); });
  ASSERT_GE(all.size(), 4u);
  const std::size_t count = std::min<std::size_t>(all.size(), std::getenv("ORRERY_TEST_ALL") ? 40 : 4);
  for (std::size_t i = GetParam(); i < count && !HasFailure(); i += shards) {
    Draw& d = all[i];
    SCOPED_TRACE(d.name);
    testing::Rounded& expected = references[d.model];
    if (expected.fp32.losses.empty()) expected = testing::rounded(d, steps(""));
    d.training.precision = testing::in_bf16;
    testing::expect_as_close(testing::train(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan,
                                            steps(testing::cuda_plug_in())),
                             expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, CudaPlans, ::testing::Range(std::size_t{0}, shards));

}  // namespace
}  // namespace orrery
