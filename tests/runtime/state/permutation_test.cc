#include "runtime/state/permutation.h"

#include <gtest/gtest.h>

#include <vector>

namespace orrery {
namespace {

TEST(Permutation, EachOnce) {
  for (const std::uint64_t n : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4096, 4097})
    for (const std::uint64_t key : {0, 1, 77}) {
      std::vector<bool> seen(n);
      const Permutation order(n, key);
      for (std::uint64_t i = 0; i < n; ++i) {
        ASSERT_LT(order(i), n);
        EXPECT_FALSE(seen[order(i)]) << n << " " << key;
        seen[order(i)] = true;
      }
    }
}

TEST(Permutation, LargeDomains) {
  const std::uint64_t n = (std::uint64_t{1} << 61) + 12345;
  const Permutation order(n, 3);
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_LT(order(n - 1 - i), n);
}

// Over all keys, each index lands in each quarter about as often: chi-squared with 3 degrees of freedom,
// whose 99.99 % quantile is 21.1.
TEST(Permutation, NoPlaceIsPreferred) {
  const std::uint64_t n = 1000, keys = 4000;
  for (const std::uint64_t i : {0, 1, 500, 999}) {
    double quarters[4] = {};
    for (std::uint64_t key = 0; key < keys; ++key) ++quarters[Permutation(n, key)(i) * 4 / n];
    double chi2 = 0;
    for (const double q : quarters) chi2 += (q - 1000) * (q - 1000) / 1000;
    EXPECT_LT(chi2, 21.1) << i;
  }
}

// The order of old runs must not change.
TEST(Permutation, Golden) {
  const Permutation order(10, 42);
  std::vector<std::uint64_t> got;
  for (std::uint64_t i = 0; i < 10; ++i) got.push_back(order(i));
  EXPECT_EQ(got, (std::vector<std::uint64_t>{4, 6, 5, 2, 8, 0, 9, 1, 7, 3}));
}

}  // namespace
}  // namespace orrery
