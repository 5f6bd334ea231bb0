#include <gtest/gtest.h>

#include <random>

#include "sim/plan/read.h"
#include "tests/base/error_of.h"

namespace orrery {
namespace {

Plan read(const std::string& text) {
  const Json json = parse_json(text, "p.json");
  return read_plan(Reader(json, "p.json"));
}

std::string plan(std::string_view rest) { return R"({"schema": "orrery.plan/1")" + std::string(rest) + "}"; }

TEST(PlanFile, AnEmptyPlanIsTheDefault) { EXPECT_EQ(read(plan("")), Plan()); }

TEST(PlanFile, RunsOfLayersUnfold) {
  const Plan p =
      read(plan(R"(, "layers": [{"count": 2, "zero": 3, "reshard": false}, {"recompute": "full"}])"));
  ASSERT_EQ(p.layers.size(), 3U);
  EXPECT_EQ(p.layers[1], (LayerStrategy{Zero::full, Recompute::none, false}));
  EXPECT_EQ(p.layers[2], (LayerStrategy{Zero::none, Recompute::full, true}));
}

TEST(PlanFile, CountsMayCarryAUnit) {
  EXPECT_EQ(read(plan(R"(, "bucket_parameters": "25 M")")).bucket_parameters, 25'000'000);
}

// A plan with every member drawn at random.
Plan random_plan(std::mt19937& random) {
  const auto up_to = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
  Plan p;
  p.tp = 1 + up_to(7);
  p.cp = 1 + up_to(3);
  p.dp = 1 + up_to(63);
  p.pp = 1 + up_to(7);
  p.ep = 1 + up_to(7);
  p.sequence_parallel = up_to(1) == 1;
  p.virtual_stages = 1 + up_to(3);
  p.schedule = static_cast<Schedule>(up_to(2));
  p.micro_batch = 1 + up_to(7);
  for (int i = up_to(3); i > 0; --i) p.stage_layers.push_back(up_to(9));
  p.layers.clear();
  for (int i = 1 + up_to(5); i > 0; --i)
    p.layers.push_back({static_cast<Zero>(up_to(3)), static_cast<Recompute>(up_to(2)), up_to(1) == 1});
  p.attention = static_cast<AttentionKernel>(up_to(1));
  p.tensor_overlap = static_cast<TensorOverlap>(up_to(2));
  p.overlap_gradients = up_to(1) == 1;
  p.overlap_parameters = up_to(1) == 1;
  p.bucket_parameters = 1 + up_to(1'000'000);
  p.prefetch = up_to(64);
  p.receive_ahead = up_to(1);
  p.send_slots = 1 + up_to(3);
  p.scatter_gather = up_to(1) == 1;
  p.graph = up_to(1) == 1;
  p.early_stop = up_to(1) == 1;
  return p;
}

TEST(PlanFile, ReadsBackWhatItWrites) {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const Plan p = random_plan(random);
    EXPECT_EQ(read(write_plan(p).dump()), p);
  }
}

TEST(PlanFile, NamesTheMemberThatIsWrong) {
  const auto error = [](std::string_view rest) { return error_of([&] { read(plan(rest)); }); };
  EXPECT_EQ(error(R"(, "zero": 2, "layers": [{}])"),
            "p.json:1: /zero: expected this in the items of \"layers\" instead, found 2");
  EXPECT_EQ(error(R"(, "tp": 16384, "dp": 16384)"),
            "p.json:1: expected tp * cp * dp * pp of at most 4000000, found 268435456");
  EXPECT_EQ(error(R"(, "layers": [{"count": 6000}, {"count": 6000}])"),
            "p.json:1: /layers: expected at most 10000 layers, found an array of 2 items");
}

TEST(TrainingFile, AWordStandsForAPrecision) {
  const auto precision = [](const std::string& text) {
    const Json json = parse_json(R"({"seq_len": 1, "global_batch": 1, "precision": )" + text + "}", "t");
    return read_training(Reader(json, "t")).precision;
  };
  EXPECT_EQ(precision("\"bf16\""), Precision());
  EXPECT_EQ(precision("\"fp16\""), (Precision{DType::fp16, DType::fp16, DType::fp32, true}));
  EXPECT_EQ(precision("\"fp8\""), (Precision{DType::fp8, DType::bf16, DType::fp32, true}));
  EXPECT_EQ(precision("\"fp32\""), (Precision{DType::fp32, DType::fp32, DType::fp32, false}));
  EXPECT_EQ(precision(R"({"gradients": "bf16", "master": false})"),
            (Precision{DType::bf16, DType::bf16, DType::bf16, false}));
}

TEST(TrainingFile, ReadsBackWhatItWrites) {
  for (const double tokens : {0.0, 2e12, 1.4e9 / 3}) {
    const Training t{8192, 1024, tokens, {DType::fp8, DType::bf16, DType::bf16, false}};
    const Json json = write_training(t);
    EXPECT_EQ(read_training(Reader(json, "t")), t);
  }
}

}  // namespace
}  // namespace orrery
