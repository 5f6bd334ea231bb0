#include "sim/cost/price.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/math.h"
#include "sim/cost/attention.h"
#include "sim/cost/collective.h"
#include "sim/cost/constants.h"
#include "sim/cost/matmul.h"
#include "sim/cost/memory_bound.h"

namespace orrery {
namespace {

[[noreturn]] void unpriced(const Calibration& c, const std::string& what) {
  fail({c.name, "", 0}, "a calibration for " + what);
}

// An instruction of more than a quarter of an hour is a slip in a bandwidth or a shape, and sums of such overflow.
constexpr double longest = 1000;

Tick ticks(double seconds, const Calibration& c, std::string_view what) {
  if (!(seconds < longest)) fail({c.name, "", 0}, "devices and links that take less than 1000 s for one instruction", what);
  return to_ticks({seconds});
}

bool unfused_core(OpName op) { return op == OpName::scores || op == OpName::context; }

FlopsPerSecond peak(const Device& device, DType dtype) {
  switch (dtype) {
    case DType::fp8: return device.fp8;
    case DType::fp16: return device.fp16;
    case DType::fp32: return device.tf32.v > 0 ? device.tf32 : device.fp32;
    default: return device.bf16;
  }
}

// A linear whose input is not the output of a norm, and whose output's gradient is that of a residual: the FP8
// casts of those come with the norm and the residual (memory_bound.h), which hold a part of the tokens only.
bool second_of_pair(OpName op) { return op == OpName::attention_out || op == OpName::mlp_down; }

// Traffic that comes with a matrix product: adding a weight gradient to the main gradient, casts of FP8 inputs.
double traffic_beside(const Op& op, const Calibration& c) {
  const auto batch = static_cast<double>(op.batch), m = static_cast<double>(op.m), n = static_cast<double>(op.n),
             k = static_cast<double>(op.k);
  double bytes = 0;
  if (op.pass == Pass::weight_gradient) bytes += batch * m * n * (op.accumulate ? c.accumulate_bytes : c.write_bytes);
  if (op.dtype == DType::fp8 && op.pass == Pass::input_gradient && !second_of_pair(op.name))
    bytes += batch * m * k * c.fp8_gradient_bytes;
  if (op.dtype == DType::fp8 && (op.pass == Pass::forward || op.pass == Pass::recompute) && second_of_pair(op.name))
    bytes += batch * m * k * c.fp8_input_bytes;
  return bytes;
}

// Seconds of a matrix product and what comes with it.
double matmul_seconds(const Op& op, const Calibration& c, const Device& device) {
  const bool fp8 = op.dtype == DType::fp8;
  const FlopsPerSecond nominal = peak(device, op.dtype);
  if (nominal.v <= 0)
    unpriced(c, std::string(name(op.dtype)) + " matrix products: " + device.name + " has no rate for them");
  const double size = op.dtype == DType::fp32 ? 4 : fp8 ? 1 : 2;
  const MatmulShape shape{op.batch, op.m, op.n, op.k, size, op.dtype == DType::fp32 ? 4.0 : 2.0};
  const MatmulMachine machine{{nominal.v * (fp8 ? c.clock8 : c.clock16)}, device.memory_bandwidth,
                              device.multiprocessors};
  double t = matmul_time(shape, machine, fp8 ? c.matmul8 : c.matmul16).v;
  if (unfused_core(op.name) && (op.n % 8 != 0 || op.k % 8 != 0)) t *= c.misaligned;
  const double beside = traffic_beside(op, c);
  return beside > 0 ? t + beside / (device.memory_bandwidth.v * c.memory_efficiency) : t;
}

Price compute_price(const Op& op, const Calibration& c, const Device& device) {
  const std::string_view what = name(op.name);
  const Tick launch = ticks(c.launch_multiplier * c.op(op.name, op.pass).launch.v, c, what);
  if (const MeasuredOp* m = c.measured.find(op)) return {{}, ticks(m->time.v, c, what), launch};
  const OpConstants& constants = op_constants(c, op);
  double fixed = constants.kernels * c.kernel_gap.v, flow = 0;
  switch (op.kind) {
    case OpKind::matmul: flow = matmul_seconds(op, c, device); break;
    case OpKind::attention:
      if (op.dtype == DType::fp32)
        unpriced(c, "fused attention in fp32: rates are of 16-bit kernels; unfused attention is priced");
      flow = attention_time(op, c).v;
      if (flow == 0) unpriced(c, "fused attention: no rates of kernel \"" + c.attention_kernel + "\"");
      break;
    case OpKind::memory: flow = memory_bound_time(op, c, device.memory_bandwidth).v; break;
  }
  if (op.name == OpName::optimizer) fixed += c.optimizer_fixed.v;
  return {ticks(fixed, c, what), ticks(flow, c, what), launch};
}

Price transfer_price(const CostClass& k, const Calibration& c, const Node& node) {
  TransferTime t = transfer_time(k.kind, k.bytes, k.group, c, node);
  if (k.pipelined) {
    t.fixed.v *= c.pipelined_exposed;
    t.flow.v *= c.pipelined_exposed;
  }
  Seconds launch{};
  if (k.role == Role::tensor && k.group.size > 1)
    launch.v = c.tensor_launch_doubling.v * log2(static_cast<double>(k.group.size));
  const std::string_view what = name(k.kind);
  return {ticks(t.fixed.v, c, what), ticks(t.flow.v, c, what), ticks(launch.v, c, what)};
}

// Between a device and its host: bytes over the host link.
Price copy_price(const CostClass& k, const Calibration& c, const Node& node) {
  if (node.host_bandwidth.v <= 0) return {};
  return {{}, ticks(static_cast<double>(k.bytes.v) / node.host_bandwidth.v, c, "copy"), {}};
}

void constants_of_op(const Op& op, const Calibration& c, std::vector<std::string>& out) {
  if (c.measured.find(op)) return;
  const std::string in_table = "ops." + std::string(name(op.name)) + "." +
                               std::string(name(op.pass == Pass::recompute ? Pass::forward : op.pass)) + ".bytes";
  if (op.kind == OpKind::matmul) {
    const bool fp8 = op.dtype == DType::fp8;
    out.emplace_back(fp8 ? "clock8" : "clock16");
    for (const char* n : {".efficiency", ".epilogue"}) out.push_back((fp8 ? "matmul8" : "matmul16") + std::string(n));
    if (op.pass == Pass::weight_gradient) out.emplace_back(op.accumulate ? "accumulate_bytes" : "write_bytes");
  } else if (op.kind == OpKind::attention) {
    const AttentionRate rate = attention_rate(c, static_cast<int>(op.k), static_cast<double>(op.m), op.causal);
    if (rate.nearest) out.push_back(attention_key(*rate.nearest));
    out.emplace_back("attention_multiplier");
    out.emplace_back(rate.forward_only ? "attention_both_over_forward" : "attention_forward_share");
  } else {
    out.emplace_back("memory_efficiency");
    out.push_back(in_table);
  }
}

void constants_of_transfer(const CostClass& k, const Calibration& c, std::vector<std::string>& out) {
  const bool message = k.kind == Kind::exchange || k.kind == Kind::send || k.kind == Kind::receive;
  if (k.group.size <= 1) return;
  if (message) {
    out.emplace_back(k.group.nodes == 1 ? "message_efficiency" : "network_efficiency");
    out.emplace_back(k.group.nodes == 1 ? "message_near" : "message_far");
  } else if (k.group.nodes > 1) {
    for (const char* n : {"network_efficiency", "network_far_step", "network_near_step"}) out.emplace_back(n);
  } else if (const Curve* curve = curve_for(c, k.kind, k.group.size)) {
    out.push_back(curve_key(*curve));
  }
  if (k.pipelined) out.emplace_back("pipelined_exposed");
}

}  // namespace

Price price(const CostClass& k, const Calibration& c, const Cluster& cluster) {
  if (k.kind == Kind::compute) return compute_price(k.op, c, cluster.groups[k.device].node.device);
  if (is_meeting(k.kind)) return transfer_price(k, c, cluster.groups[k.group.node_group].node);
  if (k.kind == Kind::copy) return copy_price(k, c, cluster.groups[k.device].node);
  return {};
}

void price(const Program& program, const Calibration& c, const Cluster& cluster, bool graph, std::vector<Price>& prices) {
  prices.clear();
  prices.reserve(program.classes.size());
  for (const CostClass& k : program.classes) {
    prices.push_back(price(k, c, cluster));
    if (graph) prices.back().launch = {};
  }
}

std::vector<std::string> constants_of(const CostClass& k, const Calibration& c) {
  std::vector<std::string> out;
  if (k.kind == Kind::compute) constants_of_op(k.op, c, out);
  else if (is_meeting(k.kind)) constants_of_transfer(k, c, out);
  return out;
}

Evidence evidence(const CostClass& k, const Calibration& c) {
  Evidence weakest = Evidence::measured;
  for (const std::string& n : constants_of(k, c)) weakest = std::max(weakest, provenance(c, n).evidence);
  const bool by_nccl = is_meeting(k.kind) && k.group.size > 1 && constants_of(k, c).empty();
  return by_nccl ? Evidence::assumed : weakest;
}

double compute_slowdown(const CostClass& k, const Calibration& c) {
  if (k.role != Role::data || !is_meeting(k.kind) || k.group.size <= 1) return 1;
  return k.group.nodes == 1 ? c.slowdown_nvlink : c.slowdown_network;
}

}  // namespace orrery
