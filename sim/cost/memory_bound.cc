#include "sim/cost/memory_bound.h"

namespace orrery {
namespace {

bool of_a_layer(OpName name) { return name > OpName::embedding && name < OpName::final_norm; }

}  // namespace

const OpConstants& op_constants(const Calibration& c, const Op& op) {
  return c.op(op.name, op.pass == Pass::recompute ? Pass::forward : op.pass);
}

double bytes_per_element(const Op& op, const Calibration& c) {
  const bool backward = op.pass == Pass::input_gradient;
  const bool gated = op.name == OpName::activation && op.gated;
  double bytes = op_constants(c, op).bytes;
  if (gated) bytes = backward ? c.gated_backward_bytes : c.gated_forward_bytes;
  if (op.dtype == DType::fp32 && op.pass != Pass::update) bytes *= 2;  // the tables are of 16-bit activations
  if (op.dtype == DType::fp8) bytes += backward ? c.fp8_gradient_bytes : c.fp8_input_bytes;
  return of_a_layer(op.name) ? bytes * c.memory_multiplier : bytes;
}

Seconds memory_bound_time(const Op& op, const Calibration& c, BytesPerSecond memory) {
  return {bytes_per_element(op, c) * static_cast<double>(op.elements) / (memory.v * c.memory_efficiency)};
}

}  // namespace orrery
