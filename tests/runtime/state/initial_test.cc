#include "runtime/state/initial.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/state/world.h"

namespace orrery {
namespace {

using testing::World;

// The complementary error function of the C library is the independent half: Phi(quantile(p)) = p.
TEST(NormalQuantile, InvertsTheDistribution) {
  for (int i = 1; i < 1000; ++i) {
    const double p = i / 1000.0;
    EXPECT_NEAR(std::erfc(-normal_quantile(p) / std::sqrt(2.0)) / 2, p, 1e-15);
  }
  for (int e = -53; e < -8; ++e) {
    const double p = std::ldexp(1.0, e);
    EXPECT_NEAR(std::erfc(-normal_quantile(p) / std::sqrt(2.0)) / 2 / p, 1, 2e-13) << e;
    EXPECT_EQ(normal_quantile(p), -normal_quantile(1 - p));
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-15);
}

std::vector<float> all(const WeightSource& source, const Slice& slice) {
  std::vector<float> out(static_cast<std::size_t>(slice.elements()));
  source.read(slice, out);
  return out;
}

Slice whole(const Model& model, std::string_view name) {
  for (const CanonicalTensor& t : canonical_tensors(model))
    if (t.name == name) return t.whole();
  ADD_FAILURE() << name;
  return {};
}

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0;
};
Moments moments(const std::vector<float>& values) {
  Moments m;
  const auto n = static_cast<double>(values.size());
  for (const float v : values) m.mean += v / n;
  double second = 0, fourth = 0;
  for (const float v : values) {
    const double d = v - m.mean;
    second += d * d / n;
    fourth += d * d * d * d / n;
  }
  m.deviation = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

TEST(InitialWeights, AreNormalWithTheDeviationsOfGpt2) {
  const Model model = testing::gpt(8, 256, 4, 1000, 32);
  const InitialWeights weights(model, 5);
  for (const auto& [name, deviation] : {std::pair<std::string, double>{"embedding.weight", 0.02},
                                        {"layers.0.attention.qkv.weight", 0.02},
                                        {"layers.7.mlp.up.weight", 0.02},
                                        {"layers.3.attention.out.weight", 0.005},
                                        {"layers.3.mlp.down.weight", 0.005}}) {
    const Moments m = moments(all(weights, whole(model, name)));
    EXPECT_NEAR(m.mean, 0, deviation * 0.02) << name;  // five standard errors of 65536 and more
    EXPECT_NEAR(m.deviation, deviation, deviation * 0.015) << name;
    EXPECT_NEAR(m.kurtosis, 3, 0.1) << name;
  }
  for (const float v : all(weights, whole(model, "layers.2.norm1.weight"))) EXPECT_EQ(v, 1);
  for (const char* name : {"layers.2.norm1.bias", "layers.2.mlp.up.bias", "layers.0.attention.out.bias"})
    for (const float v : all(weights, whole(model, name))) EXPECT_EQ(v, 0);
}

TEST(InitialWeights, TensorsAndSeedsAreApart) {
  const Model model = testing::gpt(2, 64, 4, 1000, 32);
  const std::vector<float> a = all(InitialWeights(model, 5), whole(model, "layers.0.mlp.up.weight")),
                           b = all(InitialWeights(model, 5), whole(model, "layers.1.mlp.up.weight")),
                           c = all(InitialWeights(model, 6), whole(model, "layers.0.mlp.up.weight"));
  double ab = 0, ac = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i] / (4e-4 * static_cast<double>(a.size()));
    ac += a[i] * c[i] / (4e-4 * static_cast<double>(a.size()));
  }
  EXPECT_NEAR(ab, 0, 0.04);  // five standard errors
  EXPECT_NEAR(ac, 0, 0.04);
}

TEST(InitialWeights, SameUnderAnySharding) {
  const Model model = testing::llama(2, 32, 8, 2, 48, 300);
  const InitialWeights weights(model, 1);
  for (const int tp : {1, 2, 4})
    for (const int dp : {1, 3}) {
      const World world(model, testing::plan({.tp = tp, .dp = dp}, Zero::full));
      for (int rank = 0; rank < world.plan.ranks(); ++rank)
        for (const std::vector<Placement>& part : world.parts(rank)) {
          std::vector<float> flat(static_cast<std::size_t>(testing::extent(part)));
          fill(weights, part, flat);
          for (const Placement& p : part) {
            const std::vector<float> tensor = all(weights, whole(model, p.slice.tensor));
            const std::int64_t columns = whole(model, p.slice.tensor).columns;
            for (std::int64_t i = 0; i < p.slice.elements(); ++i)
              EXPECT_EQ(flat[static_cast<std::size_t>(p.offset + i)],
                        tensor[static_cast<std::size_t>((p.slice.row + i / p.slice.columns) * columns +
                                                        p.slice.column + i % p.slice.columns)]);
          }
        }
    }
}

// Old runs must start from the same weights.
TEST(InitialWeights, Golden) {
  const Model model = testing::gpt(2, 64, 4, 1000, 32);
  EXPECT_EQ(all(InitialWeights(model, 1), {"embedding.weight", 999, 1, 60, 4}),
            (std::vector<float>{-0.00718849525F, -0.00547279418F, -0.0105195213F, 0.00251740124F}));
}

}  // namespace
}  // namespace orrery
