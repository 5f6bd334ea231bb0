// What the drawn plans cover.
#include "tests/runtime/play/plans.h"

#include <gtest/gtest.h>

#include <map>

namespace orrery {
namespace {

using testing::Draw;

std::map<std::string, int> tally(const std::vector<Draw>& draws) {
  std::map<std::string, int> out;
  const auto count = [&](const std::string& what, int value) { ++out[what + " " + std::to_string(value)]; };
  for (const Draw& d : draws) {
    const Plan& p = d.plan;
    count("model", static_cast<int>(d.model - testing::drawn_models().data()));
    count("ranks", p.ranks());
    count("tp", p.tp);
    count("pp", p.pp);
    count("dp", p.dp);
    count("virtual stages", p.virtual_stages);
    count("schedule", static_cast<int>(p.schedule));
    count("micro-batch", static_cast<int>(p.micro_batch));
    count("sequence parallel", p.sequence_parallel);
    count("attention", static_cast<int>(p.attention));
    count("tensor overlap", static_cast<int>(p.tensor_overlap));
    count("overlap gradients", p.overlap_gradients);
    count("overlap parameters", p.overlap_parameters);
    count("prefetch", p.prefetch);
    count("receive ahead", p.receive_ahead);
    count("send slots", p.send_slots);
    count("scatter-gather", p.scatter_gather);
    count("early stop", p.early_stop);
    count("strategies", static_cast<int>(p.layers.size()));
    count("uneven", !p.stage_layers.empty());
    count("empty edge", !p.stage_layers.empty() && p.stage_layers.front() * p.stage_layers.back() == 0);
    for (const LayerStrategy& s : p.layers) {
      count("zero", static_cast<int>(s.zero));
      count("recompute", static_cast<int>(s.recompute));
      if (s.zero == Zero::full && p.dp > 1) count("reshard", s.reshard);
    }
  }
  return out;
}

TEST(DrawnPlansCover, EveryValueOfEveryChoice) {
  const std::map<std::string, int> counts = tally(testing::drawn_plans(200));
  int ranks = 0;
  for (const auto& [what, times] : counts) {
    EXPECT_GE(times, 5) << what;
    ranks += what.starts_with("ranks");
  }
  EXPECT_EQ(ranks, 6);  // 1, 2, 3, 4, 6 and 8
  for (const char* what : {"tp 8", "pp 4", "dp 8", "virtual stages 3", "schedule 0", "send slots 3",
                           "empty edge 1", "zero 3", "recompute 2", "reshard 0", "early stop 1"})
    EXPECT_TRUE(counts.contains(what)) << what;
}

}  // namespace
}  // namespace orrery
