#include <gtest/gtest.h>

#include <cmath>

#include "tests/profiler/import/samples.h"

namespace orrery {
namespace {

const std::string header =
    "#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   "
    "busbw #wrong\n"
    "#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  "
    "(GB/s)\n";

std::string devices(int n) {
  std::string out;
  for (int r = 0; r < n; ++r)
    out += "#  Rank  " + std::to_string(r) + " Group  0 Pid   7 on host" + std::to_string(r / 4) +
           " device  0 [0000:07:00] NVIDIA A100-SXM4-40GB\n";
  return out;
}

TEST(NcclText, RowsUnderTheirConditions) {
  const Source s = import_sample("all_reduce.txt");
  EXPECT_EQ(s.device, "NVIDIA H100 80GB HBM3");
  ASSERT_EQ(s.measurements.size(), 2u * 21u);
  const Measurement& last = s.measurements[40];
  EXPECT_EQ(last.name, "all_reduce");
  EXPECT_EQ(last.ranks, 8);
  EXPECT_EQ(last.nodes, 1);
  EXPECT_EQ(last.bytes, std::int64_t{1} << 30);
  EXPECT_EQ(last.in_place, 0);
  // The sample follows T = 20 us + x + sqrt(8 us x), x = 1.75 S / 400 GB/s.
  const double x = 1.75 * (1 << 30) / 400e9;
  EXPECT_NEAR(last.value.median, 20e-6 + x + std::sqrt(8e-6 * x), 1e-8);
}

TEST(NcclText, RowsBehindALaunchersRank) {
  const Source s = import_one(devices(8) + "# all_gather_perf\n" + header +
                              " 0:    134217728       2097152     float    none      -1   1061.1  126.49  "
                              "118.59    N/A   1058.4  126.82  118.89    N/A\n"
                              " 0: # Out of bounds values : 0 OK\n");
  EXPECT_EQ(first(s, What::collective).name, "all_gather");
  EXPECT_EQ(first(s, What::collective).nodes, 2);
  EXPECT_DOUBLE_EQ(first(s, What::collective).value.median, 1061.1e-6);
}

// Old versions have neither a root nor the name of the operation; its two bandwidths tell it.
TEST(NcclText, TellsAReductionByItsBandwidths) {
  const std::string old =
      "#       size         count      type   redop     time   algbw   busbw  error     time   algbw   busbw "
      " error\n";
  const Source reduce = import_one(
      devices(4) + old +
      "    33554432   8388608   float   sum   870.1   38.56   57.84  5e-07   866.8   38.71   58.07  5e-07\n");
  EXPECT_EQ(first(reduce, What::collective).name, "all_reduce");  // 1.5 = 2 * 3/4
  const Source scatter = import_one(
      devices(4) + old +
      "    33554432   8388608   float   sum   870.1   38.56   28.92  5e-07   866.8   38.71   29.03  5e-07\n");
  EXPECT_EQ(first(scatter, What::collective).name, "reduce_scatter");
}

TEST(NcclText, AsksForWhatItCannotKnow) {
  const std::string row = "  1024  256  float  none  -1  10.0  0.10  0.10  0  10.0  0.10  0.10  0\n";
  const std::string error = error_of([&] { import_one(header + row); });
  EXPECT_NE(error.find("--op all_gather"), std::string::npos) << error;
  const Source s = import_one(header + row, {"all_gather", 8});
  EXPECT_EQ(first(s, What::collective).name, "all_gather");
  EXPECT_EQ(first(s, What::collective).ranks, 8);
  EXPECT_EQ(first(import_one("# all_reduce_perf\n" + header + row), What::collective).ranks,
            std::nullopt);  // not invented
  EXPECT_NE(error_of([&] { import_one(header); }).find("a row of times"), std::string::npos);
}

TEST(NcclText, ColumnsOfEachIterationAreSkippedByName) {
  const Source s = import_one(
      "# all_reduce_perf\n#  size  count  type  redop  root  time  algbw  busbw  #wrong  i_min  i_max  time  "
      "algbw  busbw  #wrong  i_min  i_max\n"
      "  4096  1024  float  sum  -1  11.5  1  1  0  9  14  12.5  1  1  0  9  15\n");
  ASSERT_EQ(s.measurements.size(), 2u);
  EXPECT_DOUBLE_EQ(s.measurements[1].value.median, 12.5e-6);
}

TEST(NcclJson, EveryIterationAndNothingOfTheEnvironment) {
  const Source s = import_sample("all_gather.json");
  ASSERT_EQ(s.measurements.size(), 6u);  // "nan": in place did not run
  const Measurement& m = s.measurements.front();
  EXPECT_EQ(m.name, "all_gather");
  EXPECT_EQ(m.ranks, 16);
  EXPECT_EQ(m.nodes, 2);
  EXPECT_EQ(m.value.count, 5);
  EXPECT_LT(m.value.least, m.value.median);
  EXPECT_EQ(write_profile({&s, 1}).dump().find("SECRET"), std::string::npos);
}

TEST(NcclJson, BrokenTimesHaveAPlace) {
  const std::string error = error_of([] {
    import_one(
        R"({"nccl_version": 1, "args": ["all_reduce_perf"], "config": {}, "results": [{"size": 8, "out_of_place": {"time": -1}}]})");
  });
  EXPECT_NE(error.find("/results/0/out_of_place/time"), std::string::npos) << error;
}

}  // namespace
}  // namespace orrery
