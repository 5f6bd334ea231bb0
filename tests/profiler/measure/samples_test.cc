#include "profiler/measure/samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace orrery {
namespace {

TEST(Samples, MedianAndQuartilesFallOnSamples) {
  const std::vector<double> nine{9, 1, 8, 2, 7, 3, 6, 4, 5};
  const Repeats r = summarize(nine);
  EXPECT_EQ(r.median, 5);
  EXPECT_EQ(r.least, 1);
  EXPECT_EQ(r.spread, (7.0 - 3.0) / 2 / 5);
  const double one[] = {3};
  EXPECT_EQ(summarize(one).median, 3);
  EXPECT_EQ(summarize(one).spread, 0);
  EXPECT_EQ(summarize(one).mean, 3);
}

// A few disturbed repeats move nothing.
TEST(Samples, OutliersDoNotCount) {
  std::vector<double> samples(21, 2.0);
  std::fill_n(samples.begin(), 5, 1000.0);
  EXPECT_EQ(summarize(samples).median, 2);
  EXPECT_EQ(summarize(samples).spread, 0);
}

// The mean sees what happens often, not what happened once.
TEST(Samples, TheMeanIsWithoutTheLargestTenth) {
  std::vector<double> samples(20, 2.0);
  samples[3] = samples[11] = 1000;
  EXPECT_EQ(summarize(samples).mean, 2);
  samples[5] = 38;
  EXPECT_EQ(summarize(samples).mean, 4);
  EXPECT_EQ(summarize(samples).median, 2);
}

TEST(Samples, OrderDoesNotMatter) {
  std::mt19937 random(1);
  std::vector<double> samples;
  for (int i = 0; i < 50; ++i) samples.push_back(i * i);
  const Repeats sorted = summarize(samples);
  for (int i = 0; i < 10; ++i) {
    std::shuffle(samples.begin(), samples.end(), random);
    EXPECT_EQ(summarize(samples).median, sorted.median);
    EXPECT_EQ(summarize(samples).spread, sorted.spread);
  }
}

}  // namespace
}  // namespace orrery
