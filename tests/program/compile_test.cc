#include "sim/program/compile.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/engine/replay.h"
#include "sim/model/params.h"
#include "sim/program/check.h"
#include "sim/program/ledger.h"
#include "tests/program/matrix.h"

namespace orrery {
namespace {

using testing::Case, testing::cases, testing::cluster, testing::plan, testing::training;

// Prices that tell classes apart, equal for equal classes of the folded and the whole Program.
std::vector<Price> prices(const Program& p) {
  std::vector<Price> out;
  for (const CostClass& c : p.classes) {
    const std::int64_t work = c.kind == Kind::compute
                                  ? static_cast<std::int64_t>(flops(c.op).v) % 100'003 + c.op.elements % 1009
                                  : c.bytes.v % 50'021 + std::int64_t{c.group.size} * 7 + c.group.nodes;
    out.push_back({{17}, {work}, {3}});
  }
  return out;
}

TEST(Compile, EveryProgramKeepsTheRules) {
  for (const Case& c : cases()) {
    EXPECT_EQ(check(compile(c.model, c.cluster, c.training, c.plan, Ranks::folded)), "") << c.name;
    EXPECT_EQ(check(compile(c.model, c.cluster, c.training, c.plan, Ranks::all)), "") << c.name;
  }
}

// Rule 12: every rank's Timeline and ledger equal its representative's.
TEST(Compile, FoldingIsExact) {
  for (const Case& c : cases()) {
    const Program folded = compile(c.model, c.cluster, c.training, c.plan, Ranks::folded);
    const Program all = compile(c.model, c.cluster, c.training, c.plan, Ranks::all);
    EXPECT_LE(folded.players(), all.players());
    Workspace workspace;
    Timeline f, a;
    EXPECT_EQ(replay(folded, prices(folded), workspace, f), replay(all, prices(all), workspace, a)) << c.name;
    std::map<std::uint32_t, std::vector<std::pair<std::int64_t, std::int64_t>>> by_rank;
    for_each_instruction(folded, [&](const Instruction& i) {
      by_rank[i.rank.i].push_back({f.start[i.id.i].v, f.end[i.id.i].v});
    });
    std::map<std::uint32_t, std::size_t> at;
    const auto stage_ranks = static_cast<std::uint32_t>(c.plan.ranks() / c.plan.pp);
    for_each_instruction(all, [&](const Instruction& i) {
      const Team& team = folded.teams[i.rank.i / stage_ranks];
      const RankId representative = team.players[team.player_of[i.rank.i % stage_ranks]];
      const auto& expected = by_rank[representative.i][at[i.rank.i]++];
      ASSERT_EQ(a.start[i.id.i].v, expected.first) << c.name;
      ASSERT_EQ(a.end[i.id.i].v, expected.second) << c.name;
    });
    const auto lf = ledgers(folded), la = ledgers(all);
    for (std::size_t t = 0; t < lf.size(); ++t) EXPECT_EQ(lf[t].at_peak, la[t].at_peak) << c.name;
  }
}

// Links that differ inside a stage split its ranks: stages of 6 ranks over nodes of 8 make
// three kinds of chains, two alike of each.
TEST(Compile, UnlikeLinksSplitRankClasses) {
  const Model model = testing::llama(4, 96, 6, 6, 192, 512);
  const Plan p = plan({.pp = 4, .dp = 6});
  const Cluster c = cluster(24);
  const Program folded = compile(model, c, training(32, 12), p, Ranks::folded);
  EXPECT_EQ(folded.players(), 12u);
  EXPECT_EQ(check(folded), "");
  const Program all = compile(model, c, training(32, 12), p, Ranks::all);
  Workspace workspace;
  Timeline timeline;
  EXPECT_EQ(replay(folded, prices(folded), workspace, timeline),
            replay(all, prices(all), workspace, timeline));
}

// A compiler that is used again gives what a fresh one gives.
TEST(Compile, ReuseChangesNothing) {
  Compiler compiler;
  Program program;
  for (const Case& c : cases(41)) {
    compiler.run(c.model, c.cluster, c.training, c.plan, Ranks::folded, program);
    const Program fresh = compile(c.model, c.cluster, c.training, c.plan);
    EXPECT_EQ(digest(program), digest(fresh)) << c.name;
    EXPECT_EQ(program.size(), fresh.size());
  }
}

std::map<std::pair<Kind, Role>, int> count_communication(const Program& p, BlockName block,
                                                         std::uint32_t micro_batch) {
  std::map<std::pair<Kind, Role>, int> out;
  for_each_instruction(p, [&](const Instruction& i) {
    if (i.tags.block == block && i.tags.micro_batch == micro_batch && is_meeting(i.kind))
      ++out[{i.kind, i.role}];
  });
  return out;
}

// Megatron: 2 all-reduces a layer in each direction, or 2 gathers and 2 scatters forward and 4 and 2 backward
// (the second gathers are for the weight gradients); besides, the embedding's and the loss's.
TEST(Compile, TensorCollectivesOfALayer) {
  const Model model = testing::llama(3, 64, 4, 4, 128, 512);
  Plan p = plan({.tp = 4});
  const auto whole = [&](BlockName b) {
    return count_communication(compile(model, cluster(4), training(32, 2), p), b, 1);
  };
  auto forward = whole(BlockName::forward), backward = whole(BlockName::backward);
  EXPECT_EQ((forward[{Kind::all_reduce, Role::tensor}]), 2 * 3 + 1 + 3);
  EXPECT_EQ((backward[{Kind::all_reduce, Role::tensor}]), 2 * 3 + 1);
  p.sequence_parallel = true;
  forward = whole(BlockName::forward), backward = whole(BlockName::backward);
  EXPECT_EQ((forward[{Kind::all_gather, Role::tensor}]), 2 * 3 + 1);
  EXPECT_EQ((forward[{Kind::reduce_scatter, Role::tensor}]), 2 * 3 + 1);
  EXPECT_EQ((backward[{Kind::all_gather, Role::tensor}]), 4 * 3 + 1 + 1);
  EXPECT_EQ((backward[{Kind::reduce_scatter, Role::tensor}]), 2 * 3 + 1);
}

// cp - 1 exchanges of keys and values a layer in each direction, twice as large backward; attention in cp
// chunks.
TEST(Compile, ContextRing) {
  Plan p = plan({.tp = 2});
  p.cp = 4;
  const Model model = testing::llama(3, 64, 4, 4, 128, 512);
  const Program program = compile(model, cluster(8), training(64, 2), p);
  auto forward = count_communication(program, BlockName::forward, 1),
       backward = count_communication(program, BlockName::backward, 1);
  EXPECT_EQ((forward[{Kind::exchange, Role::context}]), 3 * 3);
  EXPECT_EQ((backward[{Kind::exchange, Role::context}]), 3 * 3);
  std::int64_t bytes[2] = {0, 0};
  for (const CostClass& c : program.classes)
    if (c.kind == Kind::exchange) bytes[bytes[0] != 0] = c.bytes.v;
  EXPECT_EQ(bytes[0], 2 * 16 * (4 / 2) * 16 * 2);  // K and V of T = 64/4 tokens, 2 heads of 16, bf16
  EXPECT_EQ(bytes[1], 2 * bytes[0]);
}

// Under sequence parallelism a rank saw its tokens only in norms and row-parallel biases: their gradients are
// summed over tensor ranks at the end; those of the position table are whole, and of a norm of queries and
// keys a rank saw its heads only, with or without it.
TEST(Compile, SumsOfPartialGradients) {
  const auto summed = [](const Model& model, bool sequence_parallel) {
    Plan p = plan({.tp = 4});
    p.sequence_parallel = sequence_parallel;
    const Program program = compile(model, cluster(4), training(32, 2), p);
    std::int64_t bytes = 0;
    for_each_instruction(program, [&](const Instruction& i) {
      if (i.tags.block == BlockName::finish && i.role == Role::tensor)
        bytes += program.classes[i.cost_class].bytes.v;
    });
    return bytes;
  };
  Model model = testing::gpt(3, 64, 4, 512, 32);
  EXPECT_EQ(summed(model, true),
            4 * (3 * (2 * 2 + 2) * 64 + 2 * 64));  // two norms and two biases a layer, a norm
  EXPECT_EQ(summed(model, false), 0);
  model = testing::llama(3, 64, 4, 4, 128, 512);
  model.kinds[0].attention.qk_norm = true;
  EXPECT_EQ(summed(model, false), 4 * 3 * 2 * 16);
}

TEST(Compile, OneRankDoesNotCommunicate) {
  for_each_instruction(compile(testing::gpt(2, 64, 4, 512, 32), cluster(1), training(32, 4), plan({})),
                       [](const Instruction& i) { EXPECT_FALSE(is_meeting(i.kind)); });
}

// ZeRO-3: a gather a unit forward and backward, a scatter a unit, every micro-batch; the edges stay gathered.
TEST(Compile, FullyShardedUnits) {
  const Program p = compile(testing::llama(5, 64, 4, 4, 128, 512), cluster(4), training(32, 8),
                            plan({.dp = 4}, Zero::full));
  for (std::uint32_t m = 0; m < 2; ++m) {
    auto forward = count_communication(p, BlockName::forward, m),
         backward = count_communication(p, BlockName::backward, m);
    EXPECT_EQ((forward[{Kind::all_gather, Role::data}]), 5 + 2);
    EXPECT_EQ((backward[{Kind::all_gather, Role::data}]), 5);
    EXPECT_EQ((backward[{Kind::reduce_scatter, Role::data}]), 5 + 2);
  }
}

TEST(Compile, GradientsAreReducedInTheLastMicroBatchOnly) {
  Plan p = plan({.dp = 4});
  p.bucket_parameters = 1;
  const Program program = compile(testing::llama(5, 64, 4, 4, 128, 512), cluster(4), training(32, 12), p);
  EXPECT_TRUE(count_communication(program, BlockName::backward, 0).empty());
  auto last = count_communication(program, BlockName::backward, 2);
  EXPECT_EQ((last[{Kind::all_reduce, Role::data}]), 5 + 2);
}

// The linears and attention of all instructions are the model's FLOPs, whatever the plan (recompute apart).
TEST(Compile, FlopsAreTheModels) {
  const Model model = testing::gpt(8, 64, 4, 1024, 32);  // a vocabulary that needs no padding
  const Training t = training(32, 8);
  const double expected = model_flops(model, t.global_batch, t.sequence, FlopConvention::megatron).v;
  for (const testing::Degrees& d :
       {testing::Degrees{1, 1, 1, 1}, {2, 1, 2, 1}, {2, 2, 2, 1}, {1, 4, 1, 2}, {4, 2, 1, 1}}) {
    Plan p = plan(d);
    p.attention = AttentionKernel::unfused;
    double sum = 0;
    const Program program = compile(model, cluster(p.ranks()), t, p, Ranks::all);
    for_each_instruction(program,
                         [&](const Instruction& i) { sum += flops(program.classes[i.cost_class].op).v; });
    EXPECT_NEAR(sum / expected, 1, 1e-12) << summary(p);
  }
}

// The weights that ranks hold, each counted once, are the model's parameters.
TEST(Compile, WeightsAreTheModels) {
  for (const Model& model : {testing::gpt(4, 64, 4, 1024, 32), testing::llama(4, 64, 8, 4, 128, 1024)}) {
    for (const testing::Degrees d : {testing::Degrees{1, 1, 1, 1}, {4, 1, 1, 1}, {2, 2, 1, 2}}) {
      const Plan p = plan(d);
      std::int64_t sum = 0;
      for (const Weight& w : compile(model, cluster(p.ranks()), training(32, 8), p).weights) {
        std::int64_t elements = 1;
        for (std::int64_t n : w.shape) elements *= n;
        if (!w.tied) sum += elements;
      }
      EXPECT_EQ(sum, parameters(model)) << model.name << " " << summary(p);
    }
  }
}

}  // namespace
}  // namespace orrery
