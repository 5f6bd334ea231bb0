// What the drawn plans cover, and the memory they take.
#include "tests/runtime/play/plans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/program/arena.h"
#include "sim/program/compile.h"
#include "sim/program/ledger.h"

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

// What the simulator predicts and what a rank allocates.
TEST(DrawnPlansReserve, TheLedgersPeakWithin3PercentInTheMean) {
  const std::vector<Draw> draws = testing::drawn_plans(200);
  double sum = 0;
  for (const Draw& d : draws) {
    const Program p = compile(*d.model, testing::cluster(d.plan.ranks()), d.training, d.plan);
    Bytes peak{}, size{};
    for (const Ledger& l : ledgers(p)) peak = std::max(peak, l.peak);
    for (std::uint32_t team = 0; team < p.teams.size(); ++team)
      size = std::max(size, lay_out(p, team).size());
    EXPECT_GE(size, peak) << d.name;
    sum += static_cast<double>(size.v) / static_cast<double>(peak.v) - 1;
  }
  EXPECT_LT(sum / static_cast<double>(draws.size()), 0.03);
}

}  // namespace
}  // namespace orrery
