#include "profiler/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace orrery {
namespace {

// t = a + x / b at x = 1 ... 40.
void line(std::span<const double> v, std::span<double> predicted) {
  for (std::size_t i = 0; i < predicted.size(); ++i) predicted[i] = v[0] + (static_cast<double>(i) + 1) / v[1];
}

std::vector<double> measured_line(double a, double b) {
  std::vector<double> t(40);
  const double v[] = {a, b};
  line(v, t);
  return t;
}

const Parameter start[] = {{"a", 1.0, 0.01, 100}, {"b", 1.0, 0.01, 100}};

TEST(Fit, FindsWhatMadeThePoints) {
  const Fit f = fit(start, measured_line(3.0, 0.25), line);
  EXPECT_NEAR(f.values[0], 3.0, 0.01);
  EXPECT_NEAR(f.values[1], 0.25, 0.001);
  EXPECT_LT(f.after.mape, 1e-3);
  EXPECT_GT(f.before.mape, 0.1);
  EXPECT_EQ(f.after.points, 40u);
}

TEST(Fit, OneOutlierDoesNotPull) {
  std::vector<double> t = measured_line(3.0, 0.25);
  t[7] *= 3;
  const Fit f = fit(start, t, line);
  EXPECT_NEAR(f.values[1], 0.25, 0.005);
  EXPECT_NEAR(f.after.worst, -2.0 / 3.0, 0.02);
}

TEST(Fit, StaysWithinItsBounds) {
  const Parameter tight[] = {{"a", 1.0, 0.5, 2.0}, {"b", 1.0, 0.01, 100}};
  const Fit f = fit(tight, measured_line(3.0, 0.25), line);
  EXPECT_LE(f.values[0], 2.0);
  EXPECT_GT(f.values[0], 1.9);
}

TEST(Fit, APriorHoldsWhatThePointsDoNotTell) {
  // Only the product of two parameters matters.
  const Parameter two[] = {{"p", 2.0, 0.1, 100}, {"q", 3.0, 0.1, 100}};
  const std::vector<double> t(10, 12.0);
  FitOptions options;
  options.prior = 0.02;
  const Fit f = fit(two, t, [](std::span<const double> v, std::span<double> out) {
    for (double& o : out) o = v[0] * v[1];
  }, options);
  EXPECT_NEAR(f.values[0] * f.values[1], 12.0, 0.1);
  EXPECT_NEAR(f.values[0] / 2.0, f.values[1] / 3.0, 0.2) << "both share the move";
}

TEST(Fit, SameAnswerEveryTime) {
  const auto t = measured_line(2.0, 0.5);
  const Fit a = fit(start, t, line), b = fit(start, t, line);
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.evaluations, b.evaluations);
}

TEST(Fit, NothingToFitTo) {
  const Fit f = fit(start, {}, line);
  EXPECT_EQ(f.values, (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(f.after.points, 0u);
}

TEST(Errors, ByHand) {
  const double predicted[] = {1.1, 0.9, 2.0, 0.5}, measured[] = {1.0, 1.0, 2.0, 1.0};
  const Errors e = errors(predicted, measured);
  EXPECT_NEAR(e.mape, (0.1 + 0.1 + 0 + 0.5) / 4, 1e-12);
  EXPECT_NEAR(e.median, 0.1, 1e-12);
  EXPECT_NEAR(e.worst, -0.5, 1e-12);
  EXPECT_NEAR(e.bias, -0.125, 1e-12);
}

}  // namespace
}  // namespace orrery
