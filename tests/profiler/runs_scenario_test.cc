#include "profiler/runs_scenario.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

#include "profiler/runs_network.h"
#include "sim/scenario.h"
#include "tests/profiler/disk.h"

namespace orrery {
namespace {

// The printed network as "8 x 200 Gb/s".
std::string network(std::string_view text) {
  const std::optional<Nics> n = printed_network(text, 8, 8);
  if (!n) return "none";
  return std::to_string(n->count) + " x " + std::to_string(static_cast<int>(n->bandwidth.v * 8 / 1e9 + 0.5)) +
         " Gb/s";
}

TEST(PrintedNetwork, TheWordsOfTheSources) {
  EXPECT_EQ(network("8x 200 Gb/s HDR InfiniBand per node (1600 Gb/s), fat tree (Selene)"), "8 x 200 Gb/s");
  EXPECT_EQ(network("800 Gb/s per node (4x HDR IB)"), "4 x 200 Gb/s");
  EXPECT_EQ(network("1600 Gb/s per node RoCE"), "8 x 200 Gb/s");
  EXPECT_EQ(network("4x 100 Gb/s Omni-Path per node"), "4 x 100 Gb/s");
  EXPECT_EQ(network("400 Gb/s RDMA per GPU"), "8 x 400 Gb/s");
  EXPECT_EQ(network("8x 400 Gb/s InfiniBand per node (8x50 GB/s printed)"), "8 x 400 Gb/s");
  EXPECT_EQ(network("Storage: 2x ConnectX-7 IB NDR 400Gb/s, Compute: 8x ConnectX-7 IB NDR 400Gb/s, "
                    "Management: 100Gb/s Ethernet NIC"),
            "8 x 400 Gb/s");
  EXPECT_EQ(network("1x Ethernet 100Gb/Sec, 8x NVIDIA Quantum-2 CX7 InfiniBand (400Gb/s)"), "8 x 400 Gb/s");
  EXPECT_EQ(network("AWS EFA (p5 class 3200 Gb/s; the playbook only says EFA)"), "8 x 400 Gb/s");
  EXPECT_EQ(network("ROCE2; Data bandwidth for GPU-PCIe: 504 GB/s; PCIe-NIC: 500 GB/s"), "none");
  EXPECT_EQ(network("RoCE (bandwidth not stated), up to 4 nodes"), "none");
  EXPECT_EQ(network(""), "none");
}

class Mapped : public testing::Test {
 protected:
  Disk disk;
  Library library{disk, {shipped("")}};
  Stacks stacks = read_stacks(disk.text(shipped("stacks.json")), "stacks.json");
  MappedRun map(const MeasuredRun& run) {
    return map_run(run, stacks, [&](std::string_view name) { return find_cluster(library, name); });
  }
  MappedRun map(const std::string& row) { return map(read_runs(row, "row")[0]); }

  static std::string row(std::string_view parallel, std::string_view model = R"("layers":24,"gated":false)") {
    return R"({"id":"r","source":{"name":"Korthikanti et al."},"family":"papers","model":{"hidden":2304,"heads":24,"ffn":9216,"vocab":51200,"seq":2048,)" +
           std::string(model) +
           R"(},"hw":{"gpu":"A100-80GB-SXM","n_gpus":8,"gpus_per_node":8},"precision":"fp16","parallel":{)" +
           std::string(parallel) + R"(},"result":{"iter_s":1}})";
  }
};

TEST_F(Mapped, APlainRow) {
  const MappedRun m =
      map(row(R"("dp":1,"tp":8,"pp":1,"mbs":4,"gbs":4,"sp":true,"recompute":"selective","zero":"none")"));
  ASSERT_TRUE(m.scenario) << m.reason;
  const RunScenario& s = *m.scenario;
  EXPECT_EQ(s.stack, "megatron-2022");
  EXPECT_EQ(s.calibration, "a100-80-megatron-2022");
  EXPECT_EQ(s.cluster.ranks(), 8);
  EXPECT_EQ(s.cluster.groups[0].node.device.name, "a100-sxm-80");
  EXPECT_EQ(s.model.depth(), 24);
  EXPECT_EQ(s.model.kinds[0].attention.head_dim, 96);
  EXPECT_EQ(s.model.kinds[0].attention.kv_heads, 24);
  EXPECT_TRUE(s.plan.sequence_parallel);
  EXPECT_EQ(s.plan.layers[0].recompute, Recompute::selective);
  EXPECT_EQ(s.plan.attention, AttentionKernel::unfused);
  EXPECT_EQ(s.plan.receive_ahead, 0);
  EXPECT_EQ(s.training.precision.compute, DType::fp16);
}

TEST_F(Mapped, AStackSaysWhatItsFrameworkDoesUnsaid) {
  const auto foundry = [&](std::string_view mode, std::string_view sharding) {
    return map(
        R"({"id":"r","source":{"name":"llm-foundry"},"family":"mosaic","model":{"layers":4,"hidden":512,"heads":8,"ffn":2048,"vocab":1000,"seq":256},)"
        R"("hw":{"gpu":"A100-80GB-SXM","n_gpus":8,"gpus_per_node":8},"precision":"bf16","parallel":{"dp":8,"tp":1,"pp":1,"mbs":2,"gbs":16,"recompute":"full","zero":")" +
        std::string(sharding) + R"(","mp_mode":")" + std::string(mode) + R"("},"result":{"iter_s":1}})");
  };
  const MappedRun pure = foundry("PURE", "FSDP FULL_SHARD (ZeRO-3)"),
                  autocast = foundry("DEFAULT", "FSDP SHARD_GRAD_OP (ZeRO-2)");
  ASSERT_TRUE(pure.scenario && autocast.scenario) << pure.reason << autocast.reason;
  EXPECT_FALSE(pure.scenario->plan.early_stop);
  EXPECT_TRUE(autocast.scenario->plan.early_stop);
  EXPECT_EQ(pure.scenario->training.precision.parameters, DType::bf16);
  EXPECT_EQ(autocast.scenario->training.precision.parameters, DType::fp32);
  EXPECT_EQ(pure.scenario->plan.layers[0].zero, Zero::full);
  EXPECT_TRUE(pure.scenario->plan.layers[0].reshard);
  EXPECT_FALSE(autocast.scenario->plan.layers[0].reshard);
}

TEST_F(Mapped, LayersThatFitOnlyWithTheEdgesTakeAPlaceForEach) {
  const std::string base = R"("dp":1,"tp":1,"pp":8,"mbs":1,"gbs":8,"recompute":"none",)";
  const MappedRun uneven = map(row(base + R"("schedule":"1F1B")", R"("layers":22)"));
  ASSERT_TRUE(uneven.scenario) << uneven.reason;
  EXPECT_EQ(uneven.scenario->plan.stage_layers, (std::vector<int>{2, 3, 3, 3, 3, 3, 3, 2}));
  const MappedRun even = map(row(base + R"("schedule":"1F1B")", R"("layers":24)"));
  ASSERT_TRUE(even.scenario) << even.reason;
  EXPECT_TRUE(even.scenario->plan.stage_layers.empty());
  const MappedRun chunks = map(row(base + R"("schedule":"interleaved 1F1B","vpp":2)", R"("layers":30)"));
  ASSERT_TRUE(chunks.scenario) << chunks.reason;
  EXPECT_EQ(chunks.scenario->plan.schedule, Schedule::interleaved);
  EXPECT_EQ(chunks.scenario->plan.stage_layers.front(), 1);
  EXPECT_EQ(chunks.scenario->plan.stage_layers[1], 2);
}

// A job of many racks takes equal parts of each; one within a rack is one NVLink domain whatever its trays.
TEST_F(Mapped, AnNvlinkDomainSpansTheRack) {
  const auto bridge = [&](int gpus, int dp, std::string_view precision,
                          std::string_view gpu = "GB200-186GB") {
    return map(
        R"({"id":"r","source":{"name":"Bridge"},"family":"bridge","model":{"layers":8,"hidden":512,"heads":8,"ffn":2048,"vocab":1000,"seq":256},)"
        R"("hw":{"gpu":")" +
        std::string(gpu) + R"(","n_gpus":)" + std::to_string(gpus) +
        R"(,"gpus_per_node":4,"intra":"NVLink5 NVL72, 4 GPUs per node","inter":"400 Gb/s per GPU InfiniBand between racks"},"precision":")" +
        std::string(precision) + R"(","parallel":{"dp":)" + std::to_string(dp) +
        R"(,"tp":1,"pp":1,"mbs":1,"gbs":)" + std::to_string(dp) +
        R"(,"recompute":"none"},"result":{"iter_s":1}})");
  };
  for (const auto& [gpus, nodes, per_node] : {std::array{8, 1, 8}, {72, 1, 72}, {256, 4, 64}, {216, 3, 72}}) {
    const MappedRun m = bridge(gpus, gpus, "FP8");
    ASSERT_TRUE(m.scenario) << m.reason;
    const NodeGroup& group = m.scenario->cluster.groups[0];
    EXPECT_EQ(group.nodes, nodes) << gpus;
    EXPECT_EQ(group.node.gpus, per_node) << gpus;
    EXPECT_EQ(group.node.nics.count, per_node) << gpus;
  }
  EXPECT_EQ(bridge(8, 8, "FP8").scenario->calibration, "gb200-megatron-core");
  EXPECT_EQ(bridge(8, 8, "MXFP8").scenario->calibration, "gb200-megatron-core-mxfp8");
  EXPECT_EQ(bridge(8, 8, "FP8-MX", "GB300-288GB").scenario->calibration, "gb300-megatron-core");
  EXPECT_EQ(bridge(8, 8, "NVFP4").reason, "not priced yet: NVFP4");
  EXPECT_EQ(bridge(8, 8, "MXFP8", "H100-80GB-SXM").reason, "not priced yet: MXFP8");
}

TEST_F(Mapped, WhatIsNotSupportedSaysWhy) {
  const std::string base = R"("dp":1,"tp":1,"pp":8,"mbs":1,"gbs":8,)";
  EXPECT_EQ(map(row(base + R"("recompute":"none","schedule":"ZB-1p")")).reason,
            "not supported yet: the schedule ZB-1p");
  EXPECT_EQ(map(row(base + R"("zero":"none")")).reason, "the row does not state parallel.recompute");
  EXPECT_EQ(map(row(base + R"("recompute":"modules: mlp")")).reason,
            "not supported yet: recompute \"modules: mlp\"");
  EXPECT_EQ(map(row(base + R"("recompute":"none")", R"("layers":24,"moe":{"experts":8})")).reason,
            "not priced yet: mixture of experts");
  EXPECT_EQ(map(row(R"("dp":2,"tp":8,"pp":1,"mbs":4,"gbs":8,"recompute":"none")")).reason,
            "dp*tp*pp*cp does not give the row's 8 devices");
  EXPECT_EQ(map(row(base + R"("recompute":"none","zero":"magic")")).reason,
            "sharding \"magic\" is not known");
  EXPECT_EQ(map(R"({"id":"x"})").reason, "no calibration of this software on this device (, )");
  EXPECT_EQ(map(row(R"("dp":4611686018427387904)")).reason.rfind("odd row: /parallel/dp", 0), 0u);
  EXPECT_EQ(
      map(row(R"("dp":2000000000,"tp":2000000000,"pp":2000000000,"cp":2000000000,"mbs":1,"gbs":1,"recompute":"none")"))
          .reason,
      "dp*tp*pp*cp does not give the row's 8 devices");
}

// Every shipped run is simulated, but for those of a device that no stack covers.
TEST_F(Mapped, EveryShippedRun) {
  const std::vector<std::string> files = run_files(disk, shipped("measured"));
  EXPECT_GE(files.size(), 10u);
  std::set<std::string> ids;
  int supported = 0;
  for (const MeasuredRun& run : read_runs(disk, files)) {
    EXPECT_TRUE(ids.insert(run.id).second) << run.id << " twice";
    EXPECT_NE(run.url, "") << run.id;
    EXPECT_GT(run.measured_s, 0) << run.id;
    const MappedRun m = map(run);
    EXPECT_NE(m.scenario.has_value(), !m.reason.empty());
    if (m.scenario) {
      ++supported;
      EXPECT_TRUE(disk.exists(shipped("calibrations/" + m.scenario->calibration + ".json")))
          << m.scenario->calibration;
    }
  }
  EXPECT_GT(supported, 340);
}

// Rows of a file of others, named in the environment, else the shipped ones: each maps or says why not.
TEST_F(Mapped, EveryRowMapsOrSaysWhyNot) {
  const char* name = std::getenv("ORRERY_MEASURED_RUNS");
  const std::vector<std::string> files =
      name ? std::vector<std::string>{name} : run_files(disk, shipped("measured"));
  const std::vector<MeasuredRun> runs = read_runs(disk, files);
  EXPECT_FALSE(runs.empty());
  for (const MeasuredRun& run : runs) {
    const MappedRun m = map(run);
    EXPECT_NE(m.scenario.has_value(), !m.reason.empty()) << run.id;
    EXPECT_EQ(m.reason.find('\n'), std::string::npos) << run.id;
  }
}

}  // namespace
}  // namespace orrery
