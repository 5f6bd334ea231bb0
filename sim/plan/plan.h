// A Plan: how one training step of a model is cut over a cluster and scheduled; and the Training that it
// serves. Legality is violation(), in one place. Which instructions a plan means is known to sim/program
// alone.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/cluster/cluster.h"
#include "sim/model/model.h"
#include "sim/model/ops.h"

namespace orrery {

struct Precision {
  DType compute = DType::bf16;     // of linears' inputs: bf16, fp16, fp8
  DType parameters = DType::bf16;  // the copy that computes
  DType gradients = DType::fp32;   // the buffer that accumulates and is reduced
  bool master = true;              // fp32 master weights beside fp32 Adam moments
  bool operator==(const Precision&) const = default;
};

struct Training {
  std::int64_t sequence = 0;      // tokens
  std::int64_t global_batch = 0;  // sequences a step
  double tokens = 0;              // of the whole run; 0: not asked
  Precision precision;
  bool operator==(const Training&) const = default;
};

enum class Zero : std::uint8_t { none, optimizer, gradients, full };  // ZeRO 0, 1, 2, 3 (FSDP)
enum class Recompute : std::uint8_t { none, selective, full };        // selective: core attention
enum class Schedule : std::uint8_t { gpipe, one_f_one_b, interleaved };
enum class AttentionKernel : std::uint8_t { fused, unfused };
// How tensor-parallel collectives meet compute. none: in line. backward: the reduction of an input gradient
// runs beside the weight gradient, and the second gather beside the input gradient. pipelined: besides, each
// gather or scatter is chunked into its matrix product (userbuffers); the exposed share is the stack's.
enum class TensorOverlap : std::uint8_t { none, backward, pipelined };

struct LayerStrategy {
  Zero zero = Zero::none;
  Recompute recompute = Recompute::none;
  bool reshard = true;  // ZeRO-3: drop gathered parameters after the forward pass
  bool operator==(const LayerStrategy&) const = default;
};

struct Plan {
  int tp = 1, cp = 1, dp = 1, pp = 1, ep = 1;  // ranks are numbered tp fastest, then cp, dp, pp
  bool sequence_parallel = false;
  int virtual_stages = 1;  // chunks a rank
  Schedule schedule = Schedule::one_f_one_b;
  std::int64_t micro_batch = 1;   // sequences
  std::vector<int> stage_layers;  // layers of virtual stage 0 ... pp*virtual_stages-1; empty: even,
                                  // the first ones take what is left over
  std::vector<LayerStrategy> layers{LayerStrategy{}};  // one for all, or one a layer
  AttentionKernel attention = AttentionKernel::fused;
  TensorOverlap tensor_overlap = TensorOverlap::backward;
  bool overlap_gradients = true;   // reduce buckets during the last micro-batch's backward pass
  bool overlap_parameters = true;  // ZeRO-1/2: gather updated buckets during the first forward pass
  std::int64_t bucket_parameters = 40'000'000;  // of a gradient bucket; a layer is never cut
  int prefetch = 1;                             // ZeRO-3: units gathered ahead
  int receive_ahead = 1;                        // actions ahead that a receive is posted; 0: blocking
  int send_slots = 2;                           // outputs of a stage that may wait to be sent
  bool scatter_gather = true;  // tp > 1 without sequence parallelism: a message carries 1/tp of
                               // the activations, the receivers gather the rest among themselves
  bool graph = false;          // the step is one captured graph: no launch cost
  bool early_stop = false;     // full recompute leaves out a layer's last linear and residual, if no dropout
  bool operator==(const Plan&) const = default;

  const LayerStrategy& strategy(int layer) const {
    return layers.size() == 1 ? layers[0] : layers[static_cast<std::size_t>(layer)];
  }
  int ranks() const { return tp * cp * dp * pp; }
};

// The micro-batches of one replica; requires a legal plan.
std::int64_t micro_batches(const Training&, const Plan&);
// Layers of each virtual stage, with the default of Plan::stage_layers filled in.
std::vector<int> stage_layers(const Model&, const Plan&);
// "even", or the layers of its virtual stages as runs: "1,62*2,1"; "uneven" where these are many.
std::string cut_text(const Plan&);
// "tp8 pp4x2 dp16 mbs1 1f1b zero1 selective"
std::string summary(const Plan&);

// The first rule that a plan breaks, with the amount.
struct Violation {
  std::string pointer;       // the member of the plan, as a JSON pointer ("/tp")
  std::string message;       // "tensor parallelism of 12 does not divide 64 heads"
  bool unsupported = false;  // not a mistake: nothing here models it yet
};
std::optional<Violation> violation(const Model&, const Cluster&, const Training&, const Plan&);

}  // namespace orrery
