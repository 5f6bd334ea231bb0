#include "sim/cost/attention.h"

#include <algorithm>

#include "sim/base/math.h"

namespace orrery {
namespace {

double along_sequence(const AttentionRates& row, double sequence) {
  const double x = log2(std::max(sequence, 1.0) / 512.0);
  if (x <= 0) return row.rates.front() * exp2(0.4 * x);
  const double last = static_cast<double>(row.rates.size() - 1);
  if (x >= last) return row.rates.back();
  const auto i = static_cast<std::size_t>(x);
  return row.rates[i] + (x - static_cast<double>(i)) * (row.rates[i + 1] - row.rates[i]);
}

// The tabulated head dimensions next below (or equal) and next above `head_dim`.
struct Bracket { const AttentionRates *low = nullptr, *high = nullptr; };

Bracket bracket(const Calibration& c, int head_dim, bool causal) {
  Bracket b;
  for (const AttentionRates& row : c.attention_rates) {
    if (row.kernel != c.attention_kernel || row.causal != causal) continue;
    if (row.head_dim <= head_dim && (!b.low || row.head_dim > b.low->head_dim)) b.low = &row;
    if (row.head_dim >= head_dim && (!b.high || row.head_dim < b.high->head_dim)) b.high = &row;
  }
  return b;
}

}  // namespace

AttentionRate attention_rate(const Calibration& c, int head_dim, double sequence, bool causal) {
  Bracket b = bracket(c, head_dim, causal);
  if (!b.low && !b.high) b = bracket(c, head_dim, !causal);
  if (!b.low && !b.high) return {};
  if (!b.low)
    return {{along_sequence(*b.high, sequence) * head_dim / b.high->head_dim}, b.high->forward_only, b.high};
  if (!b.high || b.high == b.low) return {{along_sequence(*b.low, sequence)}, b.low->forward_only, b.low};
  const double w = log2(static_cast<double>(head_dim) / b.low->head_dim) /
                   log2(static_cast<double>(b.high->head_dim) / b.low->head_dim);
  const double rate = along_sequence(*b.low, sequence) * (1 - w) + along_sequence(*b.high, sequence) * w;
  return {{rate}, b.low->forward_only, w < 0.5 ? b.low : b.high};
}

Seconds attention_time(const Op& op, const Calibration& c) {
  const AttentionRate found =
      attention_rate(c, static_cast<int>(op.k), static_cast<double>(op.m), op.causal);
  if (found.rate.v == 0) return {};
  Op forward_op = op;
  forward_op.pass = Pass::forward;
  const double flop = flops(forward_op).v, rate = found.rate.v * c.attention_multiplier;
  constexpr double both = 3.5;        // FLOPs of forward and backward over those of forward
  const double forward = found.forward_only ? flop / rate : c.attention_forward_share * both * flop / rate;
  if (op.pass != Pass::input_gradient) return {forward};
  const double together = both * flop / (found.forward_only ? c.attention_both_over_forward * rate : rate);
  return {together - forward};
}

}  // namespace orrery
