// Pipelines of random stages against all combinations of their options.
#include "planner/galvatron/pipeline.h"

#include <gtest/gtest.h>

#include <random>

namespace orrery::galvatron {
namespace {

class AllPipelines {
 public:
  explicit AllPipelines(const Pipeline& p) : p_(p), times_(p.options.size()) { stage(0, 0); }
  std::int64_t best() const { return best_; }

 private:
  void stage(std::size_t i, int used) {
    if (i == p_.options.size()) {
      if (used == p_.layers) best_ = std::min(best_, step_time(times_, p_.micro_batches, p_.bottleneck).v);
      return;
    }
    for (std::size_t n = 0; n < p_.options[i].size(); ++n)
      for (const Option& o : p_.options[i][n]) {
        times_[i] = {Tick{o.plain}, Tick{o.synchronised}};
        stage(i + 1, used + static_cast<int>(n));
      }
  }
  const Pipeline& p_;
  std::vector<StageTime> times_;
  std::int64_t best_ = never;
};

// Times small enough for ties, gradients long enough to end steps.
Pipeline random_pipeline(std::mt19937& random, int stages, int layers, Bottleneck bottleneck) {
  const auto number = [&](int low, int high) { return std::uniform_int_distribution(low, high)(random); };
  Pipeline out{layers, stages + number(0, 6), bottleneck, {}};
  const int slowest_gradient = number(1, 60);
  for (int i = 0; i < stages; ++i) {
    auto& by_layers = out.options.emplace_back(static_cast<std::size_t>(layers - stages) + 2);
    for (std::size_t n = 1; n < by_layers.size(); ++n)
      for (int k = number(0, 5); k > 0; --k)
        by_layers[n].push_back({number(1, 20), number(0, slowest_gradient), {}});
  }
  return out;
}

void expect_exact(Bottleneck bottleneck, unsigned seed, int count) {
  std::mt19937 random(seed);
  int bound_below = 0, none = 0;
  for (int i = 0; i < count; ++i) {
    const int stages = std::uniform_int_distribution(1, 4)(random);
    const Pipeline p =
        random_pipeline(random, stages, stages + std::uniform_int_distribution(0, 2)(random), bottleneck);
    const std::int64_t best = AllPipelines(p).best();
    const Best exact = best_pipeline(p, never, true, 1'000'000);
    const Best bound = best_pipeline(p, never, false, 1'000'000);
    ASSERT_EQ(exact.step, best);
    ASSERT_LE(bound.bound, best);
    ASSERT_GE(bound.step, best);
    if (bottleneck == Bottleneck::every_stage) {
      ASSERT_EQ(bound.bound, best);
    }
    ASSERT_EQ(best_pipeline(p, best, true, 1'000'000).step, never);
    if (best < never) {
      ASSERT_EQ(best_pipeline(p, best + 1, true, 1'000'000).step, best);
    }
    bound_below += bound.bound < best ? 1 : 0;
    none += best == never ? 1 : 0;
  }
  EXPECT_LT(none, count / 2);
  EXPECT_EQ(bound_below > 0, bottleneck == Bottleneck::ends);
}

TEST(GalvatronPipeline, IsTheBestByGalvatronsFormula) { expect_exact(Bottleneck::ends, 1, 20'000); }
TEST(GalvatronPipeline, IsTheBestWhereEveryStageCounts) { expect_exact(Bottleneck::every_stage, 2, 5'000); }

TEST(GalvatronPipeline, KeepsOptionsThatNoneIsAsGoodAs) {
  std::vector<Option> options{{5, 5, {}}, {4, 6, {}}, {6, 5, {}}, {4, 7, {}}, {6, 1, {}}};
  std::vector<Option> same = options;
  keep_best(options, false);
  ASSERT_EQ(options.size(), 3u);
  EXPECT_EQ(options[1].plain, 5);
  EXPECT_EQ(options[2].synchronised, 1);
  keep_best(same, true);
  ASSERT_EQ(same.size(), 3u);
  EXPECT_EQ(same[0].synchronised, 6);
}

TEST(GalvatronPipeline, StopsAtTooMany) {
  std::mt19937 random(3);
  Pipeline p = random_pipeline(random, 3, 5, Bottleneck::ends);
  while (AllPipelines(p).best() == never) p = random_pipeline(random, 3, 5, Bottleneck::ends);
  EXPECT_FALSE(best_pipeline(p, never, true, 1).complete);
}

}  // namespace
}  // namespace orrery::galvatron
