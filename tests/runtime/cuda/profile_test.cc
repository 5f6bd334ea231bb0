// What profiles ask of the plug-in, beside what steps do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "profiler/measure/hardware.h"
#include "profiler/measure/links.h"
#include "profiler/measure/plug_in_device.h"
#include "sim/base/error.h"
#include "tests/runtime/cuda/stand_ins.h"

namespace orrery {
namespace {

class Quiet : public Watch {
 public:
  bool stop() override { return false; }
  void progress(std::size_t, std::size_t, std::string_view) override {}
};

WithDevice device() { return plug_in_device(testing::cuda_plug_in()); }
WithRanks ranks() { return plug_in_ranks(testing::cuda_plug_in()); }

std::map<std::string, std::string> facts() {
  std::map<std::string, std::string> out;
  device()({}, [&](Backend& b) {
    for (const Fact& f : b.facts()) out[f.name] = f.value;
  });
  return out;
}

TEST(CudaProfile, FactsNameTheGpuItsLibrariesAndItsClocks) {
  const auto all = facts();
  EXPECT_EQ(all.at("GPU"), "fake GPU (PTX interpreter)");
  EXPECT_EQ(all.at("compute capability"), "9.0");
  EXPECT_EQ(all.at("SM clock"), "1000 MHz");
  EXPECT_EQ(all.at("SM clock at most"), "1500 MHz");
  EXPECT_EQ(all.at("power"), "123.4 W");
  EXPECT_EQ(all.at("clocks held by"), "power cap");
  EXPECT_EQ(all.at("NCCL").substr(0, 2), "2.");
  EXPECT_EQ(all.count("NVML"), 0u) << "it is there, so nothing is said of it";
}

TEST(CudaProfile, WithoutNvmlAFactSaysSo) {
  setenv("FAKE_CUDA_NVML", "0", 1);
  const auto all = facts();
  unsetenv("FAKE_CUDA_NVML");
  EXPECT_EQ(all.at("NVML"), "does not know this GPU (error 9): clocks and power are not known");
  EXPECT_EQ(all.count("SM clock"), 0u);
  EXPECT_EQ(all.at("GPU"), "fake GPU (PTX interpreter)");
}

// The stand-ins have no CUPTI, and the real one has no driver here.
TEST(CudaProfile, WithoutCuptiEventsServeAndAFactSaysSo) {
  device()({}, [&](Backend& b) {
    ASSERT_FALSE(b.trace_kernels());
    EXPECT_TRUE(b.traced_kernels().empty());
    const std::vector<Fact> all = b.facts();
    const auto said = std::find_if(all.begin(), all.end(), [](const Fact& f) { return f.name == "CUPTI"; });
    ASSERT_NE(said, all.end());
    EXPECT_NE(said->value.find("times are those of events"), std::string::npos) << said->value;
    EXPECT_GT(measure_launch(b, test_sizes()).v, 0);
  });
}

TEST(CudaProfile, ProductsCopiesAndFactsUnderLoadAreMeasured) {
  const HardwareSizes sizes = test_sizes();
  Quiet watch;
  device()(hardware_memory(sizes), [&](Backend& b) {
    EXPECT_GT(measure_memory_rate(b, sizes).v, 0);
    EXPECT_GT(measure_host_rate(b, sizes).v, 0);
    for (const DType dtype : {DType::fp32, DType::bf16}) {
      const std::vector<MatmulPoint> points = measure_matmuls(b, dtype, watch, sizes);
      EXPECT_EQ(points.size(), sizes.tokens.size() * sizes.widths.size() * sizes.widths.size());
      for (const MatmulPoint& p : points) EXPECT_GT(p.seconds, 0);
    }
    EXPECT_FALSE(facts_under_load(b, DType::bf16, sizes).empty());
  });
}

// The fake NCCL expects 10 us, and 100 GB/s on the elements that a rank names: of a reduce-scatter those of
// its output, of an all-gather those of its input.
TEST(CudaProfile, NcclsEstimateStandsBesideTheMeasurement) {
  LinkOptions options = test_sizes().links;
  options.bytes = {1 << 12, 1 << 15};
  Quiet watch;
  const int groups[] = {2};
  const std::vector<CollectivePoint> points = measure_links(ranks(), groups, watch, options);
  EXPECT_EQ(points.size(), 2u * 6);
  for (const CollectivePoint& p : points) {
    SCOPED_TRACE(std::string(name(p.kind)) + " of " + std::to_string(p.bytes.v));
    EXPECT_GT(p.seconds, 0);
    const auto bytes = static_cast<double>(p.bytes.v);
    const auto expected = [](double pieces, double each) { return pieces * (10e-6 + each / 100e9); };
    if (p.kind == Kind::send)
      EXPECT_EQ(p.estimate, 0);
    else if (p.kind == Kind::all_to_all)
      EXPECT_NEAR(p.estimate, expected(4, bytes / 2), 1e-9) << "two messages out and two in";
    else if (p.kind == Kind::all_gather || p.kind == Kind::reduce_scatter)
      EXPECT_NEAR(p.estimate, expected(1, bytes / 2), 1e-9);
    else
      EXPECT_NEAR(p.estimate, expected(1, bytes), 1e-9);
  }
  const Overlap overlap = measure_overlap(ranks(), options);
  EXPECT_GE(overlap.compute, 1);
  EXPECT_GE(overlap.communication, 1);
}

TEST(CudaProfile, MoreRanksThanGpusAreRefused) {
  const int groups[] = {16};
  Quiet watch;
  EXPECT_THROW(measure_links(ranks(), groups, watch, test_sizes().links), DeviceError);
}

}  // namespace
}  // namespace orrery
