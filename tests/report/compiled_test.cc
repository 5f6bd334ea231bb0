// Reports of compiled Programs, over a matrix of plans: parts that sum, and the same answers folded and
// unfolded.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sim/base/hash.h"
#include "sim/engine/replay.h"
#include "sim/program/compile.h"
#include "sim/program/ledger.h"
#include "sim/program/print.h"
#include "sim/report/breakdown.h"
#include "sim/report/report.h"
#include "sim/report/trace_source.h"
#include "tests/program/matrix.h"

namespace orrery {
namespace {

// A price that depends on what the class is, so that folded and unfolded Programs have the same. Tokens
// arrive for nothing, so that nothing is left to the host.
std::vector<Price> prices(const Program& p) {
  std::vector<Price> out;
  for (const CostClass& c : p.classes) {
    std::uint64_t h = static_cast<std::uint64_t>(c.op.pass);
    for (const char letter : describe(c)) h = mix(h ^ static_cast<unsigned char>(letter));
    const auto size = static_cast<std::int64_t>(h % 1000);
    const bool free = c.kind == Kind::host || c.kind == Kind::copy;
    out.push_back(free ? Price{} : Price{{size / 4}, {1000 + size}, {}});
  }
  return out;
}

struct Played {
  Program p;
  Timeline t;
  Tick end{};
};
Played play(const testing::Case& c, Ranks ranks) {
  Played out;
  out.p = compile(c.model, c.cluster, c.training, c.plan, ranks);
  Workspace w;
  out.end = replay(out.p, prices(out.p), w, out.t);
  return out;
}

TEST(Compiled, BreakdownsSumAndAreThoseOfTheUnfoldedProgram) {
  for (const testing::Case& c : testing::cases(23)) {
    const Played folded = play(c, Ranks::folded), all = play(c, Ranks::all);
    ASSERT_EQ(folded.end, all.end) << c.name;
    for (std::uint32_t team = 0; team < folded.p.teams.size(); ++team)
      for (std::uint32_t player = 0; player < folded.p.teams[team].players.size(); ++player) {
        const Breakdown b = breakdown(folded.p, folded.t, folded.end, team, player);
        EXPECT_EQ(std::accumulate(b.time.begin(), b.time.end(), Tick{}), folded.end) << c.name;
        for (const Tick part : b.time) EXPECT_GE(part.v, 0) << c.name;
        EXPECT_EQ(b[Category::host], Tick{}) << c.name;
        const auto& ranks = all.p.teams[team].players;
        const auto same = std::find(ranks.begin(), ranks.end(), folded.p.teams[team].players[player]);
        ASSERT_NE(same, ranks.end()) << c.name;
        EXPECT_EQ(b, breakdown(all.p, all.t, all.end, team, static_cast<std::uint32_t>(same - ranks.begin())))
            << c.name;
      }
    EXPECT_DOUBLE_EQ(executed_flops(folded.p).v, executed_flops(all.p).v) << c.name;
  }
}

// Full recompute runs the forward pass of the layers twice: four passes instead of three.
TEST(Compiled, ExecutedFlopsFollowTheFormulas) {
  testing::Case c{testing::gpt(4, 256, 4, 1024, 128), testing::cluster(4), testing::training(128, 8),
                  testing::plan({.tp = 2, .pp = 2}), ""};
  c.plan.attention = AttentionKernel::unfused;
  const auto executed = [&](Recompute recompute) {
    c.plan.layers = {LayerStrategy{Zero::none, recompute, true}};
    return executed_flops(compile(c.model, c.cluster, c.training, c.plan)).v;
  };
  EXPECT_DOUBLE_EQ(executed(Recompute::none), model_flops(c.model, 8, 128, FlopConvention::megatron).v);
  EXPECT_DOUBLE_EQ(executed(Recompute::full), model_flops(c.model, 8, 128, FlopConvention::hardware_full).v);
}

TEST(Compiled, MemorySamplesReachTheLedgersPeak) {
  for (const testing::Case& c : testing::cases(41)) {
    const Played played = play(c, Ranks::folded);
    const std::vector<Ledger> all = ledgers(played.p);
    for (std::uint32_t team = 0; team < all.size(); ++team) {
      const auto samples = report::memory_samples(played.p, played.t, team, 0);
      Bytes most{};
      for (std::size_t i = 0; i < samples.size(); ++i) {
        most = std::max(most, samples[i].bytes);
        if (i == 0) continue;
        ASSERT_LE(samples[i - 1].at, samples[i].at) << c.name;
      }
      EXPECT_EQ(most, all[team].peak) << c.name;
    }
  }
}

}  // namespace
}  // namespace orrery
