// What violation() lets pass, compile() compiles, and check() finds nothing wrong with: over random plans on
// random clusters. And the bounds that violation() puts on sizes are above what compile() needs.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "sim/program/check.h"
#include "sim/program/compile.h"
#include "tests/program/fixtures.h"

namespace orrery {
namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int up_to(int high) { return static_cast<int>(engine_() % static_cast<unsigned>(high + 1)); }  // 0 ... high
  bool coin() { return up_to(1) == 1; }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return all.begin()[up_to(static_cast<int>(all.size()) - 1)];
  }

 private:
  std::mt19937 engine_;  // its sequence is the standard's, the same everywhere
};

struct Case {
  Model model;
  Cluster cluster;
  Training training;
  Plan plan;
};

Model any_model(Dice& dice) {
  const int layers = 1 + dice.up_to(6);
  Model m = dice.coin() ? testing::gpt(layers, 64, 4, 500, 64)
                        : testing::llama(layers, 64, 8, dice.one_of({1, 2, 4, 8}), 128, 300);
  m.tied = dice.coin();
  m.dropout = dice.coin() ? 0.1 : 0;
  m.embedding_norm = dice.up_to(3) == 0;
  m.head_bias = dice.up_to(3) == 0;
  m.final_norm = dice.up_to(5) > 0;
  m.kinds[0].attention.qk_norm = dice.up_to(3) == 0;
  if (dice.coin()) {  // layers that differ
    Layer wide = m.kinds[0];
    std::get<Mlp>(wide.mlp).ffn *= 2;
    m.kinds.push_back(wide);
    for (auto& kind : m.layers) kind = static_cast<std::uint16_t>(dice.up_to(1));
  }
  return m;
}

Plan any_plan(Dice& dice, const Model& model) {
  Plan p;
  p.tp = dice.one_of({1, 1, 2, 4, 8});
  p.cp = dice.one_of({1, 1, 1, 2, 3});
  p.dp = 1 + dice.up_to(3);
  p.pp = 1 + dice.up_to(3);
  p.virtual_stages = dice.one_of({1, 1, 2, 3});
  p.schedule =
      p.virtual_stages > 1 ? Schedule::interleaved : dice.one_of({Schedule::gpipe, Schedule::one_f_one_b});
  p.micro_batch = 1 + dice.up_to(1);
  p.sequence_parallel = dice.coin();
  p.attention = dice.one_of({AttentionKernel::fused, AttentionKernel::unfused});
  p.tensor_overlap = static_cast<TensorOverlap>(dice.up_to(2));
  p.overlap_gradients = dice.coin();
  p.overlap_parameters = dice.coin();
  p.bucket_parameters = dice.one_of<std::int64_t>({1, 50'000, 40'000'000});
  p.prefetch = dice.up_to(3);
  p.receive_ahead = dice.up_to(1);
  p.send_slots = 1 + dice.up_to(2);
  p.scatter_gather = dice.coin();
  p.early_stop = dice.coin();
  const int stages = p.pp * p.virtual_stages;
  if (dice.coin()) {
    p.stage_layers.assign(static_cast<std::size_t>(stages), 0);
    for (int i = 0; i < model.depth(); ++i)
      ++p.stage_layers[static_cast<std::size_t>(dice.up_to(stages - 1))];
  }
  p.layers.clear();
  for (int i = dice.coin() ? model.depth() : 1; i > 0; --i)
    p.layers.push_back(
        {static_cast<Zero>(dice.up_to(3)), static_cast<Recompute>(dice.up_to(2)), dice.up_to(3) > 0});
  return p;
}

// Nodes of any size, at times in two groups that differ.
Cluster any_cluster(Dice& dice, int ranks) {
  int gpus = dice.one_of({1, 2, 3, 4, 8});
  if (ranks % gpus != 0) gpus = 1;
  Cluster c = testing::cluster(ranks, gpus);
  const int nodes = c.groups[0].nodes;
  if (nodes > 1 && dice.up_to(2) == 0) {
    c.groups.push_back(c.groups[0]);
    c.groups[0].nodes = 1 + dice.up_to(nodes - 2);
    c.groups[1].nodes = nodes - c.groups[0].nodes;
    c.groups[1].name = "other";
    c.groups[1].node.nics.count = 1;
  }
  c.fabric.kind = static_cast<FabricKind>(dice.up_to(2));
  c.fabric.nodes_per_pod = dice.up_to(3);
  c.fabric.oversubscription = dice.coin() ? 1 : 2;
  return c;
}

Case any_case(unsigned seed) {
  Dice dice(seed);
  Case c;
  c.model = any_model(dice);
  c.plan = any_plan(dice, c.model);
  c.cluster = any_cluster(dice, c.plan.ranks());
  const int wave = static_cast<int>(c.plan.micro_batch) * c.plan.dp;
  c.training = testing::training(dice.one_of({12, 24, 48}),
                                 wave * (dice.coin() ? c.plan.pp * (1 + dice.up_to(1)) : 1 + dice.up_to(5)));
  return c;
}

TEST(Legal, PlansCompileToProgramsThatKeepTheRules) {
  int legal = 0;
  std::map<std::string, int> refused;
  for (unsigned seed = 0; seed < 3500; ++seed) {
    const Case c = any_case(seed);
    if (const auto found = violation(c.model, c.cluster, c.training, c.plan)) {
      ++refused[found->pointer];
      continue;
    }
    ++legal;
    const Program p =
        compile(c.model, c.cluster, c.training, c.plan, seed % 8 == 0 ? Ranks::all : Ranks::folded);
    ASSERT_GT(p.size(), 0u);
    EXPECT_EQ(check(p), "") << "seed " << seed << ": " << summary(c.plan);
  }
  // The sample reaches both sides: a few hundred legal plans, and most of the rules.
  EXPECT_GE(legal, 300);
  EXPECT_GE(refused.size(), 7u);
}

// violation() counts 48 + 2 cp buffers and 64 + 6 cp rows a layer, and 64 of each besides.
TEST(Legal, BoundsOnSizesHold) {
  int compiled = 0;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    const Case c = any_case(seed);
    if (violation(c.model, c.cluster, c.training, c.plan)) continue;
    ++compiled;
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    std::uint32_t longest = 0;
    for (const VirtualStage& s : p.stages) longest = std::max(longest, s.layers);
    std::uint64_t rows = 0;
    for (std::size_t i = 0; i < p.call_count(); ++i) rows += p.blocks[p.calls[i].block].rows;
    for (const Block& b : p.blocks) {
      const bool pass = b.name == BlockName::forward || b.name == BlockName::backward;
      if (!pass) continue;
      EXPECT_LE(b.buffers, longest * (48 + 2 * static_cast<std::uint32_t>(c.plan.cp)) + 64) << seed;
    }
    const auto m = static_cast<std::uint64_t>(micro_batches(c.training, c.plan));
    const auto layers = static_cast<std::uint64_t>(c.model.depth());
    EXPECT_LE(rows, m * (layers * (64 + 6 * static_cast<std::uint64_t>(c.plan.cp)) + 64 * p.stages.size()))
        << seed;
  }
  EXPECT_GE(compiled, 150);
}

// Layers that differ in size take turns in the slots of gathered weights.
TEST(Legal, GatheredWeightsFitTheirSlots) {
  int gathers = 0;
  for (unsigned seed = 0; seed < 3500; ++seed) {
    const Case c = any_case(seed);
    if (violation(c.model, c.cluster, c.training, c.plan)) continue;
    const Program p = compile(c.model, c.cluster, c.training, c.plan);
    for (const Block& b : p.blocks) {
      for (std::uint32_t r = b.first_row; r < b.first_row + b.rows; ++r) {
        if (p.rows[r].kind != Kind::all_gather || p.rows[r].role != Role::data) continue;
        const Operand& to = p.operands[p.rows[r + 1].first_operand - 1];
        const Buffer& slot = p.buffers[p.block_buffers[b.first_buffer + to.buffer].buffer];
        if (slot.component != Component::gathered) continue;
        ++gathers;
        EXPECT_GE(slot.bytes(), p.classes[p.rows[r].cost_class].bytes) << seed;
      }
    }
  }
  EXPECT_GE(gathers, 100);
}

// At the widest pipeline a team's slot and a row of the world's meeting still have their numbers.
TEST(Legal, WidestPipeline) {
  const Model model = testing::llama(256, 8, 1, 1, 8, 128);
  const Cluster cluster = testing::cluster(256);
  const Plan plan = testing::plan({.pp = 256});
  const Training training = testing::training(8, 4);
  ASSERT_FALSE(violation(model, cluster, training, plan));
  const Program p = compile(model, cluster, training, plan);
  EXPECT_EQ(check(p), "");
  std::map<std::uint32_t, int> of_world;
  for_each_instruction(p, [&](const Instruction& i) {
    if (i.role == Role::world) ++of_world[i.rank.i];
  });
  EXPECT_EQ(of_world.size(), 256u);
}

// As many virtual stages on a rank as there may be: each has gradients, weights and optimizer state of its
// own.
TEST(Legal, MostVirtualStages) {
  const Model model = testing::llama(512, 8, 1, 1, 8, 128);
  const Plan plan = testing::plan({.pp = 2, .chunks = 256});
  const Training training = testing::training(8, 2);
  const Cluster cluster = testing::cluster(2);
  ASSERT_FALSE(violation(model, cluster, training, plan));
  const Program p = compile(model, cluster, training, plan);
  std::size_t most = 0;
  for (const Block& b : p.blocks)
    if (b.name == BlockName::finish) most = std::max(most, std::size_t{b.buffers});
  EXPECT_EQ(most,
            3 * (256 + 1) + 1u);  // gradients, optimizer and weights of 256 layers and an end, and the norm
}

}  // namespace
}  // namespace orrery
