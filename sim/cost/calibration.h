// A Calibration: the constants that turn a cost class into a time, for one GPU type and one generation of a
// software stack; never for one run. Device figures (peaks, memory rate, links) are the Cluster's; what is
// achieved of them stands here. Every scalar has a name (constants.h), by which files, fits, sensitivities and
// provenance speak of it, and every constant carries its source and the kind of evidence.
// Equations and sources: docs/model.md.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cost/measured.h"
#include "sim/cost/prices.h"
#include "sim/model/ops.h"
#include "sim/program/program.h"

namespace orrery {

std::string_view name(Evidence);

struct Provenance {
  Evidence evidence = Evidence::assumed;
  std::string source;
  bool operator==(const Provenance&) const = default;
};

// Tiles and waves, see matmul.h.
struct MatmulConstants {
  double efficiency = 0.85;           // e_max: of the peak, in the main loop of the largest tile
  Seconds epilogue{1.5e-6};           // of a tile, not hidden behind the next one
  double tile_exponent = 0.15;        // efficiency of a smaller tile: (elements / 32768)^exponent
  double memory_efficiency = 0.9;     // of the memory rate, inside a matrix product
  bool operator==(const MatmulConstants&) const = default;
};

// What one op costs in one pass of this stack. Recompute counts as forward.
struct OpConstants {
  double bytes = 0;                   // memory ops: moved to and from memory, for each of Op::elements
  double kernels = 1;                 // each costs a gap
  Seconds launch{};                   // time of the host thread
  bool operator==(const OpConstants&) const = default;
};
inline constexpr std::size_t op_count = static_cast<std::size_t>(OpName::none);
inline constexpr std::size_t pass_count = 5;
using OpTable = std::array<std::array<OpConstants, pass_count>, op_count>;

// Achieved matrix rate of fused attention for one head dimension, at sequences of 512, 1k, 2k, ... 16k tokens.
struct AttentionRates {
  std::string kernel;                 // "fa2"
  int head_dim = 128;
  bool causal = true;                 // the rate counts half of the square
  bool forward_only = false;          // else of forward and backward together
  std::array<double, 6> rates{};      // FLOP/s
  bool operator==(const AttentionRates&) const = default;
};

// T = latency + x + sqrt(ramp * x), x = f * S / bandwidth; f = 2(n-1)/n of an all-reduce, else (n-1)/n.
struct Curve {
  Kind kind = Kind::all_reduce;
  int ranks = 8;                      // all in one NVLink domain
  Seconds latency{};
  BytesPerSecond bandwidth{};
  Seconds ramp{};
  bool operator==(const Curve&) const = default;
};

// How far off a calibration's predictions were on measured runs that set none of its constants: nine of ten
// measured steps lie within `error` of the prediction, as a share of it. By rank: the ceil(0.9 (runs + 1))-th of
// the errors in order, so that one more run like those is as far off at most with a chance of nine in ten,
// whatever their distribution (split conformal prediction: Lei et al., JASA 113, 2018). Nine runs at least.
struct HeldOut {
  int runs = 0;                       // 0: nothing is stated
  double error = 0;
  std::string source;
  bool operator==(const HeldOut&) const = default;
};

// Calibration::nccl of stacks whose collectives are not NCCL's: all go by rings.
inline constexpr const char* no_nccl = "none";

struct Calibration {
  std::string name;                   // "a100-80-megatron-2022"
  std::string device;                 // name of the device that it was made for
  std::string stack;                  // "megatron-2022"
  std::string nccl = "2.28";          // version of the tuning tables, see nccl.h; or no_nccl

  MatmulConstants matmul16, matmul8;  // 16-bit and FP8 inputs; FP32 counts as 16-bit
  double misaligned = 1;              // factor on unfused attention whose head dimension is no multiple of 8
  double clock16 = 1, clock8 = 1;     // sustained over nominal matrix rate, under this stack's load
  double memory_efficiency = 0.75;    // of the memory rate, in memory-bound kernels
  double memory_multiplier = 1;       // on the bytes of a layer's memory-bound kernels: uncounted casts and copies
  Seconds kernel_gap{2.5e-6};         // between kernels of a stream
  OpTable ops{};
  double gated_forward_bytes = 6, gated_backward_bytes = 10;  // instead of the table's, for a gated activation
  double accumulate_bytes = 6;        // a weight gradient that adds to the main gradient, for each weight
  double write_bytes = 6;             // ... that comes first in its step
  double fp8_input_bytes = 0;         // cast of an FP8 linear's input, for each element, forward
  double fp8_gradient_bytes = 0;      // ... of its output's gradient, backward
  Seconds optimizer_fixed{};          // per step, besides its bytes

  std::vector<AttentionRates> attention_rates;
  std::string attention_kernel;       // which of them this stack runs
  double attention_multiplier = 1;    // on the rate
  double attention_forward_share = 0.25;      // of a time that was measured forward and backward together
  double attention_both_over_forward = 0.82;  // rate of both together over a rate that was measured forward only

  std::vector<Curve> curves;
  double curve_multiplier = 1;        // on their bandwidths: a site whose nodes have fewer links than the curves' had
  double pipelined_exposed = 1;       // share of a tensor collective that its matrix product does not hide
  double network_efficiency = 0.92;   // of a NIC's rate
  Seconds network_base{8.4e-6}, network_near_step{3.4e-6}, network_far_step{20e-6};  // of a ring over nodes
  double message_efficiency = 0.8;    // of the link inside a node
  Seconds message_near{10e-6}, message_far{20e-6};
  double slowdown_nvlink = 1, slowdown_network = 1;  // of compute while a data-parallel collective runs
  double launch_multiplier = 1;       // on the table's launches
  Seconds tensor_launch_doubling{};   // host time of a tensor collective, for each doubling of the group
  double jitter = 0;                  // growth of the step for each doubling of ranks above jitter_ranks
  double jitter_ranks = 8;

  Bytes context{}, workspace{};       // memory of a rank outside the plan's tensors
  Bytes communicator{};               // ... for each group that communicates
  double fragmentation = 0;           // reserved over allocated, less one

  MeasuredOps measured;               // go before all formulas

  HeldOut held_out;                   // of these constants as they are: who changes one clears it

  // What the machine said of itself when it was measured, for readers: "GPU", "SM clock under load". Prices nothing.
  std::map<std::string, std::string> facts;

  std::map<std::string, Provenance, std::less<>> provenance;  // by name of the constant

  const OpConstants& op(OpName o, Pass p) const {
    return ops[static_cast<std::size_t>(o)][static_cast<std::size_t>(p)];
  }
  OpConstants& op(OpName o, Pass p) { return ops[static_cast<std::size_t>(o)][static_cast<std::size_t>(p)]; }
  bool operator==(const Calibration&) const = default;
};

// Factor on the step of `ranks` ranks for what synchronisation adds at scale: 1 + jitter * log2(ranks / jitter_ranks).
double scale_jitter(const Calibration&, int ranks);

}  // namespace orrery
