#include "sim/cost/attention.h"

#include <gtest/gtest.h>

#include "tests/cost/nodes.h"

namespace orrery::test {
namespace {

Calibration with_kernel(const std::string& part, const std::string& kernel) {
  Calibration c = calibration(part);
  c.attention_kernel = kernel;
  return c;
}

TEST(Attention, TabulatedPointsAreReproduced) {
  struct Row { const char *part, *kernel; int head_dim; double sequence; bool causal; double tflops; };
  const Row rows[] = {{"parts/a100", "fa2", 64, 512, true, 88},    {"parts/a100", "fa2", 128, 2048, true, 155},
                      {"parts/a100", "fa2", 128, 16384, false, 203}, {"parts/a100", "fa1", 64, 4096, true, 87},
                      {"parts/a100", "triton", 128, 8192, true, 78}, {"parts/h100", "fa2", 64, 1024, true, 192},
                      {"parts/h100", "fa3", 128, 16384, true, 616},  {"parts/h100", "cudnn", 256, 512, true, 308},
                      {"parts/h100", "fa1", 128, 8192, true, 135}};
  for (const Row& r : rows)
    EXPECT_NEAR(attention_rate(with_kernel(r.part, r.kernel), r.head_dim, r.sequence, r.causal).rate.v * 1e-12, r.tflops,
                1e-9) << r.kernel << " " << r.head_dim << " " << r.sequence;
}

TEST(Attention, BetweenAndBeyondTheTable) {
  const Calibration c = with_kernel("parts/a100", "fa2");
  const auto rate = [&](int head_dim, double s) { return attention_rate(c, head_dim, s, true).rate.v * 1e-12; };
  EXPECT_NEAR(rate(128, 2048 * 1.4142135623730951), (155 + 173) / 2.0, 1e-6);  // half way in log2
  EXPECT_DOUBLE_EQ(rate(128, 65536), 189);
  EXPECT_NEAR(rate(128, 256), 99 / 1.3195079107728942, 1e-6);                 // 2^0.4 below
  EXPECT_DOUBLE_EQ(rate(256, 2048), 155);
  EXPECT_DOUBLE_EQ(rate(32, 2048), 70);                                       // half a head of 64
  const double between = rate(96, 2048);
  EXPECT_GT(between, 140);
  EXPECT_LT(between, 155);
}

Op attention_op(Pass pass, std::int64_t batch, std::int64_t s, std::int64_t head_dim) {
  Op op;
  op.name = OpName::attention;
  op.kind = OpKind::attention;
  op.pass = pass;
  op.causal = true;
  op.batch = batch;
  op.m = op.n = s;
  op.k = head_dim;
  return op;
}

// Measured together: forward is a quarter of the time of both. 3.5 * 4 * b s^2 d (1 + 1/s)/2 FLOPs at 155 TFLOP/s.
TEST(Attention, SharesOfATimeMeasuredTogether) {
  const Calibration c = with_kernel("parts/a100", "fa2");
  const double forward = attention_time(attention_op(Pass::forward, 96, 2048, 128), c).v;
  const double backward = attention_time(attention_op(Pass::input_gradient, 96, 2048, 128), c).v;
  const double flop = 4.0 * 96 * 2048 * 2048 * 128 * (1 + 1.0 / 2048) / 2;
  EXPECT_NEAR(forward + backward, 3.5 * flop / 155e12, 1e-12);
  EXPECT_NEAR(forward / (forward + backward), 0.25, 1e-12);
  EXPECT_DOUBLE_EQ(attention_time(attention_op(Pass::recompute, 96, 2048, 128), c).v, forward);
}

// Measured forward: both together run at 0.82 of its rate.
TEST(Attention, BackwardOfARateMeasuredForward) {
  const Calibration c = with_kernel("parts/h100", "cudnn");
  const double forward = attention_time(attention_op(Pass::forward, 8, 8192, 128), c).v;
  const double backward = attention_time(attention_op(Pass::input_gradient, 8, 8192, 128), c).v;
  const double flop = 4.0 * 8 * 8192.0 * 8192 * 128 * (1 + 1.0 / 8192) / 2;
  EXPECT_NEAR(forward, flop / 529e12, 1e-12);
  EXPECT_NEAR(forward + backward, 3.5 * flop / (0.82 * 529e12), 1e-12);
}

TEST(Attention, MultiplierScalesTheRate) {
  Calibration c = with_kernel("parts/a100", "fa2");
  const double one = attention_time(attention_op(Pass::forward, 8, 4096, 128), c).v;
  c.attention_multiplier = 1.25;
  EXPECT_DOUBLE_EQ(attention_time(attention_op(Pass::forward, 8, 4096, 128), c).v, one / 1.25);
}

TEST(Attention, NoTableNoRate) {
  const Calibration c = with_kernel("parts/a100", "fa9");
  EXPECT_EQ(attention_rate(c, 128, 2048, true).rate.v, 0);
  EXPECT_EQ(attention_time(attention_op(Pass::forward, 8, 4096, 128), c).v, 0);
}

}  // namespace
}  // namespace orrery::test
