// What follows from a plan without compiling it: micro-batches, cuts into stages, the line that names it.
#include "sim/plan/plan.h"

#include <gtest/gtest.h>

#include "tests/program/fixtures.h"

namespace orrery {
namespace {

using testing::gpt, testing::plan, testing::training;

TEST(Plan, MicroBatchesOfOneReplica) {
  Plan p = plan({.dp = 4});
  EXPECT_EQ(micro_batches(training(32, 64), p), 16);
  p.micro_batch = 2;
  EXPECT_EQ(micro_batches(training(32, 64), p), 8);
  p.tp = p.pp = p.cp = 8;  // degrees that share a replica do not count
  EXPECT_EQ(micro_batches(training(32, 64), p), 8);
  EXPECT_EQ(micro_batches(training(32, std::int64_t{1} << 33), p), std::int64_t{1} << 30);
}

TEST(Plan, RanksAreAllDegreesButExperts) {
  Plan p = plan({.tp = 2, .pp = 3, .dp = 5});
  p.cp = 7;
  p.ep = 11;
  EXPECT_EQ(p.ranks(), 210);
}

TEST(Plan, LayersAreCutEvenlyAndTheFirstStagesTakeTheRest) {
  EXPECT_EQ(stage_layers(gpt(8, 64, 4), plan({.pp = 4})), (std::vector<int>{2, 2, 2, 2}));
  EXPECT_EQ(stage_layers(gpt(10, 64, 4), plan({.pp = 4})), (std::vector<int>{3, 3, 2, 2}));
  EXPECT_EQ(stage_layers(gpt(10, 64, 4), plan({.pp = 2, .chunks = 3})), (std::vector<int>{2, 2, 2, 2, 1, 1}));
  EXPECT_EQ(stage_layers(gpt(5, 64, 4), plan({})), (std::vector<int>{5}));
}

TEST(Plan, GivenStagesStandAsTheyAre) {
  Plan p = plan({.pp = 4});
  p.stage_layers = {0, 4, 4, 0};
  EXPECT_EQ(stage_layers(gpt(8, 64, 4), p), (std::vector<int>{0, 4, 4, 0}));
}

TEST(Plan, OneStrategyIsForAllLayers) {
  Plan p = plan({}, Zero::full);
  EXPECT_EQ(p.strategy(0), p.strategy(7));
  p.layers = {{Zero::none}, {Zero::optimizer}, {Zero::full}};
  EXPECT_EQ(p.strategy(1).zero, Zero::optimizer);
  EXPECT_EQ(p.strategy(2).zero, Zero::full);
}

TEST(Plan, ItsCutIsWrittenAsRunsOfEqualStages) {
  Plan p;
  for (const std::vector<int>& even : {std::vector<int>{}, {12}, {3, 3, 3}}) {
    p.stage_layers = even;
    EXPECT_EQ(cut_text(p), "even");
  }
  p.stage_layers = {7, 8, 8, 8, 7};
  p.pp = 5;
  EXPECT_EQ(cut_text(p), "7,3*8,7");
  EXPECT_EQ(summary(p), "tp1 pp5 cut 7,3*8,7 dp1 mbs1 1f1b");
  p.stage_layers = {1, 2, 3, 4, 5};
  EXPECT_EQ(cut_text(p), "uneven");
}

TEST(Plan, Summaries) {
  EXPECT_EQ(summary(plan({})), "tp1 pp1 dp1 mbs1");
  EXPECT_EQ(summary(plan({.tp = 8, .pp = 4, .dp = 16}, Zero::optimizer, Recompute::selective)),
            "tp8 pp4 dp16 mbs1 1f1b zero1 recompute selective");
  Plan p = plan({.tp = 8, .pp = 12, .dp = 16, .chunks = 3}, Zero::full, Recompute::full);
  p.sequence_parallel = true;
  p.micro_batch = 4;
  EXPECT_EQ(summary(p), "tp8sp pp12x3 dp16 mbs4 interleaved zero3 recompute full");
  p = plan({.pp = 2}, Zero::gradients);
  p.cp = 2;
  p.schedule = Schedule::gpipe;
  EXPECT_EQ(summary(p), "tp1 cp2 pp2 dp1 mbs1 gpipe zero2");
  p = plan({.dp = 2});
  p.layers = {{Zero::none, Recompute::none}, {Zero::full, Recompute::full}};
  EXPECT_EQ(summary(p), "tp1 pp1 dp2 mbs1 zero mixed recompute mixed");
}

}  // namespace
}  // namespace orrery
