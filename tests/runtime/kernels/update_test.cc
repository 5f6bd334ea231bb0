// Five steps of AdamW with clipping against the textbook, written out in double precision.
#include <cmath>
#include <random>

#include "tests/runtime/kernels/host_device.h"

namespace orrery::test {
namespace {

// Algorithm 2 of Loshchilov & Hutter 2019, of one parameter; the rate multiplies the decay, as in PyTorch.
struct Textbook {
  double weight = 0, first = 0, second = 0;
  void step(double gradient, int t, const StepArguments& o, bool decay) {
    const double b1 = static_cast<double>(o.beta1), b2 = static_cast<double>(o.beta2);
    first = b1 * first + (1 - b1) * gradient;
    second = b2 * second + (1 - b2) * gradient * gradient;
    const double m = first / (1 - std::pow(b1, t)), v = second / (1 - std::pow(b2, t));
    const double rate = static_cast<double>(o.learning_rate);
    const double decayed = decay ? rate * static_cast<double>(o.weight_decay) * weight : 0;
    weight -= decayed + rate * m / (std::sqrt(v) + static_cast<double>(o.epsilon));
  }
};

Tensor of_floats(std::vector<double> values, DType dtype = DType::fp32) {
  for (double& x : values) x = static_cast<double>(static_cast<float>(x));
  const auto n = static_cast<std::int64_t>(values.size());
  return {dtype, 1, n, std::move(values)};
}

TEST(AdamW, FiveStepsAsInTheTextbook) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  const std::size_t n = 301;
  std::vector<double> start(n);
  for (double& x : start) x = normal(random);
  HostDevice device;
  Invocation v;
  v.step.clip = 3;
  v.segments.resize(2);
  for (SegmentValues& s : v.segments) {
    s.weight = of_floats(start);
    s.first_moment = s.second_moment = of_floats(std::vector<double>(n));
  }
  v.segments[1].decay = false;
  v.segments[1].weight.dtype = DType::bf16;
  v.segments[1].master = of_floats(start);
  std::vector<std::vector<Textbook>> want(2, std::vector<Textbook>(n));
  for (std::vector<Textbook>& segment : want)
    for (std::size_t i = 0; i < n; ++i) segment[i].weight = static_cast<double>(static_cast<float>(start[i]));

  for (int t = 1; t <= 5; ++t) {
    v.step.step = static_cast<std::uint64_t>(t - 1);
    v.step.learning_rate = 0.02F / static_cast<float>(t);
    double squares = 0;
    for (SegmentValues& s : v.segments) {
      std::vector<double> gradient(n);
      for (double& g : gradient) g = normal(random);
      s.gradient = of_floats(gradient);
      for (const double g : s.gradient.values) squares += g * g;
    }
    const double factor = std::min(1.0, 3 / (std::sqrt(squares) + 1e-6));
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t i = 0; i < n; ++i)
        want[k][i].step(factor * v.segments[k].gradient.values[i], t, v.step, k == 0);
    v.kernel = KernelName::sum_of_squares;
    v.in = {};
    v.out = {zeros(1, 1)};
    const Tensor norm = launched(v, device).out[0];
    v.in = {norm};
    v.out = {};
    for (const KernelName kernel : {KernelName::clip, KernelName::adamw}) {
      v.kernel = kernel;
      v = launched(v, device);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(v.segments[0].weight.values[i], want[0][i].weight, 2e-6);
    EXPECT_NEAR(v.segments[1].master.values[i], want[1][i].weight, 2e-6);
    EXPECT_NEAR(v.segments[1].weight.values[i], want[1][i].weight, std::abs(want[1][i].weight) / 256);
  }
}

TEST(AdamW, NothingMovesWhereTheNormIsNotFinite) {
  for (const double norm : {HUGE_VAL, std::nan("")}) {
    Invocation v{.kernel = KernelName::adamw, .step = {.learning_rate = 1}};
    v.in = {of_floats({norm})};
    v.segments = {{of_floats({1, 2}), of_floats({3, 4}), of_floats({0, 0}), of_floats({0, 0}), {}, true}};
    HostDevice device;
    const Invocation after = launched(v, device);
    EXPECT_EQ(after.segments[0].weight.values, v.segments[0].weight.values);
    EXPECT_EQ(after.segments[0].first_moment.values, v.segments[0].first_moment.values);
    EXPECT_EQ(after.segments[0].second_moment.values, v.segments[0].second_moment.values);
  }
}

}  // namespace
}  // namespace orrery::test
