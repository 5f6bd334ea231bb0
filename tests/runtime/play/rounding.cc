#include "tests/runtime/play/rounding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace orrery::testing {
namespace {

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = double{a[i]} - double{b[i]};
    sum += d * d;
  }
  return std::sqrt(sum);
}

double length(const std::vector<float>& a) { return distance(a, std::vector<float>(a.size(), 0.0F)); }

void expect_as_close(const Tensors& got, const Tensors& one, const Tensors& exact) {
  double largest = 0;
  for (const auto& [name, values] : exact) largest = std::max(largest, length(values));
  for (const auto& [name, values] : exact) {
    const double rounding = distance(one.at(name), values);
    // 2^-9 of the value is the rounding that any tensor may have.
    const double least = std::max(length(values), largest / 1000) / 512;
    EXPECT_LE(distance(got.at(name), values), 3 * rounding + least) << name;
  }
}

}  // namespace

Rounded rounded(const Draw& d, const TrainOptions& options) {
  Plan one;
  one.micro_batch = d.training.global_batch;
  Training half = d.training;
  half.precision = in_bf16;
  return {train(*d.model, cluster(1), d.training, one, options),
          train(*d.model, cluster(1), half, one, options)};
}

void expect_as_close(const Trained& got, const Rounded& one) {
  for (std::size_t s = 0; s < got.losses.size(); ++s) {
    EXPECT_NEAR(got.losses[s], one.fp32.losses[s], one.fp32.losses[s] / 512) << "step " << s;
    expect_as_close(got.gradients[s], one.bf16.gradients[s], one.fp32.gradients[s]);
  }
  expect_as_close(got.weights, one.bf16.weights, one.fp32.weights);
}

}  // namespace orrery::testing
