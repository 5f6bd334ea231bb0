// Every plan computes what one rank computes.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/play/compute.h"
#include "tests/program/matrix.h"
#include "tests/runtime/play/ranks.h"

namespace orrery {
namespace {

Training fp32(Training t) {
  t.precision = {DType::fp32, DType::fp32, DType::fp32, false};
  return t;
}

testing::Trained reference(const Model& model, const Training& training,
                           const testing::TrainOptions& options) {
  Plan one;
  one.micro_batch = training.global_batch;
  one.attention = AttentionKernel::unfused;
  return testing::train(model, testing::cluster(1), training, one, options);
}

TEST(Play, OneRankLearns) {
  const Model model = testing::gpt(2, 64, 4, 512, 32);
  testing::TrainOptions options;
  options.steps = 1;
  const testing::Trained t = reference(model, fp32(testing::training(32, 8)), options);
  EXPECT_NEAR(t.losses[0], std::log(512.0), 0.1);
  EXPECT_GT(t.gradient_norms[0], 0);
}

TEST(Play, EveryPlanComputesWhatOneRankComputes) {
  std::map<std::string, testing::Trained> references;
  int plans = 0;
  for (testing::Case& c : testing::cases(7)) {
    c.training = fp32(c.training);
    if (c.plan.ranks() > 8 || not_executable(c.model, c.training, c.plan)) continue;
    SCOPED_TRACE(c.name);
    const testing::TrainOptions options;
    const std::string key =
        c.model.name + std::to_string(c.model.depth()) + " " + std::to_string(c.training.sequence);
    if (!references.contains(key)) references[key] = reference(c.model, c.training, options);
    const testing::Trained& expected = references[key];
    const testing::Trained got = testing::train(c.model, c.cluster, c.training, c.plan, options);
    for (std::size_t s = 0; s < expected.losses.size(); ++s) {
      EXPECT_NEAR(got.losses[s], expected.losses[s], 1e-5 * expected.losses[s]) << "step " << s;
      EXPECT_NEAR(got.gradient_norms[s], expected.gradient_norms[s], 1e-4 * expected.gradient_norms[s]);
      const testing::Difference d = testing::difference(got.gradients[s], expected.gradients[s]);
      EXPECT_LT(d.relative, 1e-4) << d.tensor << ", step " << s;
    }
    ++plans;
    if (HasFailure()) break;
  }
  EXPECT_GT(plans, 0);
}

}  // namespace
}  // namespace orrery
