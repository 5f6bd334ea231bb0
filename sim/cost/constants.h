// The names of a Calibration's scalar constants. One list serves reading, writing, fitting, sensitivities and
// provenance: "clock16", "matmul16.efficiency", "ops.norm1.forward.bytes".
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sim/cost/calibration.h"

namespace orrery {

// Calls visit(name, value) for each; value is a double&, Seconds& or Bytes& (const for a const Calibration). The
// name lives as long as the call.
template <class AnyCalibration, class Visit>
void for_each_constant(AnyCalibration& c, Visit&& visit) {
  const auto matmul = [&](std::string_view prefix, auto& m) {
    const std::string p(prefix);
    visit(p + ".efficiency", m.efficiency);
    visit(p + ".epilogue", m.epilogue);
    visit(p + ".tile_exponent", m.tile_exponent);
    visit(p + ".memory_efficiency", m.memory_efficiency);
  };
  matmul("matmul16", c.matmul16);
  matmul("matmul8", c.matmul8);
  visit("misaligned", c.misaligned);
  visit("clock16", c.clock16);
  visit("clock8", c.clock8);
  visit("memory_efficiency", c.memory_efficiency);
  visit("memory_multiplier", c.memory_multiplier);
  visit("kernel_gap", c.kernel_gap);
  visit("gated_forward_bytes", c.gated_forward_bytes);
  visit("gated_backward_bytes", c.gated_backward_bytes);
  visit("accumulate_bytes", c.accumulate_bytes);
  visit("write_bytes", c.write_bytes);
  visit("fp8_input_bytes", c.fp8_input_bytes);
  visit("fp8_gradient_bytes", c.fp8_gradient_bytes);
  visit("optimizer_fixed", c.optimizer_fixed);
  visit("attention_multiplier", c.attention_multiplier);
  visit("attention_forward_share", c.attention_forward_share);
  visit("attention_both_over_forward", c.attention_both_over_forward);
  visit("curve_multiplier", c.curve_multiplier);
  visit("pipelined_exposed", c.pipelined_exposed);
  visit("network_efficiency", c.network_efficiency);
  visit("network_base", c.network_base);
  visit("network_near_step", c.network_near_step);
  visit("network_far_step", c.network_far_step);
  visit("message_efficiency", c.message_efficiency);
  visit("message_near", c.message_near);
  visit("message_far", c.message_far);
  visit("slowdown_nvlink", c.slowdown_nvlink);
  visit("slowdown_network", c.slowdown_network);
  visit("launch_multiplier", c.launch_multiplier);
  visit("tensor_launch_doubling", c.tensor_launch_doubling);
  visit("jitter", c.jitter);
  visit("jitter_ranks", c.jitter_ranks);
  visit("context", c.context);
  visit("workspace", c.workspace);
  visit("communicator", c.communicator);
  visit("fragmentation", c.fragmentation);
  for (std::size_t o = 0; o < op_count; ++o) {
    for (std::size_t p = 0; p < pass_count; ++p) {
      const std::string prefix = "ops." + std::string(name(static_cast<OpName>(o))) + "." +
                                 std::string(name(static_cast<Pass>(p)));
      visit(prefix + ".bytes", c.ops[o][p].bytes);
      visit(prefix + ".kernels", c.ops[o][p].kernels);
      visit(prefix + ".launch", c.ops[o][p].launch);
    }
  }
}

// A constant by name, in its own unit (seconds, bytes, a number); nothing if there is no such constant.
std::vector<std::string> constant_names();
bool get_constant(const Calibration&, std::string_view name, double& value);
bool set_constant(Calibration&, std::string_view name, double value);

// Keys of the provenance of table entries.
std::string attention_key(const AttentionRates&);   // "attention.fa2.128.causal"
std::string curve_key(const Curve&);                // "curves.all_reduce.8"

// The provenance of a constant; assumed, without a source, if nothing is recorded.
const Provenance& provenance(const Calibration&, std::string_view name);

}  // namespace orrery
