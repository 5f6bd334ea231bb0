#include "profiler/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "profiler/fit_runs.h"
#include "sim/base/error.h"
#include "sim/cost/collective.h"
#include "sim/cost/constants.h"
#include "sim/cost/matmul.h"

namespace orrery {
namespace {

Device device() {
  Device d;
  d.name = "h100-sxm-80";
  d.bf16 = {989e12};
  d.fp8 = {1979e12};
  d.multiprocessors = 132;
  d.memory_bandwidth = {3.35e12};
  return d;
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Points, MatmulsOfOneType) {
  const auto points = read_matmuls("b,m,n,k,dtype,flops\n1,256,512,1024,bf16,2000000\r\n\n2,1,1,1,fp8,1\n", "t.csv", "bf16");
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].n, 512);
  EXPECT_DOUBLE_EQ(points[0].seconds, 2.0 * 256 * 512 * 1024 / 2e6);
}

// Elements are fp32 of the whole buffer, but of a reduce-scatter's output.
TEST(Points, CollectivesCountWholeBuffers) {
  const auto points = read_collectives("dev,op,elems,groups,ndev,x,bw\nsm_90,all-reduce,1000,1,8,0,4000\n"
                                       "sm_90,reduce-scatter,1000,2,4,0,16000\nsm_90,collective-permute,9,1,8,0,9\n"
                                       "sm_80,all-reduce,1,1,8,0,4\n", "c.csv", "sm_90");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0], (CollectivePoint{Kind::all_reduce, 8, {4000}, 1.0}));
  EXPECT_EQ(points[1], (CollectivePoint{Kind::reduce_scatter, 4, {16000}, 1.0}));
}

TEST(Points, BrokenTablesSayWhere) {
  EXPECT_EQ(message([] { read_matmuls("b,m,n,k,dtype,flops\n1,x,1,1,bf16,5\n", "t.csv", "bf16"); }),
            "t.csv:2: expected a count in column \"m\", found x");
  EXPECT_NE(message([] { read_matmuls("b,m,n,dtype,flops\n1,1,1,bf16,5\n", "t.csv", "bf16"); }).find("a column \"k\""), std::string::npos);
  EXPECT_NE(message([] { read_collectives("dev,op\nsm_90\n", "c.csv", "sm_90"); }).find("c.csv:2"), std::string::npos);
}

// Points made by the model: the fit finds its constants again.
TEST(FitMatmul, FindsTheConstantsThatMadeThePoints) {
  const MatmulConstants truth{0.8, {2e-6}, 0.2, 0.9};
  std::vector<MatmulPoint> points;
  for (std::int64_t m = 256; m <= 4096; m *= 2)
    for (std::int64_t n = 256; n <= 4096; n *= 2)
      for (std::int64_t k = 256; k <= 4096; k *= 2)
        points.push_back({1, m, n, k, 4e-6 + matmul_time({1, m, n, k}, {device().bf16, device().memory_bandwidth, 132}, truth).v});
  const MatmulFit f = fit_matmul(points, device(), false, MatmulConstants{});
  EXPECT_LT(f.after.mape, 0.01);
  EXPECT_LT(f.after.mape, f.before.mape / 3);
  EXPECT_NEAR(f.constants.efficiency, 0.8, 0.02);
  EXPECT_NEAR(f.launch.v, 4e-6, 3e-7);
}

TEST(FitCurves, OneForEachOperationAndSize) {
  std::vector<CollectivePoint> points;
  for (std::int64_t bytes = 1 << 12; bytes <= std::int64_t{1} << 31; bytes *= 2) {
    const double x = bus_factor(Kind::all_gather, 4) * static_cast<double>(bytes) / 300e9;
    points.push_back({Kind::all_gather, 4, {bytes}, 20e-6 + x + std::sqrt(10e-6 * x)});
  }
  points.push_back({Kind::all_reduce, 8, {1 << 30}, 1e-3});    // too few for a curve
  const auto fits = fit_curves(points);
  ASSERT_EQ(fits.size(), 1u);
  EXPECT_EQ(fits[0].curve.ranks, 4);
  EXPECT_NEAR(fits[0].curve.bandwidth.v, 300e9, 3e9);
  EXPECT_NEAR(fits[0].curve.latency.v, 20e-6, 2e-6);
  EXPECT_LT(fits[0].after.mape, 0.01);
}

TEST(CalibrateKernels, ReplacesAndRecords) {
  Calibration c;
  c.curves.push_back({Kind::all_reduce, 8, {1e-6}, {1e9}, {1e-6}});
  KernelPoints points;
  points.source = "my table";
  for (std::int64_t bytes = 1 << 18; bytes <= 1 << 28; bytes *= 2)
    points.collectives.push_back({Kind::all_reduce, 8, {bytes}, 30e-6 + 1.75 * static_cast<double>(bytes) / 400e9});
  const auto lines = calibrate_kernels(c, device(), points);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].what, "curves.all_reduce.8");
  ASSERT_EQ(c.curves.size(), 1u);
  EXPECT_NEAR(c.curves[0].bandwidth.v, 400e9, 5e9);
  EXPECT_EQ(provenance(c, "curves.all_reduce.8").source, "my table");
  EXPECT_EQ(provenance(c, "curves.all_reduce.8").evidence, Evidence::measured);
}

TEST(CalibrateKernels, RoundsToFourDigits) {
  EXPECT_EQ(rounded(0.85549), 0.8555);
  EXPECT_EQ(rounded(1.23456e-6), 1.235e-6);
  EXPECT_EQ(rounded(0), 0);
}

// A world of runs in which time is work / clock + bytes / efficiency.
class FitRuns : public testing::Test {
 protected:
  double predict(std::size_t i, const Calibration& c) const {
    const double work = 1.0 + static_cast<double>(i), bytes = 5.0 / (1.0 + static_cast<double>(i));
    return work / c.clock16 + bytes / c.memory_efficiency;
  }
  std::vector<double> measured(const Calibration& truth) const {
    std::vector<double> t;
    for (std::size_t i = 0; i < 6; ++i) t.push_back(predict(i, truth));
    return t;
  }
  RunFit run(const std::vector<std::string>& names, const std::vector<double>& t, RunFitOptions options = {}) const {
    Calibration from;
    from.name = "start";
    return fit_runs(from, names, t, [this](std::size_t i, const Calibration& c) { return predict(i, c); }, options);
  }
};

TEST_F(FitRuns, FindsTheConstants) {
  Calibration truth;
  truth.clock16 = 0.8;
  truth.memory_efficiency = 0.6;
  RunFitOptions options;
  options.prior = 0;
  options.source = "six runs";
  const RunFit f = run({"clock16", "memory_efficiency"}, measured(truth), options);
  EXPECT_NEAR(f.values[0], 0.8, 0.005);
  EXPECT_NEAR(f.values[1], 0.6, 0.005);
  EXPECT_EQ(f.calibration.clock16, f.values[0]);
  EXPECT_EQ(provenance(f.calibration, "clock16").source, "six runs");
  EXPECT_EQ(provenance(f.calibration, "clock16").evidence, Evidence::calibrated);
  ASSERT_EQ(f.predicted.size(), 6u);
  EXPECT_NEAR(f.predicted[3] / predict(3, truth), 1, 0.005);
}

TEST_F(FitRuns, RefusesAKnobARun) {
  EXPECT_NE(message([&] { run({"clock16", "memory_efficiency", "attention_multiplier"}, {1.0, 2.0}); }).find("at least 3 runs to fit 3 constants"),
            std::string::npos);
}

TEST_F(FitRuns, RefusesWhatRunsCannotTell) {
  EXPECT_NE(message([&] { run({"clok16"}, {1.0, 2.0}); }).find("such as \"clock16\""), std::string::npos);
  EXPECT_NE(message([&] { run({"jitter"}, {1.0, 2.0}); }).find("a start above 0"), std::string::npos);
}

TEST(RunConstants, AreConstants) {
  const Calibration c;
  for (const Parameter& p : run_constants()) {
    double value = 0;
    EXPECT_TRUE(get_constant(c, p.name, value)) << p.name;
    EXPECT_LE(p.low, p.start);
    EXPECT_LE(p.start, p.high);
  }
}

}  // namespace
}  // namespace orrery
