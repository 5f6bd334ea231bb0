// The operator inventory: what one rank computes for one layer, one micro-batch and one pass, as a closed
// list of ops with exact shapes. Sharding is in the shapes; communication is the compiler's.
//
// Symbols as in the field: b micro-batch, s sequence, T = b*s/cp tokens of a rank, h hidden, a heads,
// g key/value heads, d head dim, f feed-forward width, V vocabulary, t tensor-parallel degree.
// Every linear costs 2*M*N*K in each of its three passes (forward, input gradient, weight gradient):
//   forward (T, N, K)   input gradient (T, K, N)   weight gradient (N, K, T)
// Source: Megatron-LM num_floating_point_operations; Korthikanti et al. 2022 (arXiv 2205.05198).
#pragma once
#include <cstdint>
#include <string_view>

#include "sim/base/quantity.h"
#include "sim/model/model.h"

namespace orrery {

enum class DType : std::uint8_t { fp32, bf16, fp16, fp8, int64, uint8 };
constexpr std::int64_t size_of(DType t) {
  return t == DType::fp32 ? 4 : t == DType::int64 ? 8 : t == DType::fp8 || t == DType::uint8 ? 1 : 2;
}

// Of activations, attention and memory ops where linears compute in `compute`: FP8 runs keep them in 16 bits.
constexpr DType activation_type(DType compute) { return compute == DType::fp8 ? DType::bf16 : compute; }

enum class Pass : std::uint8_t { forward, recompute, input_gradient, weight_gradient, update };

enum class OpName : std::uint8_t {
  embedding,            // gather of T rows; backward: scatter-add
  norm1, qkv, attention_layout,  // layout: rotary, bias, split and permute between the projections and the core
  attention,            // fused (flash) core attention
  scores, softmax, context,      // unfused core attention: Q K^T, masked softmax with dropout, P V
  attention_out, residual1,      // residual: bias + dropout + add
  norm2, mlp_up, activation, mlp_down, residual2,
  residual_gradient,    // backward only: adds the gradient of a residual branch
  final_norm, logits, cross_entropy,
  cross_entropy_shift,           // between the reductions of a cut vocabulary: to the common maximum
  gradient_norm, clip, optimizer, gradient_cast,
  maximum,                       // of an all-reduce that takes the maximum instead of the sum
  none                           // of other communication and of host instructions
};

// How a kernel is priced. matmul: tiles and waves; attention: achieved-rate tables; memory: bytes.
enum class OpKind : std::uint8_t { matmul, attention, memory };

struct Op {
  OpName name = OpName::none;
  OpKind kind = OpKind::memory;
  Pass pass = Pass::forward;
  DType dtype = DType::bf16;     // of the inputs of a matmul; of what a memory op writes
  bool causal = false;           // attention: only the lower triangle is computed
  bool gated = false;            // activation: SwiGLU and alike
  bool accumulate = false;       // weight gradient: adds to the fp32 main gradient, else writes it
  std::int64_t batch = 1;        // matmul: independent problems; attention: b * heads of this rank
  std::int64_t m = 0, n = 0, k = 0;  // matmul; attention: m queries, n keys, k head dim
  std::int64_t elements = 0;     // memory ops: elements that the bytes-per-element tables of a stack multiply
  bool operator==(const Op&) const = default;
};

// How one rank's share of a layer is cut.
struct Shard {
  int tp = 1, cp = 1, ep = 1;
  bool sequence_parallel = false;       // norms and residuals hold T/t tokens
  std::int64_t micro_batch = 1, sequence = 1;
  DType compute = DType::bf16;          // of linears; attention and memory ops of fp8 runs are bf16
  std::int64_t tokens() const { return micro_batch * sequence / cp; }                 // T
  std::int64_t norm_tokens() const { return sequence_parallel ? tokens() / tp : tokens(); }
  bool operator==(const Shard&) const = default;
};

// The op `name` of a layer for one pass. Names that a layer lacks in that pass end in ORRERY_CHECK; models with
// unpriced parts are refused before (see not_priced). V of logits and cross_entropy is padded to 128 * tp.
Op layer_op(const Model&, const Layer&, OpName, Pass, const Shard&, bool accumulate = false);
// embedding, final_norm, logits, cross_entropy or cross_entropy_shift.
Op edge_op(const Model&, OpName, Pass, const Shard&, bool accumulate = false);

Flops flops(const Op&);                   // 0 for memory ops; causal attention counts (1 + 1/s)/2 of the square
std::int64_t padded_vocab(const Model&, int tp);

std::string_view name(OpName);
std::string_view name(Pass);
std::string_view name(DType);

}  // namespace orrery
