#include <gtest/gtest.h>

#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

constexpr double mib = 1048576.0;

TEST(Galvatron, Bandwidths) {
  const Source s = import_sample("bandwidth.json");
  ASSERT_EQ(s.measurements.size(), 3u);
  EXPECT_EQ(s.measurements[2].detail, "strided");
  EXPECT_EQ(s.measurements[2].ranks, 4);
  EXPECT_DOUBLE_EQ(s.measurements[2].value.median, 350.25e9);
  EXPECT_DOUBLE_EQ(first(import_sample("p2p.json"), What::message_bandwidth).value.median, 360e9);
  EXPECT_DOUBLE_EQ(first(import_sample("overlap.json"), What::overlap_slowdown).value.median, 1.125);
}

TEST(Galvatron, TimesOfCollectivesBySize) {
  const Source s = import_one(R"({"allreduce_size_8_4MB_time": 0.1333, "all2all_size_2_1024MB_time": 5.5})");
  EXPECT_EQ(s.measurements[0].bytes, 4 * 1048576);
  EXPECT_DOUBLE_EQ(s.measurements[0].value.median, 133.3e-6);
  EXPECT_EQ(s.measurements[1].name, "all_to_all");
  EXPECT_EQ(s.measurements[1].ranks, 2);
}

// The first version wrote milliseconds for a MiB: 0.25 ms is 4.19 GB/s.
TEST(Galvatron, FirstVersion) {
  const Source s = import_one(R"({"1_8_1": 0.25, "2_4_0": 0.5})");
  EXPECT_DOUBLE_EQ(s.measurements[0].value.median, mib / 0.25e-3);
  EXPECT_EQ(s.measurements[1].detail, "strided, in 2 stages");
  EXPECT_DOUBLE_EQ(first(import_one(R"({"pp_deg_4": 0.5})"), What::message_bandwidth).value.median,
                   mib / 0.5e-3);
  const Source forward = import_one(R"({"fwd_time_hidden_1024": {"encoder": 1.5, "decoder": 2.5}})");
  EXPECT_EQ(forward.measurements[1].name, "decoder");
  EXPECT_DOUBLE_EQ(forward.measurements[1].value.median, 2.5e-3);
}

TEST(Galvatron, ForwardTimes) {
  const Source s = import_one(
      R"({"layernum[2]_bsz1_seq4096_mlp": 22.5, "layertype_0_bsz3_seq4096_mlp": 6.5, "layertype_other_1_bsz2": -2.5,
                                  "layernum[12,24]_bsz12_seq[3136,784]": 96.5})");
  EXPECT_EQ(s.measurements[0].layers, 2);
  EXPECT_EQ(s.measurements[0].detail, "mlp");
  EXPECT_EQ(s.measurements[1].batch, 3);
  EXPECT_DOUBLE_EQ(s.measurements[2].value.median, -2.5e-3);  // a difference of two runs: kept as it is
  EXPECT_EQ(s.measurements[3].name, "model of layers 12,24");
  EXPECT_EQ(s.measurements[3].detail, "sequences [3136,784]");
}

TEST(Galvatron, Memory) {
  const Source s = import_sample("memory.json");
  ASSERT_EQ(s.measurements.size(), 9u);
  EXPECT_EQ(s.measurements[0].name, "model states");
  EXPECT_DOUBLE_EQ(s.measurements[0].value.median, 904.5 * mib);
  const Measurement layer = first(s, What::memory, "parameters");
  EXPECT_EQ(layer.sequence, 2048);
  EXPECT_DOUBLE_EQ(layer.value.median, 778 * mib);
  EXPECT_EQ(s.measurements[5].tensor, 2);
}

// Version 2 measured what lies beside the layers at one tensor degree, and put no sequence above it.
TEST(Galvatron, MemoryOfVersionTwo) {
  const Source s =
      import_one(R"({"layertype_0": {"parameter_size": 10, "tp_activation_per_bsz_dict": {"1": 5}},
                                  "other_memory_pp_off": {"model_states": 6540, "activation": 3}})");
  EXPECT_EQ(s.measurements[2].tensor, std::nullopt);
  EXPECT_DOUBLE_EQ(s.measurements[2].value.median, 6540 * mib);
}

TEST(Galvatron, UnknownMembersAmongKnownOnesHaveAPlace) {
  EXPECT_EQ(error_of([] { import_one("{\"pp_size_2\": 1,\n\"pp_size_4\": 1,\n\"pp_size_x\": 1}"); }),
            "input:3: /pp_size_x: expected a member that Galvatron writes, found 1");
  EXPECT_NE(error_of([] { import_one(R"({"overlap_coe": 0.5})"); }).find("/overlap_coe: expected"),
            std::string::npos);
  EXPECT_NE(error_of([] { import_one("{\"" + std::string(100000, '1') + "\": 1}"); }).find("another kind"),
            std::string::npos);
}

}  // namespace
}  // namespace orrery
