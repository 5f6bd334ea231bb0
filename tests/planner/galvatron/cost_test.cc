// The cost model against values that Galvatron's own engine printed. ORRERY_GALVATRON_GOLDEN names a folder
// with all of them (golden_main_*.csv); without it a sample is held.
#include "planner/galvatron/cost.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "planner/galvatron/plan.h"
#include "tests/planner/galvatron/fixtures.h"
#include "tools/disk.h"

namespace orrery::galvatron {
namespace {

using testing::llama2_7b;

class Row {
 public:
  Row(const std::vector<std::string>& titles, const std::vector<std::string>& cells)
      : titles_(titles), cells_(cells) {}
  const std::string& text(const std::string& title) const {
    for (std::size_t i = 0; i < titles_.size(); ++i)
      if (titles_[i] == title) return cells_.at(i);
    throw std::out_of_range(title);
  }
  int whole(const std::string& title) const { return std::stoi(text(title)); }
  double real(const std::string& title) const { return std::stod(text(title)); }

  Division division() const { return {whole("gbsz"), whole("chunks"), whole("pp")}; }
  Strategy strategy() const {
    const std::string& type = text("dp_type");
    Strategy s{.tp = whole("tp"), .sp = whole("sp"), .dp = whole("dp")};
    s.sharding = type == "ddp" ? Sharding::ddp : type == "zero2" ? Sharding::zero2 : Sharding::zero3;
    return s;
  }

 private:
  const std::vector<std::string>& titles_;
  std::vector<std::string> cells_;
};

std::vector<std::string> split(const std::string& line, char by) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, by);) out.push_back(part);
  return out;
}

// Calls check(row) for each; gives their number.
template <class Check>
std::size_t for_each_row(std::string_view sample, const std::string& file, const Check& check) {
  const char* folder = std::getenv("ORRERY_GALVATRON_GOLDEN");
  std::string text = folder ? DiskFiles().text(std::string(folder) + "/" + file) : std::string(sample);
  std::erase(text, '\r');
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> titles = split(line, ',');
  std::size_t rows = 0;
  for (; std::getline(in, line); ++rows) check(Row(titles, split(line, ',')));
  return rows;
}

// Nine digits are given.
void expect_golden(double actual, double expected) {
  EXPECT_NEAR(actual, expected, 1e-8 * std::abs(expected));
}

TEST(GalvatronCost, OfALayer) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  const std::size_t rows =
      for_each_row(testing::golden_layers, "golden_main_layer_costs.csv", [&](const Row& row) {
        Strategy s = row.strategy();
        s.cp = row.whole("cp");
        s.recompute = row.whole("ckpt") == 1;
        const Cost cost = model.layer(row.division(), s, row.whole("stage"));
        expect_golden(cost.synchronised, row.real("time_s_with_grad_sync"));
        expect_golden(cost.plain, row.real("time_s_no_sync"));
        expect_golden(cost.states, row.real("model_states_MB"));
        expect_golden(cost.activation, row.real("activation_MB"));
      });
  EXPECT_GE(rows, 60u);
}

TEST(GalvatronCost, OfEmbeddingAndHead) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  const std::size_t rows =
      for_each_row(testing::golden_besides, "golden_main_embedding_costs.csv", [&](const Row& row) {
        Strategy s = row.strategy();
        s.cp = row.whole("cp");
        for (int stage = 0; stage < row.whole("pp"); ++stage) {
          const auto of = [&](const std::string& title) {
            return std::stod(split(row.text(title), ';').at(static_cast<std::size_t>(stage)));
          };
          const Cost cost = model.beside(row.division(), s, stage);
          expect_golden(cost.synchronised, of("time_s_sync_per_stage"));
          expect_golden(cost.plain, of("time_s_nosync_per_stage"));
          expect_golden(cost.states - 1024, of("model_states_MB_per_stage"));
          expect_golden(cost.activation, of("activation_MB_per_stage"));
        }
      });
  EXPECT_GE(rows, 20u);
}

TEST(GalvatronCost, OfAStepWithOneStrategy) {
  const Profile profile = llama2_7b();
  const CostModel model(profile);
  const std::size_t rows =
      for_each_row(testing::golden_steps, "golden_main_pipeline_uniform.csv", [&](const Row& row) {
        Strategy s = row.strategy();
        Plan plan{row.division(), s, {}, even_cuts(32, row.whole("pp"))};
        s.recompute = row.whole("ckpt") == 1;
        plan.layers.assign(32, s);
        expect_golden(to_seconds(price(model, plan).step).v, row.real("iteration_s"));
      });
  EXPECT_GE(rows, 20u);
}

// The plan that its version 2.1 ships for a Llama of 13B's shape on 2 x 8 GPUs: 4 stages of 5 layers, dp 4,
// ZeRO-2, 16 micro-batches, said to take 2.65744 s. Profile: llama_hf/configs of that version, hidden 5120.
TEST(GalvatronCost, OfTheShippedPlanOfVersionTwo) {
  Profile p;
  p.nodes = 2;
  p.gpus_per_node = 8;
  p.layers = 20;
  p.hidden = 5120;
  p.sequence = 2048;
  p.layer = {9.0065993309021, 0};
  p.parameters = 1213.0400390625;
  p.activation = {{1, 538.3291015625}};
  p.first = p.last = {{{1, 2526.0}}, {{1, 49.5}}};
  p.adjacent = {{4, 152.376}};
  p.messages = {{4, 8.8167}};
  p.overlap = 1.145979403115153;
  const CostModel model(p);
  Plan plan{{64, 16, 4}, {.dp = 4, .sharding = Sharding::zero2}, {}, {5, 5, 5, 5}};
  plan.layers.assign(20, plan.beside);
  EXPECT_NEAR(to_seconds(price(model, plan).step).v, 2.65744, 5e-6);
}

// Stages of 2, 9 and 1, gradients of the last ready 5 late: sum 12 and two more of the last (14), or two more
// of the first ahead of the rest; a slow middle stage is seen by the other rule alone.
TEST(GalvatronCost, StepTimeByHand) {
  const auto stage = [](int plain, int synchronised) { return StageTime{Tick{plain}, Tick{synchronised}}; };
  const std::vector<StageTime> stages{stage(2, 2), stage(9, 10), stage(1, 17)};
  EXPECT_EQ(step_time(stages, 3, Bottleneck::ends), Tick{14 + 5});
  EXPECT_EQ(step_time(stages, 3, Bottleneck::every_stage), Tick{12 + 2 * 9 + 5});
  EXPECT_EQ(step_time(std::vector{stage(4, 7)}, 5, Bottleneck::ends), Tick{5 * 4 + 3});
  EXPECT_EQ(step_time(std::vector{stage(4, 7)}, 5, Bottleneck::every_stage), Tick{5 * 4 + 3});
}

TEST(GalvatronCost, LeavesAFifthToTheAllocator) {
  EXPECT_EQ(usable(20 * 1024), 20 * 1024);
  EXPECT_EQ(usable(36 * 1024), 29492);
}

}  // namespace
}  // namespace orrery::galvatron
