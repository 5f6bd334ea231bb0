#include "sim/report/goodput.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/report/run_cost.h"

namespace orrery {
namespace {

Reliability reliability(double mtbf, double restart, double every, double write) {
  return {{mtbf}, {restart}, {every}, {write}};
}

TEST(Goodput, IntervalsInClosedForm) {
  EXPECT_DOUBLE_EQ(young_interval({50}, {10000}).v, 1000);  // sqrt(2 * 50 * 10000)
  // sqrt(2 d M) (1 + sqrt(d/2M)/3 + d/18M) - d with d = 50, M = 10000: 1000 * (1 + 0.05/3 + 1/3600) - 50
  EXPECT_NEAR(daly_interval({50}, {10000}).v, 1000 * (1 + 0.05 / 3 + 1.0 / 3600) - 50, 1e-9);
  EXPECT_DOUBLE_EQ(daly_interval({300}, {100}).v, 100);  // a checkpoint longer than 2 M
}

TEST(Goodput, DalysIntervalIsTheBestOne) {
  for (const double mtbf : {2000.0, 11124.0, 500000.0}) {
    const double best = goodput(reliability(mtbf, 600, 0, 30), 1).useful;
    const double t = daly_interval({30}, {mtbf}).v;
    for (const double factor : {0.5, 0.8, 1.25, 2.0})
      EXPECT_LT(goodput(reliability(mtbf, 600, factor * t, 30), 1).useful, best);
    EXPECT_LT(best - goodput(reliability(mtbf, 600, young_interval({30}, {mtbf}).v, 30), 1).useful, 0.01);
  }
}

TEST(Goodput, AgreesWithTheExactLaw) {
  const double m = 3600, restart = 120, d = 20, t = 400;
  const Goodput g = goodput(reliability(m * 1000, restart, t, d), 1000);
  EXPECT_DOUBLE_EQ(g.mtbf.v, m);
  EXPECT_NEAR(1 / g.useful, std::exp(restart / m) * m * (std::exp((t + d) / m) - 1) / t, 1e-12);
  EXPECT_NEAR(g.useful + g.checkpoints + g.failures, 1, 1e-15);
  EXPECT_NEAR(g.checkpoints / g.useful, d / t, 1e-15);
}

// Llama 3: 419 failures in 54 days on 16,384 GPUs; 30 s to write, 10 min to restart: 13.6 min, 0.87 to 0.89
// useful.
TEST(Goodput, LlamaThree) {
  const Goodput g = goodput(reliability(3600.0 * 54 * 24 * 16384 / 419, 600, 0, 30), 16384);
  EXPECT_NEAR(g.mtbf.v / 3600, 3.09, 0.01);
  EXPECT_NEAR(young_interval({30}, g.mtbf).v / 60, 13.6, 0.1);
  EXPECT_GT(g.useful, 0.87);
  EXPECT_LT(g.useful, 0.89);
}

TEST(Goodput, NothingGivenIsNotModelled) {
  const Goodput g = goodput({}, 8);
  EXPECT_FALSE(g.modelled);
  EXPECT_EQ(g.useful, 1);
}

TEST(Goodput, CheckpointsWithoutFailures) {
  const Goodput g = goodput(reliability(0, 0, 900, 100), 8);
  EXPECT_TRUE(g.modelled);
  EXPECT_DOUBLE_EQ(g.useful, 0.9);
  EXPECT_DOUBLE_EQ(g.checkpoints, 0.1);
  EXPECT_NEAR(g.failures, 0, 1e-15);
}

TEST(Goodput, FailuresWithoutCheckpointCost) {
  const Goodput g = goodput(reliability(8e5, 1000, 0, 0), 8);
  EXPECT_EQ(g.interval.v, 0);
  EXPECT_NEAR(g.useful, std::exp(-0.01), 1e-12);
}

TEST(Goodput, HopelessRunsHaveNone) {
  const Goodput g = goodput(reliability(1, 600, 3600, 30), 1000);
  EXPECT_EQ(g.useful, 0);
  EXPECT_EQ(g.failures, 1);
}

// The worked example: 489 k tokens/s, 512 GPUs at 2.50 USD, 2 T tokens, 93 % useful.
TEST(RunCost, WorkedExample) {
  Prices prices;
  prices.gpu_hour = 2.5;
  prices.pue = 1.25;
  prices.energy_kwh = 0.09;
  const RunCost c = run_cost(2e12, 489e3, 0.93, 512, {512 * 700.0}, prices);
  EXPECT_NEAR(c.duration.v / 86400, 50.9, 0.05);
  EXPECT_NEAR(c.total.v / 1e6, 1.56, 0.005);
  EXPECT_NEAR(c.per_million_tokens.v, 0.78, 0.005);
  EXPECT_NEAR(c.energy_kwh / 1e6, 0.55, 0.005);
  EXPECT_DOUBLE_EQ(c.energy.v, c.energy_kwh * 0.09);
  EXPECT_EQ(run_cost(0, 489e3, 1, 512, {}, prices), RunCost{});
}

// A node of 8 H100 at full load: 7.4 kW, where 76 % of 10.2 kW was measured.
TEST(RunCost, PowerOfANode) {
  Device h100;
  h100.power = {700};
  EXPECT_DOUBLE_EQ(8 * gpu_power(h100, 1).v, 7400);
  EXPECT_DOUBLE_EQ(8 * gpu_power(h100, 0).v, 1800 + 8 * 85);
  EXPECT_NEAR(8 * gpu_power(h100, 1).v, 0.76 * 10200, 0.05 * 7752);
}

}  // namespace
}  // namespace orrery
