// Bubbles of schedules against their closed forms (Narayanan et al. 2021), with compute alone priced: a
// layer's forward pass is one tick unit and its backward pass two.
#include "sim/program/schedule.h"

#include <gtest/gtest.h>

#include "sim/engine/replay.h"
#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery {
namespace {

using testing::cluster, testing::Degrees, testing::plan, testing::training;

constexpr std::int64_t unit = 1000;

// One linear of each layer costs one unit in each of its three passes; nothing else costs anything.
std::vector<Price> unit_prices(const Program& p) {
  std::vector<Price> prices(p.classes.size());
  for (std::size_t c = 0; c < prices.size(); ++c)
    if (p.classes[c].op.name == OpName::mlp_up) prices[c].flow = {unit};
  return prices;
}

double bubble_over_ideal(Degrees d, Schedule schedule, int micro_batches) {
  const Model model = testing::llama(d.pp * d.chunks, 64, 4, 4, 128);
  Plan p = plan(d);
  p.schedule = schedule;
  const Training t = training(16, micro_batches);
  const Cluster c = cluster(d.pp, 1);
  EXPECT_FALSE(violation(model, c, t, p).has_value());
  const Program program = compile(model, c, t, p);
  Workspace workspace;
  Timeline timeline;
  const Tick end = replay(program, unit_prices(program), workspace, timeline);
  const double ideal = 3.0 * unit * d.chunks * micro_batches;
  return static_cast<double>(end.v) / ideal - 1;
}

TEST(Schedule, BubbleOf1f1b) {
  EXPECT_NEAR(bubble_over_ideal({.pp = 4}, Schedule::one_f_one_b, 8), .375, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 8}, Schedule::one_f_one_b, 8), .875, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 8}, Schedule::one_f_one_b, 64), .109375, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 35}, Schedule::one_f_one_b, 280), 34.0 / 280, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 64}, Schedule::one_f_one_b, 512), 63.0 / 512, 1e-9);
}

TEST(Schedule, BubbleOfGpipe) {
  EXPECT_NEAR(bubble_over_ideal({.pp = 4}, Schedule::gpipe, 8), 3.0 / 8, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 8}, Schedule::gpipe, 32), 7.0 / 32, 1e-9);
}

TEST(Schedule, BubbleOfInterleaved) {
  EXPECT_NEAR(bubble_over_ideal({.pp = 4, .chunks = 2}, Schedule::interleaved, 8), .1875, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 8, .chunks = 3}, Schedule::interleaved, 64), 7.0 / 192, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 35, .chunks = 3}, Schedule::interleaved, 280), 34.0 / 840, 1e-9);
  EXPECT_NEAR(bubble_over_ideal({.pp = 16, .chunks = 8}, Schedule::interleaved, 32), 15.0 / 256, 1e-9);
}

TEST(Schedule, BlockingReceivesKeepTheBubbleWhenMessagesAreFree) {
  Plan p = plan({.pp = 4});
  p.receive_ahead = 0;
  const Model model = testing::llama(4, 64, 4, 4, 128);
  const Program program = compile(model, cluster(4, 1), training(16, 8), p);
  Workspace workspace;
  Timeline timeline;
  EXPECT_EQ(replay(program, unit_prices(program), workspace, timeline).v, (8 + 3) * 3 * unit);
}

// T = (m + p - 1)(F + B): doubling the micro-batches of a fixed pipeline.
TEST(Schedule, DoublingMicroBatches) {
  for (int m : {8, 16, 32}) {
    const double bubble = bubble_over_ideal({.pp = 8}, Schedule::one_f_one_b, m);
    EXPECT_NEAR((1 + bubble) * m, m + 7, 1e-9);
  }
}

TEST(Schedule, ActionsCoverEveryMicroBatchOnceInEachDirection) {
  for (const auto& [schedule, chunks] :
       {std::pair{Schedule::gpipe, 1}, {Schedule::one_f_one_b, 1}, {Schedule::interleaved, 3}}) {
    Plan p = plan({.pp = 4, .chunks = chunks});
    p.schedule = schedule;
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
      std::vector<Action> order;
      actions(p, 8, stage, order);
      EXPECT_EQ(order.size(), 2u * 8u * static_cast<std::size_t>(chunks));
      std::vector<int> seen(2 * 8 * static_cast<std::size_t>(chunks));
      for (const Action& a : order) {
        EXPECT_EQ(a.virtual_stage % 4, stage);
        const std::size_t forward = a.virtual_stage / 4 * 8 + a.micro_batch;
        EXPECT_TRUE(!a.backward || seen[forward] == 1) << "backward before forward";
        EXPECT_EQ(seen[forward + (a.backward ? 8 * static_cast<std::size_t>(chunks) : 0)]++, 0);
      }
    }
  }
}

}  // namespace
}  // namespace orrery
