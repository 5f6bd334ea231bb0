#include "profiler/import/calibrate.h"

#include <gtest/gtest.h>

#include "sim/cost/collective.h"
#include "sim/cost/constants.h"
#include "sim/cost/matmul.h"
#include "sim/cost/read.h"
#include "tests/base/memory_files.h"
#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

Device device() {
  Device d;
  d.name = "h100-sxm-80";
  d.bf16 = {989e12};
  d.multiprocessors = 132;
  d.memory_bandwidth = {3.35e12};
  return d;
}

Cluster cluster() {
  Cluster c;
  NodeGroup g;
  g.nodes = 2;
  g.node.device = device();
  g.node.gpus = 8;
  g.node.intra.bandwidth = {450e9};
  g.node.nics.count = 8;
  g.node.nics.bandwidth = {50e9};
  c.groups = {g};
  return c;
}

Source collectives(std::vector<Measurement> all) {
  Source s;
  s.file = "made";
  s.format = "nccl-tests text";
  s.measurements = std::move(all);
  return s;
}

Measurement measured(What what, double value) {
  Measurement m{.what = what};
  m.value = spread_of({value});
  return m;
}

// The sample was made by the curve's own formula: its parameters come back.
TEST(CalibrateImport, CurveOfASweep) {
  Calibration c;
  const std::vector<Source> sources{import_sample("all_reduce.txt")};
  const ImportFit found = calibrate_import(c, sources, {});
  ASSERT_EQ(found.lines.size(), 1u);
  EXPECT_LT(found.lines[0].errors.mape, 0.005);
  ASSERT_EQ(c.curves.size(), 1u);
  EXPECT_NEAR(c.curves[0].bandwidth.v, 400e9, 8e9);
  EXPECT_NEAR(c.curves[0].latency.v, 20e-6, 2e-6);
  const std::string& source = provenance(c, "curves.all_reduce.8").source;
  EXPECT_NE(source.find("all_reduce.txt (nccl-tests text, digest 0000000000000001): 14 points, mean error"),
            std::string::npos)
      << source;
}

// Made by transfer_time() itself with other constants: the fit finds them.
TEST(CalibrateImport, NetworkOfASweepOverNodes) {
  const Cluster two = cluster();
  Calibration truth;
  truth.network_efficiency = 0.8;
  truth.network_base = {30e-6};
  std::vector<Measurement> all;
  for (int e = 20; e <= 30; ++e) {
    Measurement m = measured(What::collective, transfer_time(Kind::all_gather, {std::int64_t{1} << e},
                                                             {16, 2, 8}, truth, two.groups[0].node)
                                                   .total()
                                                   .v);
    m.name = "all_gather";
    m.ranks = 16;
    m.nodes = 2;
    m.bytes = std::int64_t{1} << e;
    all.push_back(m);
  }
  const std::vector<Source> sources{collectives(all)};
  Calibration c;
  calibrate_import(c, sources, {{}, two});
  EXPECT_NEAR(c.network_efficiency, 0.8, 0.008);
  EXPECT_NEAR(c.network_base.v, 30e-6, 3e-6);
  Calibration none;
  const ImportFit without = calibrate_import(none, sources, {});
  EXPECT_TRUE(without.lines.empty());
  ASSERT_EQ(without.left_out.size(), 1u);
  EXPECT_NE(without.left_out[0].find("--cluster"), std::string::npos);
}

TEST(CalibrateImport, SharesOfLinks) {
  const std::vector<Source> sources{import_sample("p2p.json"), import_sample("bandwidth.json"),
                                    import_sample("overlap.json")};
  Calibration c;
  calibrate_import(c, sources, {{}, cluster()});
  EXPECT_DOUBLE_EQ(c.message_efficiency, 0.7911);  // (360 + 352) / 2 / 450
  EXPECT_DOUBLE_EQ(c.network_efficiency, 0.85);    // 340 of 8 * 50 GB/s, by the 16 adjacent ranks
  EXPECT_DOUBLE_EQ(c.slowdown_nvlink, 1.125);
}

TEST(CalibrateImport, RatesAboveTheClustersAreLeftOut) {
  Cluster slow = cluster();
  slow.groups[0].node.intra.bandwidth = {32e9};
  Calibration c;
  const std::vector<Source> sources{import_sample("p2p.json")};
  const ImportFit found = calibrate_import(c, sources, {{}, slow});
  EXPECT_TRUE(found.lines.empty());
  EXPECT_NE(found.left_out.at(0).find("another cluster?"), std::string::npos);
  EXPECT_EQ(c, Calibration{});
}

// Products made by matmul_time(): the efficiency comes back, and a trace without a device sets nothing.
TEST(CalibrateImport, MatrixProductsByShape) {
  MatmulConstants truth;
  truth.efficiency = 0.7;
  std::vector<Measurement> all;
  for (const std::int64_t m : {512, 1024, 2048, 4096, 8192})
    for (const std::int64_t k : {1024, 4096, 16384}) {
      Measurement p = measured(
          What::matmul,
          4e-6 +
              matmul_time({1, m, 4096, k, 2, 2}, {device().bf16, device().memory_bandwidth, 132}, truth).v);
      p.type = "c10::BFloat16";
      p.m = m;
      p.n = 4096;
      p.k = k;
      all.push_back(p);
    }
  const std::vector<Source> sources{collectives(all)};
  Calibration c;
  const ImportFit found = calibrate_import(c, sources, {device(), {}});
  ASSERT_EQ(found.lines.size(), 1u);
  EXPECT_LT(found.lines[0].errors.mape, 0.01);
  EXPECT_NEAR(c.matmul16.efficiency, 0.7, 0.02);
  Calibration none;
  EXPECT_TRUE(calibrate_import(none, sources, {}).lines.empty());
}

// In a trace a collective's time holds waiting: its least counts, not its median.
TEST(CalibrateImport, TracesCountTheShortestWait) {
  Source trace = collectives({});
  trace.format = "Kineto trace";
  for (int e = 20; e < 30; ++e) {
    Measurement m{.what = What::collective,
                  .name = "all_reduce",
                  .ranks = 8,
                  .nodes = 1,
                  .bytes = std::int64_t{1} << e};
    const double seconds = 20e-6 + 1.75 * static_cast<double>(*m.bytes) / 300e9;
    m.value = spread_of({seconds, seconds * 5, seconds * 9});
    trace.measurements.push_back(m);
  }
  Calibration c;
  calibrate_import(c, std::vector<Source>{trace}, {});
  EXPECT_NEAR(c.curves.at(0).bandwidth.v, 300e9, 6e9);
}

// What is written holds what was fitted and nothing else, and reads back.
TEST(CalibrateImport, WritesNothingButWhatItFitted) {
  Calibration c;
  c.name = "imported";
  calibrate_import(c, std::vector<Source>{import_sample("overlap.json")}, {});
  const std::string text = write_calibration(c).dump();
  EXPECT_NE(text.find("slowdown_nvlink"), std::string::npos);
  EXPECT_EQ(text.find("clock16"), std::string::npos);
  MemoryFiles files{{"c.json", text}};
  EXPECT_EQ(read_calibration(files, "c.json"), c);
}

}  // namespace
}  // namespace orrery
