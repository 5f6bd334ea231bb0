#include <gtest/gtest.h>

#include "profiler/import/run.h"
#include "profiler/runs.h"
#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

std::vector<MeasuredRun> runs_of(const std::string& name, const RunOptions& options) {
  const std::vector<Source> sources = import_sources(sample(name), name, 1);
  return read_runs(measured_runs(sources, options).dump(), "runs.json");
}

TEST(Megatron, StepsWithoutTheWarmUp) {
  const Source s = import_sample("megatron.log");
  EXPECT_EQ(first(s, What::step).value.count, 5);
  EXPECT_DOUBLE_EQ(first(s, What::step).value.median, 13.4024);
  EXPECT_DOUBLE_EQ(first(s, What::memory, "peak reserved").value.median, 53248.0 * 1048576);
  EXPECT_EQ(first(s, What::loss).step, 10);
  const Source one =
      import_one(" iteration 1/ 2 | elapsed time per iteration (ms): 500.0 | lm loss: nan |\n");
  EXPECT_DOUBLE_EQ(first(one, What::step).value.median, 0.5);  // all there is
  EXPECT_EQ(first(one, What::loss).value.count, 0);
}

TEST(Megatron, ARunFromItsArguments) {
  const std::vector<MeasuredRun> runs = runs_of("megatron.log", {{"hw.gpu=H100-80GB-SXM"}, ""});
  ASSERT_EQ(runs.size(), 1u);
  const MeasuredRun& r = runs[0];
  EXPECT_EQ(r.id, "megatron");
  EXPECT_EQ(r.model.layers, 32);
  EXPECT_EQ(r.model.kv_heads, 8);
  EXPECT_EQ(r.model.gated, true);
  EXPECT_EQ(r.model.tied, false);
  EXPECT_EQ(r.parallel.dp, 4);
  EXPECT_EQ(r.parallel.virtual_stages, std::nullopt);
  EXPECT_EQ(r.parallel.zero, "distributed optimizer");
  EXPECT_EQ(r.parallel.recompute, "none");
  EXPECT_EQ(r.precision, "bf16");
  EXPECT_DOUBLE_EQ(r.measured_s, 13.4024);
  EXPECT_DOUBLE_EQ(r.measured_mem_gib, 52);
}

TEST(Torchtitan, StepTimeFollowsFromTokens) {
  const RunOptions options{
      {"model.layers=32", "model.hidden=4096", "model.heads=32", "model.ffn=14336", "model.vocab=128256",
       "hw.gpu=H100-96GB-HBM2e-500W", "parallel.recompute=none", "precision=bf16"},
      "torchtitan benchmarks"};
  const std::vector<MeasuredRun> runs = runs_of("torchtitan.log", options);
  EXPECT_EQ(runs[0].source, "torchtitan benchmarks");
  EXPECT_EQ(runs[0].parallel.dp, 8);
  EXPECT_EQ(runs[0].parallel.zero, "fsdp");
  EXPECT_DOUBLE_EQ(runs[0].measured_s, 8.0 * 8192 / 8 / 5718);
}

TEST(Runs, SayAllThatIsMissing) {
  const std::string error = error_of([] { runs_of("megatron.log", {}); });
  EXPECT_NE(error.find("a measured run needs hw.gpu, which the log does not say: --set hw.gpu=..."), std::string::npos)
      << error;
  EXPECT_NE(error_of([] { runs_of("mlperf.log", {}); }).find("model.layers, model.hidden"),
            std::string::npos);
  EXPECT_NE(error_of([] { runs_of("p2p.json", {}); }).find("a training log with step times"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              runs_of("megatron.log", {{"hw.gpu=x", "parallel.tpp=2"}, ""});
            }).find("unknown member"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              runs_of("megatron.log", {{"nonsense"}, ""});
            }).find("--set: expected a member and its value"),
            std::string::npos);
}

TEST(Mlperf, StepsOfBlocksWhereNoneAreTracked) {
  const Source s = import_sample("mlperf.log");
  // 64 s and 65.28 s for 1280 samples in batches of 128
  EXPECT_NEAR(first(s, What::step).value.least, 6.4, 1e-9);
  EXPECT_NEAR(first(s, What::step).value.most, 6.528, 1e-9);
  EXPECT_EQ(first(s, What::loss).step, 10);
}

TEST(Mlperf, TrackedStepsGoBeforeBlocks) {
  const Source s = import_one(
      ":::MLLOG {\"key\": \"global_batch_size\", \"value\": 2}\n"
      ":::MLLOG {\"key\": \"block_start\", \"time_ms\": 1000, \"metadata\": {\"samples_count\": 0}}\n"
      ":::MLLOG {\"key\": \"tracked_stats\", \"value\": {\"train_step_timing\": 1.5, \"throughput\": 9.5}}\n"
      ":::MLLOG {\"key\": \"block_stop\", \"time_ms\": 9000, \"metadata\": {\"samples_count\": 4}}\n");
  EXPECT_DOUBLE_EQ(first(s, What::step).value.median, 1.5);
  EXPECT_EQ(first(s, What::step).value.count, 1);
  EXPECT_EQ(error_of([] { import_one("x\n:::MLLOG {\"key\": \n"); }),
            "input:2: expected a JSON object behind :::MLLOG, found {\"key\":");
}

}  // namespace
}  // namespace orrery
