// The interpreter runs kernels that nvcc compiled for two architectures (ptx_kernels.cu) and must agree with
// host arithmetic: bit for bit, but where a GPU approximates.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/fake_cuda/ptx/floats.h"
#include "tests/fake_cuda/ptx_bench.h"

namespace orrery::ptx {
namespace {

class Ptx : public testing::TestWithParam<const char*> {
 protected:
  Bench bench_{text_of_file(std::string(ORRERY_PTX_KERNELS) + "." + GetParam() + ".ptx")};
  std::mt19937 random_{17};

  std::vector<int> integers(std::size_t n, int least, int most) {
    std::uniform_int_distribution<int> draw(least, most);
    std::vector<int> values(n);
    for (int& v : values) v = draw(random_);
    return values;
  }
  std::vector<float> floats(std::size_t n, float least, float most) {
    std::uniform_real_distribution<float> draw(least, most);
    std::vector<float> values(n);
    for (float& v : values) v = draw(random_);
    return values;
  }
};

INSTANTIATE_TEST_SUITE_P(Architectures, Ptx, testing::Values("80", "90"));

TEST_P(Ptx, AddsVectorsOfAnyLength) {
  const auto a = floats(1000, -5, 5), b = floats(1000, -5, 5);
  const auto sum = bench_.put(std::vector<float>(1000));
  bench_.run("add_vectors", {8, 1, 1}, {128, 1, 1}, {sum, bench_.put(a), bench_.put(b), 1000});
  const auto got = bench_.get<float>(sum);
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(got[i], a[i] + b[i]) << i;
}

TEST_P(Ptx, Shuffles) {
  const auto in = integers(32, -50, 50);
  const auto out = bench_.put(std::vector<int>(5 * 32));
  bench_.run("shuffles", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<int>(out);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(got[5 * i], std::accumulate(in.begin(), in.end(), 0));
    EXPECT_EQ(got[5 * i + 1], in[i == 0 ? 0 : i - 1]);
    EXPECT_EQ(got[5 * i + 2], in[i % 8 == 7 ? i : i + 1]);
    EXPECT_EQ(got[5 * i + 3], in[3]);
    EXPECT_EQ(got[5 * i + 4], i % 2 == 0 ? in[i ^ 2] : -in[i ^ 4]);
  }
}

TEST_P(Ptx, VotesMatchesAndReduces) {
  const auto in = integers(32, -3, 9);
  const auto out = bench_.put(std::vector<unsigned>(4 * 32));
  bench_.run("votes", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<unsigned>(out);
  for (std::size_t i = 0; i < 32; ++i) {
    unsigned positive = 0, equal = 0, any = 0, sum = 0;
    for (std::size_t k = 0; k < 32; ++k) {
      positive |= static_cast<unsigned>(in[k] > 0) << k;
      equal |= static_cast<unsigned>(in[k] == in[i]) << k;
      any |= static_cast<unsigned>(in[k] == 7);
      sum += static_cast<unsigned>(in[k]);
    }
    EXPECT_EQ(got[4 * i], positive);
    EXPECT_EQ(got[4 * i + 1], any + 2);
    EXPECT_EQ(got[4 * i + 2], equal);
    EXPECT_EQ(got[4 * i + 3], sum);
  }
}

// Integers below 2^24, so that any order of summation is exact.
TEST_P(Ptx, ReducesInBlocksOfAnyWidth) {
  const std::size_t rows = 5, columns = 1003;
  std::vector<float> in(rows * columns);
  for (float& x : in) x = static_cast<float>(integers(1, -100, 100)[0]);
  const std::vector<double> wide(in.begin(), in.end());
  for (const std::uint32_t threads : {32U, 64U, 256U, 1024U}) {
    const auto sums = bench_.put(std::vector<float>(rows)), wide_sums = bench_.put(std::vector<double>(rows));
    bench_.run("sum_rows", {5, 1, 1}, {threads, 1, 1}, {sums, bench_.put(in), 1003});
    bench_.run("sum_rows_double", {5, 1, 1}, {threads, 1, 1}, {wide_sums, bench_.put(wide), 1003});
    for (std::size_t r = 0; r < rows; ++r) {
      const auto row = in.begin() + static_cast<std::ptrdiff_t>(r * columns);
      const float expected = std::accumulate(row, row + columns, 0.0F);
      EXPECT_EQ(bench_.get<float>(sums)[r], expected);
      EXPECT_EQ(bench_.get<double>(wide_sums)[r], static_cast<double>(expected));
    }
  }
}

TEST_P(Ptx, ReversesThroughDynamicSharedMemory) {
  const auto in = integers(200, 0, 1000);
  const auto out = bench_.put(std::vector<int>(200));
  bench_.run("reverse", {1, 1, 1}, {200, 1, 1}, {out, bench_.put(in)}, 800);
  EXPECT_EQ(bench_.get<int>(out), std::vector<int>(in.rbegin(), in.rend()));
}

TEST_P(Ptx, Atomics) {
  const auto in = integers(384, 0, 1000);
  std::vector<unsigned> counts(11, 0);
  counts[9] = 5;
  const auto counted = bench_.put(counts), sum = bench_.put(std::vector<float>{0.5F});
  const auto extreme = bench_.put(std::vector<int>{-1, 5000}),
             wide = bench_.put(std::vector<std::uint64_t>{7});
  bench_.run("atomics", {3, 1, 1}, {128, 1, 1}, {counted, sum, extreme, wide, bench_.put(in)});
  float expected_sum = 0.5F;
  for (const int x : in) {
    ++counts[static_cast<std::size_t>(x % 8)];
    counts[8] ^= static_cast<unsigned>(x);
    expected_sum += static_cast<float>(x);
  }
  counts[9] = 77;
  counts[10] = 384;
  EXPECT_EQ(bench_.get<unsigned>(counted), counts);
  EXPECT_EQ(bench_.get<float>(sum)[0], expected_sum);
  EXPECT_EQ(bench_.get<int>(extreme), (std::vector<int>{*std::max_element(in.begin(), in.end()),
                                                        *std::min_element(in.begin(), in.end())}));
  EXPECT_EQ(bench_.get<std::uint64_t>(wide)[0], 7 + (384ULL << 33));
}

// The nearest of all finite values of a format, by search; ties to even.
template <class T, class Value>
T nearest(double x, Value value) {
  T best{};
  double distance = std::numeric_limits<double>::infinity();
  for (unsigned bits = 0; bits < 0x8000; ++bits) {
    const T candidate{static_cast<std::uint16_t>(bits | (std::signbit(x) ? 0x8000U : 0U))};
    const double v = value(candidate);
    if (!std::isfinite(v)) break;
    const double d = std::fabs(v - x);
    if (d < distance || (d == distance && bits % 2 == 0)) {
      best = candidate;
      distance = d;
    }
  }
  return best;
}
double of_bfloat(Bfloat b) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(b.bits) << 16));
}
double of_half(Half h) {
  const int exponent = (h.bits >> 10) & 31, mantissa = h.bits & 1023;
  const double size = exponent == 0    ? std::ldexp(mantissa, -24)
                      : exponent == 31 ? std::numeric_limits<double>::infinity()
                                       : std::ldexp(1024 + mantissa, exponent - 25);
  return (h.bits & 0x8000) != 0 ? -size : size;
}

TEST_P(Ptx, Bfloat16) {
  auto in = floats(32, -3, 3);
  in[0] = 1.00390625F;  // between 1 and the next: ties to even
  in[1] = 1.01171875F;
  in[2] = 1e-40F;
  std::vector<std::uint16_t> pairs(64);
  for (auto& p : pairs) p = nearest<Bfloat>(static_cast<double>(floats(1, -2, 2)[0]), of_bfloat).bits;
  const auto out = bench_.put(std::vector<std::uint16_t>(32)), back = bench_.put(std::vector<float>(32));
  const auto pair_out = bench_.put(std::vector<std::uint16_t>(128));
  bench_.run("bfloats", {1, 1, 1}, {32, 1, 1}, {out, back, bench_.put(in), bench_.put(pairs), pair_out});
  const auto got = bench_.get<std::uint16_t>(out), got_pairs = bench_.get<std::uint16_t>(pair_out);
  for (std::size_t i = 0; i < 32; ++i) {
    const Bfloat expected = nearest<Bfloat>(static_cast<double>(in[i]), of_bfloat);
    EXPECT_EQ(got[i], expected.bits) << in[i];
    EXPECT_EQ(bench_.get<float>(back)[i], static_cast<float>(of_bfloat(expected)) * 3.0F);
    for (std::size_t k = 0; k < 2; ++k) {
      const double x = of_bfloat({pairs[2 * i + k]});  // x * x + x has 17 bits: exact in double
      EXPECT_EQ(got_pairs[4 * i + k], nearest<Bfloat>(x * x + x, of_bfloat).bits);
    }
    EXPECT_EQ(got_pairs[4 * i + 2], expected.bits);
    EXPECT_EQ(got_pairs[4 * i + 3], expected.bits ^ 0x8000);
  }
}

TEST_P(Ptx, Half) {
  auto in = floats(32, -30, 30);
  in[0] = 3e-6F;  // subnormal
  const auto out = bench_.put(std::vector<std::uint16_t>(96)), back = bench_.put(std::vector<float>(32));
  bench_.run("halves", {1, 1, 1}, {32, 1, 1}, {out, back, bench_.put(in)});
  const auto got = bench_.get<std::uint16_t>(out);
  for (std::size_t i = 0; i < 32; ++i) {
    const Half x = nearest<ptx::Half>(static_cast<double>(in[i]), of_half);
    EXPECT_EQ(got[3 * i], x.bits) << in[i];
    EXPECT_EQ(got[3 * i + 1], nearest<ptx::Half>(of_half(x) + 1.5, of_half).bits);
    EXPECT_EQ(got[3 * i + 2], nearest<ptx::Half>(of_half(x) * of_half(x) + of_half(x), of_half).bits);
    EXPECT_EQ(bench_.get<float>(back)[i],
              static_cast<float>(of_half(nearest<ptx::Half>(of_half(x) * of_half(x), of_half))));
  }
}

TEST_P(Ptx, VectorLoadsAndStores) {
  std::vector<std::uint32_t> in(128);
  std::iota(in.begin(), in.end(), 1000U);
  const auto pairs = floats(64, -1, 1);
  std::vector<std::uint8_t> bytes(128);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{100});
  std::vector<std::int16_t> shorts(64);
  std::iota(shorts.begin(), shorts.end(), std::int16_t{-20});
  const auto out = bench_.put(std::vector<std::uint32_t>(128)), pairs_at = bench_.put(pairs);
  const auto bytes_at = bench_.put(bytes), shorts_at = bench_.put(shorts);
  bench_.run("vectors", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in), pairs_at, bytes_at, shorts_at});
  for (std::size_t i = 0; i < 32; ++i) {
    for (std::size_t k = 0; k < 4; ++k)
      EXPECT_EQ(bench_.get<std::uint32_t>(out)[4 * i + k], in[4 * i + 3 - k]);
    for (std::size_t k = 0; k < 4; ++k)
      EXPECT_EQ(bench_.get<std::uint8_t>(bytes_at)[4 * i + k], bytes[4 * i + (k + 3) % 4]);
    EXPECT_EQ(bench_.get<float>(pairs_at)[2 * i], pairs[2 * i + 1]);
    EXPECT_EQ(bench_.get<std::int16_t>(shorts_at)[2 * i], shorts[2 * i] + shorts[2 * i + 1]);
    EXPECT_EQ(bench_.get<std::int16_t>(shorts_at)[2 * i + 1], shorts[2 * i] - shorts[2 * i + 1]);
  }
}

TEST_P(Ptx, LanesThatLoopUnequally) {
  std::vector<int> in(64);
  std::iota(in.begin(), in.end(), 1);
  const auto steps = bench_.put(std::vector<int>(64));
  bench_.run("collatz", {1, 1, 1}, {64, 1, 1}, {steps, bench_.put(in)});
  for (std::size_t i = 0; i < 64; ++i) {
    int count = 0;
    for (int n = in[i]; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1) ++count;
    EXPECT_EQ(bench_.get<int>(steps)[i], count);
  }
}

TEST_P(Ptx, Doubles) {
  std::vector<double> in(32);
  for (double& x : in) x = static_cast<double>(floats(1, -1000, 1000)[0]) / 7;
  const auto out = bench_.put(std::vector<double>(6 * 32));
  bench_.run("doubles", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<double>(out);
  for (std::size_t i = 0; i < 32; ++i) {
    const double x = in[i];
    EXPECT_EQ(got[6 * i], x / 3.0 + std::sqrt(std::fabs(x)));
    EXPECT_EQ(got[6 * i + 1], std::fma(x, x, -1.0));
    EXPECT_EQ(got[6 * i + 2], std::fmin(x, 0.5));
    EXPECT_EQ(got[6 * i + 3], static_cast<double>(static_cast<float>(x)));
    EXPECT_EQ(got[6 * i + 4], std::trunc(x));
    EXPECT_NEAR(got[6 * i + 5] / std::exp(x / 100), 1, 1e-14);
  }
}

// Philox4x32-10 of Salmon and others (SC 2011), as multiplications of 64 bits.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 2> key, std::array<std::uint32_t, 4> c) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xd2511f53ULL * c[0], p1 = 0xcd9e8d57ULL * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key = {key[0] + 0x9e3779b9U, key[1] + 0xbb67ae85U};
  }
  return c;
}

TEST_P(Ptx, Philox) {
  EXPECT_EQ(philox({0, 0}, {0, 0, 0, 0})[0], 0x6627e8d5U);  // of the authors' known answers
  const std::uint64_t seed = 0x123456789abcdef0ULL;
  const auto out = bench_.put(std::vector<std::uint32_t>(4 * 128));
  bench_.run("random_numbers", {2, 1, 1}, {64, 1, 1}, {out, seed});
  const auto got = bench_.get<std::uint32_t>(out);
  for (std::uint32_t i = 0; i < 128; ++i) {
    const auto expected =
        philox({static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, {i, 0, 5, 9});
    for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(got[4 * i + k], expected[k]);
  }
}

TEST_P(Ptx, IntegersOf64Bits) {
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> in(33);
  for (auto& x : in) x = random() >> (random() % 40);
  const auto out = bench_.put(std::vector<std::uint64_t>(8 * 32));
  bench_.run("wide_integers", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<std::uint64_t>(out);
  __extension__ typedef __int128 Wide;
  __extension__ typedef unsigned __int128 UnsignedWide;
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint64_t a = in[i], b = in[i + 1];
    const auto sa = static_cast<std::int64_t>(a), sb = static_cast<std::int64_t>(b);
    const std::uint64_t* o = &got[8 * i];
    EXPECT_EQ(o[0], static_cast<std::uint64_t>((static_cast<UnsignedWide>(a) * b) >> 64));
    EXPECT_EQ(o[1], static_cast<std::uint64_t>((static_cast<Wide>(sa) * sb) >> 64));
    EXPECT_EQ(o[2], a / (b | 1));
    EXPECT_EQ(o[3], static_cast<std::uint64_t>(sa % (sb | 1)));
    EXPECT_EQ(o[4], (a << (b % 64)) ^ (a >> (b % 64)));
    EXPECT_EQ(o[5], static_cast<std::uint64_t>(sa >> (b % 64)) + (sa < sb ? 1 : 0));
    EXPECT_EQ(o[6], static_cast<std::uint64_t>(std::popcount(a) + 100 * std::countl_zero(a | 1)));
    std::uint64_t reversed = 0;
    for (int bit = 0; bit < 64; ++bit) reversed |= ((a >> bit) & 1) << (63 - bit);
    EXPECT_EQ(o[7], reversed + static_cast<std::uint64_t>(std::max(sa, sb)));
  }
}

std::uint32_t reversed(std::uint32_t a) {
  std::uint32_t r = 0;
  for (int bit = 0; bit < 32; ++bit) r |= ((a >> bit) & 1U) << (31 - bit);
  return r;
}

TEST_P(Ptx, IntegersOf32Bits) {
  std::vector<int> in = integers(33, std::numeric_limits<int>::min(), std::numeric_limits<int>::max());
  const auto out = bench_.put(std::vector<std::uint32_t>(8 * 32));
  bench_.run("narrow_integers", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<std::uint32_t>(out);
  for (std::size_t i = 0; i < 32; ++i) {
    const int a = in[i], b = in[i + 1];
    const auto ua = static_cast<std::uint32_t>(a), ub = static_cast<std::uint32_t>(b);
    const auto u = [](auto x) { return static_cast<std::uint32_t>(x); };
    const std::uint32_t* o = &got[8 * i];
    EXPECT_EQ(o[0], reversed(ua) + u(std::countl_zero(ua)) + u(std::popcount(ua)) +
                        (a == 0 ? 0 : u(std::countr_zero(ua) + 1)));
    const std::uint64_t pair = (static_cast<std::uint64_t>(ub) << 32) | ua;
    EXPECT_EQ(o[1], u((pair << 7) >> 32) ^ u(pair >> (ub % 32)));
    const auto byte = [&](int k) { return u(pair >> (8 * k)) & 255U; };
    EXPECT_EQ(o[2], byte(5) | (byte(1) << 8) | (byte(7) << 16) | (byte(2) << 24));
    EXPECT_EQ(o[3], u(a / (b | 1)) + u(a % (b | 1)));
    EXPECT_EQ(o[4], ua / (ub | 1) + ua % (ub | 1));
    EXPECT_EQ(o[5], u(std::abs(a % 1000)) - u(std::min(a, b)) +
                        u(static_cast<std::int16_t>(a) * static_cast<std::int8_t>(b)));
    EXPECT_EQ(o[6], u(a >> (ub % 32)) + (a < b ? 5U : 9U) + (ua < ub ? 100U : 300U));
    EXPECT_EQ(o[7], u((static_cast<std::int64_t>(a) * b) >> 32) + u(static_cast<std::uint16_t>(a) >> 3));
  }
}

TEST_P(Ptx, Conversions) {
  std::vector<float> in = floats(32, -50, 50);
  in[0] = 2.5F;
  in[1] = -3.5F;
  in[2] = 3e9F;
  in[3] = -3e9F;
  in[4] = std::numeric_limits<float>::infinity();
  in[5] = std::numeric_limits<float>::quiet_NaN();
  const auto out = bench_.put(std::vector<int>(8 * 32));
  bench_.run("conversions", {1, 1, 1}, {32, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<int>(out);
  const auto clamped = [](double x, double least, double most) {
    return std::isnan(x) ? 0 : std::clamp(x, least, most);
  };
  for (std::size_t i = 0; i < 32; ++i) {
    const double x = static_cast<double>(in[i]);
    const auto integer = [&](double y) { return static_cast<int>(clamped(y, -2147483648.0, 2147483647.0)); };
    EXPECT_EQ(got[8 * i], integer(std::trunc(x)));
    EXPECT_EQ(got[8 * i + 1], integer(std::nearbyint(x)));
    EXPECT_EQ(got[8 * i + 2], integer(std::floor(x)));
    EXPECT_EQ(static_cast<std::uint32_t>(got[8 * i + 3]),
              static_cast<std::uint32_t>(clamped(std::trunc(x), 0, 4294967295.0)));
    if (i == 5) continue;  // NaNs have many bits
    EXPECT_EQ(std::bit_cast<float>(got[8 * i + 4]), std::nearbyint(in[i]));
    if (i == 4) continue;
    EXPECT_EQ(std::bit_cast<float>(got[8 * i + 5]),
              std::floor(in[i]) + std::ceil(in[i]) * 2 + std::trunc(in[i]) * 4);
    EXPECT_EQ(std::bit_cast<float>(got[8 * i + 6]), static_cast<float>(static_cast<std::int64_t>(in[i])) +
                                                        static_cast<float>(static_cast<int>(i) - 100));
    EXPECT_EQ(got[8 * i + 7], std::bit_cast<int>(static_cast<float>(std::clamp(x, 0.0, 1.0))));
  }
  EXPECT_EQ(got[8 * 4 + 7], std::bit_cast<int>(1.0F) + 2);  // infinity saturates to 1
  EXPECT_EQ(got[8 * 5 + 7], 1);                             // NaN to 0
}

TEST_P(Ptx, Mathematics) {
  auto in = floats(64, -4, 4);
  in[0] = 12345.678F;  // sine and cosine then reduce their argument by the long way
  const auto out = bench_.put(std::vector<float>(16 * 64));
  bench_.run("mathematics", {1, 1, 1}, {64, 1, 1}, {out, bench_.put(in)});
  const auto got = bench_.get<float>(out);
  for (std::size_t i = 0; i < 64; ++i) {
    const double x = static_cast<double>(in[i]), size = static_cast<double>(std::fabs(in[i]) + 0.01F);
    const std::array<double, 16> expected{
        std::exp(x),     std::log(size), std::sin(x),         std::cos(x),
        std::tanh(x),    std::erf(x),    std::pow(size, 1.7), 1 / std::sqrt(size),
        std::sqrt(size), 1 / x,          std::exp(x),         x / size,
        std::log2(size), std::exp2(x),   x * x + 1,           std::log1p(size) + std::expm1(x)};
    for (std::size_t k = 0; k < 16; ++k) {
      const double error = std::fabs(static_cast<double>(got[16 * i + k]) - expected[k]);
      if (std::isinf(static_cast<float>(expected[k]))) {
        EXPECT_TRUE(std::isinf(got[16 * i + k])) << "function " << k << " of " << x;
      } else {
        EXPECT_LE(error, 2e-6 * std::max(1.0, std::fabs(expected[k]))) << "function " << k << " of " << x;
      }
    }
  }
}

struct Parameters {
  std::uint64_t out;
  int weights[5];
  std::int16_t offset;
};

TEST_P(Ptx, StructuresByValueAndLocalArrays) {
  const auto in = integers(33, 0, 60);
  Parameters p{bench_.put(std::vector<int>(32)), {2, 7, 1, 8, 2}, -3};
  bench_.run("local_arrays", {1, 1, 1}, {32, 1, 1}, {p, bench_.put(in)});
  const int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
  for (std::size_t i = 0; i < 32; ++i) {
    int values[8];
    for (int k = 0; k < 8; ++k) values[k] = in[i] * table[k] + p.weights[k % 5];
    for (int k = 0; k < in[i] % 8; ++k) values[in[static_cast<std::size_t>(k)] & 7] += k;
    EXPECT_EQ(bench_.get<int>(p.out)[i], values[in[i] & 7] + table[in[i + 1] & 7] + p.offset);
  }
}

// Warps taking turns in another order change nothing in a program without races.
TEST_P(Ptx, OrderOfWarpsDoesNotMatter) {
  const auto in = integers(200, 0, 1000);
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    const auto out = bench_.put(std::vector<int>(200));
    Checks checks;
    checks.seed = seed;
    bench_.run("reverse", {1, 1, 1}, {200, 1, 1}, {out, bench_.put(in)}, 800, checks);
    EXPECT_EQ(bench_.get<int>(out), std::vector<int>(in.rbegin(), in.rend()));
  }
}

// --- mistakes, each by the words that name it

class PtxFaults : public Ptx {
 protected:
  // The message of the fault, which must have one of this kind.
  std::string fault(FaultKind kind, const std::string& kernel, Dimensions grid, Dimensions block,
                    const std::vector<Bytes>& arguments, const Checks& checks = {}) {
    try {
      bench_.run(kernel, grid, block, arguments, 0, checks);
    } catch (const Fault& f) {
      EXPECT_EQ(f.kind, kind) << f.what();
      return f.what();
    }
    ADD_FAILURE() << kernel << " has no fault";
    return {};
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "expected '" << part << "' in: " << text;
  }
};

INSTANTIATE_TEST_SUITE_P(Architectures, PtxFaults, testing::Values("80", "90"));

TEST_P(PtxFaults, StoreOutOfBounds) {
  const auto out = bench_.put(std::vector<float>(200));
  const std::string text =
      fault(FaultKind::address, "store_out_of_bounds", {4, 1, 1}, {64, 1, 1}, {out, 200});
  expect_part(text, "kernel store_out_of_bounds, PTX line ");
  expect_part(text, "st.global");
  expect_part(text, "block (3, 0, 0), thread (8, 0, 0): writes 4 bytes");
  expect_part(text, "800 bytes into an allocation of 800");
}

TEST_P(PtxFaults, MissingBarrier) {
  const auto out = bench_.put(std::vector<int>(64)), in = bench_.put(std::vector<int>(64));
  // The first warp reads what the second has not written yet.
  expect_part(fault(FaultKind::launch, "missing_barrier", {1, 1, 1}, {64, 1, 1}, {out, in}),
              "which no thread of the block wrote");
  const std::string text =
      fault(FaultKind::launch, "missing_second_barrier", {1, 1, 1}, {64, 1, 1}, {out, in, 2});
  expect_part(text, "with no barrier between");
  expect_part(text, "shared memory at byte");
  bench_.run("missing_second_barrier", {1, 1, 1}, {64, 1, 1},
             {out, in, 1});  // one round needs no second barrier
}

TEST_P(PtxFaults, MissingWarpBarrier) {
  std::vector<int> values(32);
  std::iota(values.begin(), values.end(), 0);
  const auto out = bench_.put(std::vector<int>(32)), in = bench_.put(values);
  expect_part(fault(FaultKind::launch, "missing_warp_barrier", {1, 1, 1}, {32, 1, 1}, {out, in, 0}),
              "with no barrier between");
  bench_.run("missing_warp_barrier", {1, 1, 1}, {32, 1, 1}, {out, in, 1});
  EXPECT_EQ(bench_.get<int>(out), std::vector<int>(values.rbegin(), values.rend()));
}

TEST_P(PtxFaults, ReadOfUninitialisedSharedMemory) {
  const auto out = bench_.put(std::vector<int>(64));
  expect_part(fault(FaultKind::launch, "uninitialised_shared", {1, 1, 1}, {64, 1, 1}, {out}),
              "thread (32, 0, 0): reads shared memory at byte 128, which no thread of the block wrote");
  Checks unchecked;
  unchecked.shared = false;
  bench_.run("uninitialised_shared", {1, 1, 1}, {64, 1, 1}, {out}, 0, unchecked);
  EXPECT_EQ(bench_.get<int>(out)[40], -1);  // poison
}

TEST_P(PtxFaults, SharedMemoryOutOfBounds) {
  const auto out = bench_.put(std::vector<int>(64));
  expect_part(fault(FaultKind::address, "shared_out_of_bounds", {1, 1, 1}, {64, 1, 1}, {out, 1}),
              "thread (63, 0, 0): writes 4 bytes at 256 of shared memory, which has 256");
}

TEST_P(PtxFaults, BarrierInDivergentCode) {
  const auto out = bench_.put(std::vector<int>(32));
  expect_part(fault(FaultKind::launch, "divergent_barrier", {1, 1, 1}, {32, 1, 1}, {out}),
              "threads of the block are at different barriers");
}

TEST_P(PtxFaults, ShuffleThatWaitsForever) {
  const auto out = bench_.put(std::vector<int>(32));
  const std::string text = fault(FaultKind::launch, "shuffle_without_partner", {1, 1, 1}, {32, 1, 1}, {out});
  expect_part(text, "shfl.sync");
  expect_part(text, "waits for lanes 0xffffffff of its warp; lanes 0xffff0000 are at line");
}

TEST_P(PtxFaults, MisalignedAddress) {
  expect_part(
      fault(FaultKind::misaligned, "misaligned", {1, 1, 1}, {4, 1, 1}, {bench_.put(std::vector<int>(4))}),
      "thread (1, 0, 0)");
}

TEST_P(PtxFaults, FailedAssertion) {
  expect_part(fault(FaultKind::assertion, "asserts", {1, 1, 1}, {4, 1, 1},
                    {bench_.put(std::vector<int>{1, 2, 3, 9})}),
              "thread (3, 0, 0): assertion failed: in[threadIdx.x] < 5");
}

TEST_P(PtxFaults, LaunchThatNeverEnds) {
  Checks checks;
  checks.most_instructions = 10000;
  expect_part(
      fault(FaultKind::launch, "endless", {1, 1, 1}, {32, 1, 1}, {bench_.put(std::vector<int>{0})}, checks),
      "does it end?");
}

TEST_P(PtxFaults, CallsAreRefused) {
  const auto out = bench_.put(std::vector<float>(32));
  try {
    bench_.run("calls_function", {1, 1, 1}, {32, 1, 1}, {out});
    FAIL();
  } catch (const Unsupported& why) {
    expect_part(why.what(), "kernel calls_function, PTX line ");
    expect_part(why.what(), "calls of functions are not supported");
  }
}

// What the interpreter does not know it names.
std::string refusal(const std::string& instruction) {
  const std::string text =
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<9>;\n"
      ".reg .f32 %f<9>;\n.reg .b64 %rd<9>;\n.reg .pred %p<9>;\n" +
      instruction + "\nret;\n}\n";
  try {
    const Module module = parse(text);
    decode(module, "k", shared_places(module));
  } catch (const Unsupported& why) {
    return why.what();
  }
  return {};
}

TEST(PtxRefusals, NameKernelLineAndWhat) {
  EXPECT_EQ(refusal("add.s32 %r1, %r2, 3;"), "");
  EXPECT_EQ(refusal("tex.2d.v4.f32.f32 %r1, %r2;"),
            "kernel k, PTX line 10: tex.2d.v4.f32.f32 %r1, %r2: the opcode 'tex' is not supported");
  EXPECT_EQ(refusal("add.sat.s32 %r1, %r2, %r3;"),
            "kernel k, PTX line 10: add.sat.s32 %r1, %r2, %r3: '.sat' is not supported");
  EXPECT_EQ(refusal("add.rz.f64 %rd1, %rd2, %rd3;"),
            "kernel k, PTX line 10: add.rz.f64 %rd1, %rd2, %rd3: this type or rounding is not supported");
  EXPECT_EQ(
      refusal("ld.global.v8.f32 {%f1, %f2}, [%rd1];"),
      "kernel k, PTX line 10: ld.global.v8.f32 {%f1, %f2}, [%rd1]: only vectors of 2 and of 4 are supported");
  EXPECT_EQ(refusal("shfl.bfly.b32 %r1, %r2, 1, 31;"),
            "kernel k, PTX line 10: shfl.bfly.b32 %r1, %r2, 1, 31: only shfl.sync of .b32 is supported");
  EXPECT_EQ(refusal("mov.u32 %r1, %envreg3;"),
            "kernel k, PTX line 10: mov.u32 %r1, %envreg3: '%envreg3' is not known");
  EXPECT_EQ(refusal("cvt.rn.relu.bf16x2.f32 %r1, %f1, %f2;"),
            "kernel k, PTX line 10: cvt.rn.relu.bf16x2.f32 %r1, %f1, %f2: '.relu' is not supported");
  EXPECT_EQ(refusal("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 %r1;").substr(0, 24),
            "kernel k, PTX line 10: m");
  EXPECT_EQ(refusal("add.s64 %r1, %rd1, %rd2;"),
            "kernel k, PTX line 10: add.s64 %r1, %rd1, %rd2: register %r1 has not the width of .s64");
  EXPECT_EQ(refusal(".reg .v4 .f32 %v;"), "kernel k, PTX line 10: vector registers are not supported");
  EXPECT_EQ(refusal("bra NOWHERE;"), "kernel k: no label NOWHERE");
}

// Directed rounding, against the two neighbours of the exact value in double.
TEST(PtxFloats, DirectedRounding) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> draw(-10, 10);
  for (int n = 0; n < 10000; ++n) {
    const float a = draw(random), b = draw(random);
    const double exact = static_cast<double>(a) * static_cast<double>(b);  // exact in double
    const float down = fused_directed(a, b, 0, Rounding::down), up = fused_directed(a, b, 0, Rounding::up);
    EXPECT_LE(static_cast<double>(down), exact);
    EXPECT_GE(static_cast<double>(up), exact);
    EXPECT_TRUE(up == down ? static_cast<double>(up) == exact : up == std::nextafterf(down, 1e9F));
    EXPECT_EQ(fused_directed(a, b, 0, Rounding::zero), exact > 0 ? down : up);
  }
}

}  // namespace
}  // namespace orrery::ptx
