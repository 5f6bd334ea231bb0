// Every rule of violation(): a legal plan made illegal in one way, and what it is told.
#include <gtest/gtest.h>

#include <functional>

#include "sim/plan/plan.h"
#include "tests/program/fixtures.h"

namespace orrery {
namespace {

// tp 2, cp 2, dp 2, pp 2 of an 8-layer GPT with 4 heads of 16 and a feed-forward width of 256.
struct Situation {
  Model model = testing::gpt(8, 64, 4, 512, 64);
  Cluster cluster = testing::cluster(16);
  Training training = testing::training(64, 16);
  Plan plan = [] {
    Plan p = testing::plan({.tp = 2, .pp = 2, .dp = 2});
    p.cp = 2;
    return p;
  }();

  std::optional<Violation> violation() const { return orrery::violation(model, cluster, training, plan); }
  // One kind of parallelism over n ranks.
  void only(testing::Degrees d, int layers = 8) {
    plan = testing::plan(d);
    cluster = testing::cluster(plan.ranks(), 4);
    model = testing::gpt(layers, 64, 4, 512, 64);
  }
};

struct Rule {
  const char* name;
  std::function<void(Situation&)> break_it;
  const char* pointer;
  const char* message;
};

constexpr const char* unsupported = "not supported: ";

const Rule rules[] = {
    {"SequenceOfNothing", [](Situation& s) { s.training.sequence = 0; }, "",
     "a sequence has at least 1 token"},
    {"SequenceNegative", [](Situation& s) { s.training.sequence = -64; }, "",
     "a sequence has at least 1 token"},
    {"PartsNotPriced", [](Situation& s) { s.model.unpriced = {"mixture-of-experts layers"}; }, "",
     "not supported: mixture-of-experts layers (gpt)"},
    {"Window", [](Situation& s) { s.model.kinds[0].attention.window = 32; }, "",
     "not supported: attention windows of 32 tokens, smaller than the sequence of 64"},
    {"LearnedPositions", [](Situation& s) { s.training.sequence = 128; }, "",
     "sequences of 128 tokens, but gpt has 64 learned positions"},

    {"TensorZero", [](Situation& s) { s.plan.tp = 0; }, "/tp", "a degree is at least 1, not 0"},
    {"ContextNegative", [](Situation& s) { s.plan.cp = -2; }, "/cp", "a degree is at least 1, not -2"},
    {"DataZero", [](Situation& s) { s.plan.dp = 0; }, "/dp", "a degree is at least 1, not 0"},
    {"PipelineZero", [](Situation& s) { s.plan.pp = 0; }, "/pp", "a degree is at least 1, not 0"},
    {"ExpertsZero", [](Situation& s) { s.plan.ep = 0; }, "/ep", "a degree is at least 1, not 0"},
    {"TooManyRanks", [](Situation& s) { s.plan.dp = 4; }, "",
     "tp*cp*dp*pp = 32 ranks, but the cluster has 16 devices"},
    {"TooFewRanks", [](Situation& s) { s.plan.dp = 1; }, "",
     "tp*cp*dp*pp = 8 ranks, but the cluster has 16 devices"},
    {"Experts", [](Situation& s) { s.plan.ep = 2; }, "/ep", "not supported: expert parallelism (ep = 2)"},

    {"Heads", [](Situation& s) { s.model.kinds[0].attention.heads = 3; }, "/tp",
     "tensor parallelism of 2 does not divide 3 heads"},
    {"KeyValueHeads", [](Situation& s) { s.model.kinds[0].attention.kv_heads = 3; }, "/tp",
     "tensor parallelism of 2 neither divides nor is a multiple of 3 key/value heads"},
    {"FeedForward",
     [](Situation& s) {
       s.model.kinds[0].mlp = Mlp{255, Activation::gelu, false, true};
     },
     "/tp", "tensor parallelism of 2 does not divide the feed-forward width 255"},
    {"HeadsOfAnyKind",
     [](Situation& s) {
       s.model.kinds.push_back(s.model.kinds[0]);
       s.model.kinds[1].attention.heads = 5;
     },
     "/tp", "tensor parallelism of 2 does not divide 5 heads"},
    {"SequenceParallelAlone",
     [](Situation& s) {
       s.only({.dp = 4});
       s.plan.sequence_parallel = true;
     },
     "/sequence_parallel", "sequence parallelism needs tensor parallelism (tp > 1)"},
    {"ContextCutsUnevenly", [](Situation& s) { s.training.sequence = 62; }, "/cp",
     "context parallelism of 2 cuts a sequence into 4 equal parts, which 62 tokens do not allow"},
    {"ContextUnfused", [](Situation& s) { s.plan.attention = AttentionKernel::unfused; }, "/cp",
     "not supported: context parallelism with unfused attention"},
    {"SequenceParallelCutsUnevenly",
     [](Situation& s) {
       s.only({.tp = 4});
       s.plan.sequence_parallel = true;
       s.training.sequence = 63;
     },
     "/sequence_parallel", "sequence parallelism over 4 ranks does not divide 63 tokens of a micro-batch"},
    {"ScatteredMessage", [](Situation& s) { s.model.hidden = 65; }, "/scatter_gather",
     "tensor parallelism of 2 does not divide a message of hidden width 65; without scatter_gather it is "
     "sent whole"},

    {"MicroBatchZero", [](Situation& s) { s.plan.micro_batch = 0; }, "/micro_batch",
     "a micro-batch has at least 1 sequence"},
    {"MicroBatchUneven", [](Situation& s) { s.plan.micro_batch = 3; }, "/micro_batch",
     "micro-batch * dp = 6 does not divide the global batch of 16"},
    {"BatchTooSmall", [](Situation& s) { s.training.global_batch = 1; }, "/micro_batch",
     "micro-batch * dp = 2 does not divide the global batch of 1"},
    {"BatchOfNothing", [](Situation& s) { s.training.global_batch = 0; }, "/micro_batch",
     "micro-batch * dp = 2 does not divide the global batch of 0"},
    {"BatchNegative", [](Situation& s) { s.training.global_batch = -16; }, "/micro_batch",
     "micro-batch * dp = 2 does not divide the global batch of -16"},

    {"VirtualStagesZero", [](Situation& s) { s.plan.virtual_stages = 0; }, "/virtual_stages",
     "a rank has at least 1 virtual stage"},
    {"MoreStagesThanLayers", [](Situation& s) { s.model.layers.resize(1); }, "/pp",
     "2 virtual stages for 1 layers"},
    {"StageListLength",
     [](Situation& s) {
       s.plan.stage_layers = {3, 3, 2};
     },
     "/stage_layers", "3 entries for 2 virtual stages"},
    {"StageNegative",
     [](Situation& s) {
       s.plan.stage_layers = {9, -1};
     },
     "/stage_layers", "a virtual stage of -1 layers"},
    {"StageEmptyInside",
     [](Situation& s) {
       s.only({.pp = 4});
       s.plan.stage_layers = {4, 0, 2, 2};
     },
     "/stage_layers", "not supported: a virtual stage without layers between others"},
    {"OnlyStageEmpty",
     [](Situation& s) {
       s.only({.dp = 4});
       s.plan.stage_layers = {0};
     },
     "/stage_layers", "the only stage has no layers"},
    {"StageSum",
     [](Situation& s) {
       s.plan.stage_layers = {4, 5};
     },
     "/stage_layers", "the stages hold 9 layers, the model has 8"},
    {"Strategies", [](Situation& s) { s.plan.layers.resize(3); }, "/layers",
     "3 layer strategies for 8 layers (one for all, or one a layer)"},
    {"StrategiesNone", [](Situation& s) { s.plan.layers.clear(); }, "/layers",
     "0 layer strategies for 8 layers (one for all, or one a layer)"},
    {"InterleavedAlone", [](Situation& s) { s.plan.schedule = Schedule::interleaved; }, "/schedule",
     "the interleaved schedule needs pp > 1 and virtual_stages > 1"},
    {"InterleavedOneStage", [](Situation& s) { s.only({.dp = 4, .chunks = 2}); }, "/schedule",
     "the interleaved schedule needs pp > 1 and virtual_stages > 1"},
    {"VirtualStagesIn1F1B", [](Situation& s) { s.plan.virtual_stages = 2; }, "/schedule",
     "virtual stages need the interleaved schedule"},
    {"VirtualStagesInGpipe",
     [](Situation& s) {
       s.plan.virtual_stages = 2;
       s.plan.schedule = Schedule::gpipe;
     },
     "/schedule", "virtual stages need the interleaved schedule"},
    {"InterleavedMicroBatches",
     [](Situation& s) {
       s.only({.pp = 4, .chunks = 2});
       s.training.global_batch = 6;
     },
     "/schedule", "the interleaved schedule needs a multiple of pp = 4 micro-batches, not 6"},

    {"PrefetchNegative", [](Situation& s) { s.plan.prefetch = -1; }, "/prefetch",
     "prefetch is 0 to 64 units"},
    {"PrefetchLarge", [](Situation& s) { s.plan.prefetch = 65; }, "/prefetch", "prefetch is 0 to 64 units"},
    {"ReceiveAheadNegative", [](Situation& s) { s.plan.receive_ahead = -1; }, "/receive_ahead",
     "a receive is posted 0 or 1 actions ahead"},
    {"ReceiveAheadLarge", [](Situation& s) { s.plan.receive_ahead = 2; }, "/receive_ahead",
     "a receive is posted 0 or 1 actions ahead"},
    {"SendSlots", [](Situation& s) { s.plan.send_slots = 0; }, "/send_slots",
     "a stage has at least 1 send slot"},
    {"Buckets", [](Situation& s) { s.plan.bucket_parameters = 0; }, "/bucket_parameters",
     "a bucket has at least 1 parameter"},
    {"KeptInAPipeline",
     [](Situation& s) {
       s.model.tied = false;
       s.plan.layers = {{Zero::full, Recompute::none, false}};
     },
     "/layers", "not supported: keeping gathered parameters (reshard false) in a pipeline"},
    {"TiedEndsCutDifferently",
     [](Situation& s) {
       s.plan.layers.resize(8);
       s.plan.layers[7].zero = Zero::full;
     },
     "/layers",
     "not supported: tied embeddings in a pipeline whose first and last layer are cut differently (zero 0 "
     "and 3)"},

    {"FullyShardedGpipeOnOneStage",
     [](Situation& s) {
       s.only({.dp = 4});
       s.plan.layers[0].zero = Zero::full;
       s.plan.schedule = Schedule::gpipe;
     },
     "/schedule",
     "not supported: fully sharded parameters (zero 3) with all forward passes first (GPipe) on one stage"},

    {"PipelineTooLong",
     [](Situation& s) {
       s.only({.pp = 260}, 520);
       s.training.global_batch = 520;
     },
     "/pp", "not supported: more than 256 pipeline stages (260)"},
    {"TooManyVirtualStages", [](Situation& s) { s.only({.pp = 2, .chunks = 257}, 514); }, "/virtual_stages",
     "not supported: more than 256 virtual stages a rank (257)"},
    {"GpipeTooLong",
     [](Situation& s) {
       s.plan.schedule = Schedule::gpipe;
       s.training.global_batch = 2 * 65'537;
     },
     "/schedule", "not supported: GPipe with more than 65,536 micro-batches (65537)"},
    {"StageTooLarge",
     [](Situation& s) {
       s.only({.dp = 2}, 1310);
       s.plan.cp = 2;
       s.cluster = testing::cluster(4);
     },
     "/pp",
     "not supported: a virtual stage of 1310 layers with cp = 2: up to 68184 buffers in a pass, more than "
     "65,536"},
    {"TooManyInstructions",
     [](Situation& s) {
       s.only({.dp = 4}, 1024);
       s.training.global_batch = 4 * 3742;
     },
     "/micro_batch",
     "not supported: a step of up to 268466048 instructions of one rank a stage, more than 268,435,456"},

    {"StageOverNodeGroups",
     [](Situation& s) {
       NodeGroup half = s.cluster.groups[0];
       half.nodes = 1;
       half.node.gpus = 4;
       NodeGroup rest = half;
       rest.nodes = 3;
       rest.name = "rest";
       s.cluster.groups = {half, rest};
     },
     "", "not supported: a pipeline stage over node groups of different devices"},
};

class ViolationOfOneRule : public ::testing::TestWithParam<Rule> {};

TEST_P(ViolationOfOneRule, IsReported) {
  Situation situation;
  ASSERT_FALSE(situation.violation()) << situation.violation()->message;
  GetParam().break_it(situation);
  const auto found = situation.violation();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message, GetParam().message);
  EXPECT_EQ(found->pointer, GetParam().pointer);
  EXPECT_EQ(found->unsupported, found->message.rfind(unsupported, 0) == 0);
}

INSTANTIATE_TEST_SUITE_P(Rules, ViolationOfOneRule, ::testing::ValuesIn(rules),
                         [](const auto& rule) { return std::string(rule.param.name); });

// What stands just inside of each bound is legal.
TEST(Violation, BoundsAreTight) {
  const auto legal = [](const std::function<void(Situation&)>& change) {
    Situation s;
    change(s);
    const auto found = s.violation();
    return found ? found->message : "";
  };
  EXPECT_EQ(legal([](Situation& s) {
              s.only({.pp = 256}, 256);
              s.training.global_batch = 256;
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) { s.only({.pp = 2, .chunks = 256}, 512); }), "");
  EXPECT_EQ(legal([](Situation& s) {
              s.plan.schedule = Schedule::gpipe;
              s.training.global_batch = 2 * 65'536;
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) {
              s.only({.dp = 2}, 1024);
              s.plan.cp = 2;
              s.cluster = testing::cluster(4);
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) {
              s.only({.dp = 4}, 1024);
              s.training.global_batch = 4 * 3741;
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) { s.training.sequence = 60; }), "");
  EXPECT_EQ(legal([](Situation& s) { s.plan.prefetch = 64; }), "");
  EXPECT_EQ(legal([](Situation& s) {
              s.model.hidden = 65;
              s.plan.scatter_gather = false;
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) {
              s.plan.layers.resize(8);
              s.plan.layers[3].zero = Zero::full;
            }),
            "");
  EXPECT_EQ(legal([](Situation& s) { s.plan.stage_layers = {8, 0}; }), "");
  EXPECT_EQ(legal([](Situation& s) { s.plan.stage_layers = {0, 8}; }), "");
  EXPECT_EQ(legal([](Situation& s) { s.plan.layers = {{Zero::full}}; }), "");
}

// Two stages may be on different devices, if each is on one kind alone.
TEST(Violation, StagesOnNodeGroupsOfTheirOwn) {
  Situation s;
  NodeGroup half = s.cluster.groups[0], rest = half;
  half.nodes = rest.nodes = 1;
  rest.name = "rest";
  s.cluster.groups = {half, rest};
  EXPECT_FALSE(s.violation());
}

// A plan that breaks many rules hears of them in the order in which one would mend them.
TEST(Violation, OrderOfTheRules) {
  struct Mend {
    const char* message;
    std::function<void(Situation&)> mend;
  };
  const Mend steps[] = {
      {"a sequence has at least 1 token", [](Situation& s) { s.training.sequence = 66; }},
      {"not supported: image models (gpt)", [](Situation& s) { s.model.unpriced.clear(); }},
      {"sequences of 66 tokens, but gpt has 64 learned positions",
       [](Situation& s) { s.model.max_positions = 66; }},
      {"a degree is at least 1, not 0", [](Situation& s) { s.plan.ep = 2; }},
      {"tp*cp*dp*pp = 64 ranks, but the cluster has 16 devices", [](Situation& s) { s.plan.dp = 2; }},
      {"not supported: expert parallelism (ep = 2)", [](Situation& s) { s.plan.ep = 1; }},
      {"tensor parallelism of 2 does not divide 3 heads",
       [](Situation& s) { s.model.kinds[0].attention.heads = 4; }},
      {"context parallelism of 2 cuts a sequence into 4 equal parts, which 66 tokens do not allow",
       [](Situation& s) { s.training.sequence = 64; }},
      {"not supported: context parallelism with unfused attention",
       [](Situation& s) { s.plan.attention = AttentionKernel::fused; }},
      {"micro-batch * dp = 2 does not divide the global batch of 7",
       [](Situation& s) { s.training.global_batch = 16; }},
      {"3 entries for 4 virtual stages", [](Situation& s) { s.plan.stage_layers.clear(); }},
      {"3 layer strategies for 8 layers (one for all, or one a layer)",
       [](Situation& s) {
         s.plan.layers = {{Zero::full, Recompute::none, false}};
       }},
      {"virtual stages need the interleaved schedule", [](Situation& s) { s.plan.virtual_stages = 1; }},
      {"prefetch is 0 to 64 units", [](Situation& s) { s.plan.prefetch = 1; }},
      {"a stage has at least 1 send slot", [](Situation& s) { s.plan.send_slots = 1; }},
      {"not supported: keeping gathered parameters (reshard false) in a pipeline",
       [](Situation& s) {
         s.plan.layers.assign(8, {Zero::full});
         s.plan.layers[7].zero = Zero::optimizer;
       }},
      {"not supported: tied embeddings in a pipeline whose first and last layer are cut differently (zero 3 "
       "and 1)",
       [](Situation& s) { s.model.tied = false; }},
  };
  Situation s;
  s.training = testing::training(0, 7);
  s.model.unpriced = {"image models"};
  s.model.kinds[0].attention.heads = 3;
  s.plan.dp = 8;
  s.plan.ep = 0;
  s.plan.attention = AttentionKernel::unfused;
  s.plan.virtual_stages = 2;
  s.plan.stage_layers = {1, 2, 3};
  s.plan.layers.resize(3);
  s.plan.prefetch = 99;
  s.plan.send_slots = 0;
  for (const Mend& step : steps) {
    const auto found = s.violation();
    ASSERT_TRUE(found) << step.message;
    EXPECT_EQ(found->message, step.message);
    step.mend(s);
  }
  EXPECT_FALSE(s.violation());
}

}  // namespace
}  // namespace orrery
