#include "sim/report/report.h"

#include <gtest/gtest.h>

#include <numeric>

#include "sim/report/text.h"
#include "tests/report/fixtures.h"

namespace orrery {
namespace {

using testing::milliseconds;
using testing::Subjects;

TEST(Report, TwoStagesByHand) {
  Subjects s(2, 4, 0, 3);
  const Report r = s.report();
  // (m + p - 1) * 30 + 8 + 5
  EXPECT_EQ(r.makespan, milliseconds(163));
  EXPECT_EQ(r.step, r.makespan);
  EXPECT_EQ(r.ranks, 6);
  EXPECT_EQ(r.nodes, 3);
  ASSERT_EQ(r.stages.size(), 2U);
  EXPECT_EQ(r.stages[1].ranks, 3);
  EXPECT_EQ(r.stages[1].rank.i, 3U);
  EXPECT_DOUBLE_EQ(r.bubble_fraction, 30.0 / 163);
  EXPECT_DOUBLE_EQ(r.tokens_per_second, 12 * 2048 / 0.163);
  // Four forward products of 2e9 FLOP on each of six ranks; attention and gradients have no shape here.
  EXPECT_DOUBLE_EQ(executed_flops(s.made.p).v, 4 * 2e9 * 6);
  EXPECT_DOUBLE_EQ(r.hardware.per_gpu.v, 4 * 2e9 / 0.163);
  EXPECT_DOUBLE_EQ(r.hardware.of_peak, 4 * 2e9 / 0.163 / 100e12);
  EXPECT_DOUBLE_EQ(r.power.v, 6 * (225 + 85 + 315 * (125.0 / 163)));
  const double evidence = std::accumulate(r.evidence.begin(), r.evidence.end(), 0.0);
  EXPECT_NEAR(evidence, 1, 1e-12);
}

TEST(Report, StragglersAreAPartOfTheStep) {
  Subjects s(2, 4, 0, 16);
  s.calibration.jitter = 0.01;
  s.calibration.jitter_ranks = 8;
  const Report r = s.report();  // 32 ranks: two doublings above 8
  EXPECT_EQ(r.makespan, milliseconds(163));
  EXPECT_EQ(r.step.v, 166'260'000'000);
  EXPECT_EQ(r.where[Category::stragglers].v, 3'260'000'000);
  EXPECT_EQ(std::accumulate(r.where.time.begin(), r.where.time.end(), Tick{}), r.step);
}

TEST(Report, MemoryHasConstantsAndALimit) {
  Subjects s(2, 4);
  s.calibration.context = {300};
  s.calibration.workspace = {50};
  s.calibration.communicator = {7};
  const Report r = s.report();
  // Groups in use: data, and one message each way.
  EXPECT_EQ(r.stages[0].memory.constants.v, 300 + 50 + 3 * 7);
  EXPECT_EQ(r.stages[0].memory.peak, r.stages[0].memory.constants);
  EXPECT_EQ(r.stages[0].memory.limit.v, std::int64_t{80} << 30);
  EXPECT_TRUE(r.fits());
  s.cluster.groups[0].node.device.memory = {100};
  const Report full = s.report();
  EXPECT_FALSE(full.fits());
  EXPECT_EQ(full.stages[full.fullest()].memory.room().v, 100 - 371);
}

// Model FLOPs utilisation of Korthikanti et al. 2022, table 5, from their step times: 41.5, 51.4, 56.0, 56.3
// % (sequence 2048, vocabulary 51,200, A100 of 312 TFLOP/s).
TEST(Report, UtilisationOfKorthikanti) {
  struct Row {
    int layers, hidden, heads, gpus;
    std::int64_t batch;
    double seconds, mfu;
  };
  for (const Row& row :
       {Row{48, 6144, 64, 8, 4, 1.10, 41.65}, Row{96, 12288, 96, 64, 64, 13.75, 51.39},
        Row{105, 20480, 128, 280, 280, 37.83, 56.05}, Row{128, 25600, 160, 512, 512, 71.49, 56.27}}) {
    Subjects s(1, 1);
    s.model = testing::gpt(row.layers, row.hidden, row.heads);
    s.training.global_batch = row.batch;
    const double flops = model_flops(s.model, row.batch, 2048, FlopConvention::megatron).v;
    EXPECT_NEAR(100 * flops / row.seconds / row.gpus / 312e12, row.mfu, 0.01) << row.gpus << " GPUs";
    // The report on one rank with the same arithmetic: its step is 43 ms and its peak 100 TFLOP/s.
    const Report r = s.report();
    EXPECT_NEAR(r.efficiency[0].of_peak, flops / 0.043 / 100e12, 1e-9 * r.efficiency[0].of_peak);
    EXPECT_EQ(r.efficiency[0].convention, FlopConvention::megatron);
  }
}

TEST(Report, DominantEvidenceIsTheLargestShareAndOfEqualsTheWeaker) {
  EXPECT_EQ(dominant({0.2, 0.5, 0.3, 0}), Evidence::calibrated);
  EXPECT_EQ(dominant({0.5, 0.5, 0, 0}), Evidence::calibrated);
  EXPECT_EQ(dominant({0, 0, 0, 0}), Evidence::measured);
  EXPECT_EQ(evidence_text({0.1, 0.6, 0, 0.3}), "measured 10.0 %, calibrated 60.0 %, assumed 30.0 %");
}

TEST(Report, TextIsGolden) {
  Subjects s(2, 4, 1, 8);
  s.training.tokens = 1e12;
  s.cluster.prices = {2.0, 1.2, 0.1};
  s.cluster.reliability = {{3.6e7}, {600}, {3600}, {30}};
  s.calibration.context = {std::int64_t{1} << 30};
  EXPECT_EQ(text(s.report()), R"(by hand
gpt on 16 x test device, 8 nodes
 plan     tp1 pp2 dp8 mbs1 1f1b
 batch    32 sequences of 2,048 tokens, 4 micro-batches a replica
 step     167 ms   392 k tokens/s   24.5 k tokens/s/GPU   17.6 TFLOP/s/GPU   MFU 17.6 %
 memory   fits: stage 0 needs 1.0 of 80.0 GiB, 79.0 GiB free
 evidence assumed 100.0 % of the critical path
 error    not known: no held-out runs are stated for this calibration
 prices   by-hand, static replay

Where one step goes (stage 0 of 2, the busiest)
  matmul                ████████████████████████▉                   104 ms   62.3 %
  attention             ███▉                                       16.0 ms    9.6 %
  exposed data comm     █▉                                         8.00 ms    4.8 %
  exposed pipeline comm ▊                                          3.00 ms    1.8 %
  bubble                ███████▍                                   31.0 ms   18.5 %
  optimizer             █▎                                         5.00 ms    3.0 %

Communication of that stage
  communication  transfers  exposed  of the step
  data             8.00 ms  8.00 ms        4.8 %
  pipeline         8.00 ms  3.00 ms        1.8 %

Stages
  stage  layers    busy          exposed comm  bubble  other
      0       1  125 ms  74.9 %         6.6 %  18.6 %  0.0 %
      1       1  125 ms  74.9 %         6.0 %  19.2 %  0.0 %

Memory by stage (GiB)
  stage  weights  grads  optim  activ  buffers  fixed  peak  free
    0-1      0.0    0.0    0.0    0.0      0.0    1.0   1.0  79.0  ▎░░░░░░░░░░░░░░░░░░░

Efficiency (dense bf16 peak: 100.0 TFLOP/s a GPU)
  convention                                             TFLOP/s/GPU  of peak
  MFU, whole attention square (Korthikanti et al. 2022)         17.6   17.6 %
  MFU, half the square (Megatron-LM today)                      16.4   16.4 %
  MFU, 6N + 12Lads a token (PaLM)                               17.9   17.9 %
  HFU, what this plan executes                                   0.0    0.0 %

What it costs
  1.00 T tokens: 29.8 days, 11.4 k GPU-hours, $22,864 ($0.0229 per 1 M tokens)
  energy 7.5 MWh, average 9 kW without cooling, $748.72 (part of the GPU price)
  99.1 % of the time is useful: 0.8 % goes to checkpoints, 0.1 % to failures
  a checkpoint every 3600 s; best would be every 3.22 h, with 99.5 % useful
)");
}

TEST(Report, TextKeepsToAHundredColumnsAndColoursOnlyWhenAsked) {
  for (const std::uint32_t stages : {1u, 2u, 40u}) {
    Subjects s(stages, 8, 1, 4);
    s.training.tokens = 15.6e12;
    s.cluster.prices = {2.0, 1.2, 0.1};
    s.cluster.reliability = {{3.6e7}, {600}, {3600}, {30}};
    s.model.name = "a-model-with-a-rather-long-name-70b";
    const std::string plain = text(s.report());
    std::size_t width = 0;
    for (const char c : plain) {
      if (c == '\n')
        width = 0;
      else if ((c & 0xc0) != 0x80)
        ++width;
      ASSERT_LE(width, 100U) << plain;
    }
    EXPECT_EQ(plain.find('\x1b'), std::string::npos);
    std::string coloured = text(s.report(), {.color = true});
    EXPECT_NE(coloured.find('\x1b'), std::string::npos);
    for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;)
      coloured.erase(at, coloured.find('m', at) - at + 1);
    EXPECT_EQ(coloured, plain);
  }
}

}  // namespace
}  // namespace orrery
