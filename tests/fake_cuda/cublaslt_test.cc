// The stand-in for cuBLASLt against three loops in double, for all layouts, and what it refuses.
#include <cublasLt.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/fake_cuda/processes.h"

namespace orrery::fake {
namespace {

struct Case {
  std::int64_t m = 1, n = 1, k = 1;
  std::int32_t batches = 1;
  bool transpose_a = false, transpose_b = false, row_a = false, row_b = false, row_d = false, bias = false,
       share_b = false;
  bool bf16_in = false, bf16_out = false;
  float alpha = 1, beta = 0;
};

// One matrix, or a batch of them, with room between columns and between matrices.
struct Matrices {
  std::int64_t rows, columns, leading, stride;
  bool row_order, bf16;
  std::vector<float> values;  // all elements, also those between
  void* device = nullptr;
  cublasLtMatrixLayout_t layout = nullptr;

  Matrices(std::int64_t r, std::int64_t c, std::int32_t batches, bool row, bool narrow, bool shared,
           std::mt19937& random)
      : rows(r),
        columns(c),
        leading((row ? c : r) + 3),
        stride(shared ? 0 : leading * (row ? r : c) + 5),
        row_order(row),
        bf16(narrow) {
    std::uniform_real_distribution<float> draw(-1, 1);
    values.resize(static_cast<std::size_t>(stride * (batches - 1) + leading * (row ? r : c)));
    for (float& v : values) v = rounded(draw(random));
    EXPECT_EQ(
        cublasLtMatrixLayoutCreate(&layout, bf16 ? CUDA_R_16BF : CUDA_R_32F, static_cast<std::uint64_t>(r),
                                   static_cast<std::uint64_t>(c), leading),
        CUBLAS_STATUS_SUCCESS);
    const std::int32_t order = row ? CUBLASLT_ORDER_ROW : CUBLASLT_ORDER_COL;
    cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order);
    cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batches, sizeof batches);
    cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                     sizeof stride);
    upload();
  }
  float rounded(float x) const {
    if (!bf16) return x;
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return std::bit_cast<float>((bits + 0x7fffU + ((bits >> 16) & 1U)) & 0xffff0000U);
  }
  std::size_t index(std::int64_t batch, std::int64_t r, std::int64_t c) const {
    return static_cast<std::size_t>(batch * stride + (row_order ? r * leading + c : c * leading + r));
  }
  double at(std::int64_t batch, std::int64_t r, std::int64_t c) const {
    return static_cast<double>(values[index(batch, r, c)]);
  }
  void upload() {
    std::vector<std::uint16_t> narrow(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      narrow[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16);
    const std::size_t bytes = values.size() * (bf16 ? 2 : 4);
    cudaMalloc(&device, bytes);
    cudaMemcpy(device, bf16 ? static_cast<const void*>(narrow.data()) : values.data(), bytes,
               cudaMemcpyHostToDevice);
  }
  std::vector<float> download() const {
    std::vector<float> out(values.size());
    std::vector<std::uint16_t> narrow(values.size());
    void* to = bf16 ? static_cast<void*>(narrow.data()) : out.data();
    cudaMemcpy(to, device, values.size() * (bf16 ? 2 : 4), cudaMemcpyDeviceToHost);
    if (bf16)
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(narrow[i]) << 16);
    return out;
  }
};

cublasLtMatmulDesc_t description_of(const Case& c, const Matrices& bias) {
  cublasLtMatmulDesc_t d = nullptr;
  EXPECT_EQ(cublasLtMatmulDescCreate(&d, CUBLAS_COMPUTE_32F, CUDA_R_32F), CUBLAS_STATUS_SUCCESS);
  const std::int32_t a = c.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                     b = c.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a);
  cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b);
  if (c.bias) {
    const std::int32_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    cublasLtMatmulDescSetAttribute(d, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias.device, sizeof bias.device);
  }
  return d;
}

void check(const Case& c, std::mt19937& random) {
  cublasLtHandle_t library = nullptr;
  cublasLtCreate(&library);
  const Matrices a(c.transpose_a ? c.k : c.m, c.transpose_a ? c.m : c.k, c.batches, c.row_a, c.bf16_in, false,
                   random);
  const Matrices b(c.transpose_b ? c.n : c.k, c.transpose_b ? c.k : c.n, c.batches, c.row_b, c.bf16_in,
                   c.share_b, random);
  const Matrices d(c.m, c.n, c.batches, c.row_d, c.bf16_out, false, random),
      bias(c.m, 1, 1, false, c.bf16_out, false, random);
  const cublasLtMatmulDesc_t description = description_of(c, bias);
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatmulPreferenceCreate(&preference);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  ASSERT_EQ(cublasLtMatmulAlgoGetHeuristic(library, description, a.layout, b.layout, d.layout, d.layout,
                                           preference, 1, &best, &found),
            CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cublasLtMatmul(library, description, &c.alpha, a.device, a.layout, b.device, b.layout, &c.beta,
                           d.device, d.layout, d.device, d.layout, &best.algo, nullptr, 0, nullptr),
            CUBLAS_STATUS_SUCCESS);
  const std::vector<float> got = d.download();
  std::vector<bool> written(got.size(), false);
  for (std::int64_t batch = 0; batch < c.batches; ++batch)
    for (std::int64_t i = 0; i < c.m; ++i)
      for (std::int64_t j = 0; j < c.n; ++j) {
        double sum = 0, sizes = 0;
        for (std::int64_t l = 0; l < c.k; ++l) {
          const double term = (c.transpose_a ? a.at(batch, l, i) : a.at(batch, i, l)) *
                              (c.transpose_b ? b.at(batch, j, l) : b.at(batch, l, j));
          sum += term;
          sizes += std::fabs(term);
        }
        double expected =
            static_cast<double>(c.alpha) * sum + static_cast<double>(c.beta) * d.at(batch, i, j);
        if (c.bias) expected += bias.at(0, i, 0);
        const double tolerance =
            static_cast<double>(c.k + 3) * 6e-8 * (sizes + 2) + (c.bf16_out ? std::fabs(expected) / 256 : 0);
        EXPECT_NEAR(static_cast<double>(got[d.index(batch, i, j)]), expected, tolerance)
            << batch << ", " << i << ", " << j;
        written[d.index(batch, i, j)] = true;
      }
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(written[i] || got[i] == d.values[i]) << "wrote between columns";
}

TEST(FakeCublasLt, AllLayouts) {
  in_process({}, [] {
    std::mt19937 random(1);
    for (unsigned bits = 0; bits < 64; ++bits) {
      const auto bit = [&](unsigned k) { return ((bits >> k) & 1U) != 0; };
      Case c{.m = 5,
             .n = 4,
             .k = 7,
             .batches = 2,
             .transpose_a = bit(0),
             .transpose_b = bit(1),
             .row_a = bit(2),
             .row_b = bit(3),
             .row_d = bit(4),
             .bias = bit(5)};
      check(c, random);
    }
  });
}

TEST(FakeCublasLt, TypesScalesAndSharedOperands) {
  in_process({}, [] {
    std::mt19937 random(2);
    for (const std::int64_t size : {1, 3, 16, 65}) {
      check({.m = size,
             .n = 2 * size,
             .k = 3 * size,
             .bf16_in = true,
             .bf16_out = true,
             .alpha = 0.5F,
             .beta = 1},
            random);
      check({.m = size,
             .n = size + 1,
             .k = size,
             .transpose_a = true,
             .bias = true,
             .bf16_in = true,
             .beta = 1},
            random);
      check({.m = size, .n = size, .k = 100, .batches = 3, .transpose_b = true, .share_b = true, .alpha = -2},
            random);
      check({.m = size, .n = 7, .k = size, .bias = true, .bf16_in = true, .bf16_out = true}, random);
    }
  });
}

// beta = 0 must not read D: it holds poison, NaN.
TEST(FakeCublasLt, DoesNotReadWhatItOverwrites) {
  in_process({}, [] {
    std::mt19937 random(3);
    cublasLtHandle_t library = nullptr;
    cublasLtCreate(&library);
    const Matrices a(4, 4, 1, false, false, false, random);
    Matrices d(4, 4, 1, false, false, false, random);
    cudaMalloc(&d.device, d.values.size() * 4);
    const float one = 1, zero = 0;
    EXPECT_EQ(cublasLtMatmul(library, description_of({}, a), &one, a.device, a.layout, a.device, a.layout,
                             &zero, d.device, d.layout, d.device, d.layout, nullptr, nullptr, 0, nullptr),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_FALSE(std::isnan(d.download()[0]));
  });
}

TEST(FakeCublasLt, Refuses) {
  const Ended ended = in_process({}, [] {
    std::mt19937 random(4);
    cublasLtHandle_t library = nullptr;
    cublasLtCreate(&library);
    const Matrices a(4, 6, 1, false, false, false, random), b(6, 8, 1, false, false, false, random),
        d(4, 8, 1, false, false, false, random);
    const Matrices narrow(4, 8, 1, false, true, false, random);
    const cublasLtMatmulDesc_t plain = description_of({}, a);
    const float one = 1, zero = 0;
    const auto multiply = [&](const Matrices& x, const void* y, const Matrices& out,
                              const cublasLtMatmulAlgo_t* algorithm) {
      return cublasLtMatmul(library, plain, &one, x.device, x.layout, y, b.layout, &zero, out.device,
                            out.layout, out.device, out.layout, algorithm, nullptr, 0, nullptr);
    };
    EXPECT_EQ(multiply(a, b.device, d, nullptr), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(multiply(b, b.device, d, nullptr), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(multiply(a, b.device, narrow, nullptr), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(multiply(a, b.values.data(), d, nullptr), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(multiply(a, static_cast<char*>(b.device) + 16, d, nullptr), CUBLAS_STATUS_INVALID_VALUE);
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulPreferenceCreate(&preference);
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(library, plain, a.layout, b.layout, d.layout, d.layout,
                                             preference, 1, &best, &found),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(multiply(a, b.device, d, &best.algo), CUBLAS_STATUS_SUCCESS);
    const Matrices longer(5, 6, 1, false, false, false, random), taller(5, 8, 1, false, false, false, random);
    EXPECT_EQ(multiply(longer, b.device, taller, &best.algo), CUBLAS_STATUS_INVALID_VALUE);
    const std::int32_t gelu = CUBLASLT_EPILOGUE_GELU;
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(plain, CUBLASLT_MATMUL_DESC_EPILOGUE, &gelu, sizeof gelu),
              CUBLAS_STATUS_NOT_SUPPORTED);
    cublasLtMatmulDesc_t other = nullptr;
    EXPECT_EQ(cublasLtMatmulDescCreate(&other, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F),
              CUBLAS_STATUS_NOT_SUPPORTED);
  });
  expect_part(ended.error, "shapes 6 x 8 and 6 x 8 do not give 4 x 8");
  expect_part(ended.error, "a product of fp32 to bf16");
  expect_part(ended.error, "matrix B of ");
  expect_part(ended.error, "the algorithm was found for another product");
  expect_part(ended.error, "epilogue 32");
}

}  // namespace
}  // namespace orrery::fake
