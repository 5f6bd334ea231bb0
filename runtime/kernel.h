// The closed list of kernels that a backend computes. An instruction of a Program becomes one or a few of
// them (runtime/bind.h); what a schedule, a ZeRO stage or a shard means is not known here: pointers, shapes
// and attributes say everything.
//
// Matrices are row-major and contiguous; T tokens of one micro-batch are rows, sequence after sequence.
// Element types: activations, weights and their gradients fp32 or bf16 as each TensorRef says; sums inside a
// kernel are fp32. `add`: outputs marked + are added to, else they are written.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/model/model.h"
#include "sim/model/ops.h"

namespace orrery {

enum class KernelName : std::uint8_t {
  // out0+ (m x n) = a b (+ bias of n): in0 = a (m x k; transpose_a: k x m), in1 = b (k x n; transpose_b:
  // n x k), in2 = bias or none.
  matmul,
  // out0+ (n) = sums of the columns of in0 (T x n).
  column_sum,
  // out0 = in1 * (x - mean) * rstd + in2, or in1 * x * rstd (rms): in0 = x (T x h), in1 = weight, in2 = bias or
  // none.
  norm,
  // in0 = dy, in1 = x, in2 = weight; out0 = dx, out1+ = d weight, out2+ = d bias or none.
  norm_gradient,
  // out0 = in place: queries and keys of (T x (heads + 2 kv_heads) d) rotated in pairs (i, i + d/2) by
  // position; `inverse`: back.
  rotary,
  // in0 = qkv (T x (heads + 2 kv_heads) d: queries, keys, values); out0 = core (T x heads d), out1 = the
  // log-sum-exp of each row (sequences * heads x sequence), fp32. Causal, scaled by d^-1/2; dropout regenerated
  // from its key.
  attention,
  // in0 = d core, in1 = qkv, in2 = core, in3 = log-sum-exp; out0 = d qkv.
  attention_gradient,
  // Unfused: out0 = scores (sequences, heads, s, s) of in0 = qkv, scaled.
  scores,
  // in0 = scores; out0 = causal probabilities, out1 = the same after dropout or none, out2 = mask or none.
  softmax,
  // in0 = probabilities, in1 = qkv; out0 = core.
  context,
  // in0 = d core, in1 = probabilities (as `context` read them), in2 = qkv; out0 = d probabilities, out1 = d
  // qkv, of which the values are written.
  context_gradient,
  // in0 = probabilities before dropout, in1 = mask or none (dropout regenerated from its key); out0 = d
  // probabilities, in place to d scores.
  softmax_gradient,
  // in0 = d scores, in1 = qkv; out0 = d qkv, of which queries and keys are written.
  scores_gradient,
  // in0 = up (T x f, gated: T x 2f, gate first); out0 = activated (T x f).
  activation,
  // in0 = d activated, in1 = up; out0 = d up.
  activation_gradient,
  // out0 = in0 + dropout(in1 + in2): in2 = bias or none; out1 = mask (uint8, T x h) or none.
  residual,
  // out0 = in0 * mask / (1 - dropout): in1 = mask or none (regenerated).
  residual_gradient,
  // out0 += in0.
  add,
  // out0 (T x h) = rows of in1 (vocabulary rows from `first_row` on; others give zeros) for in0 = ids (int64,
  // T) + in2 by position, or none; the ranks that share a vocabulary give in2 on one of them only.
  embedding,
  // in0 = dy (T x h), in1 = ids; out0+ = d table, out1+ = d positions or none.
  embedding_gradient,
  // in0 = logits (T x columns, vocabulary from `first_row` on, ids of `vocab` and beyond are padding), in1 =
  // labels (int64; negative: not counted). out0 = exp(logits - m) fp32, out1 = sums (4 x T, fp32): m, m, their
  // sum, the label's logit or 0 if it is another rank's. m is the row's own maximum.
  cross_entropy,
  // Between the reductions of sums over tensor ranks (row 1: maximum; rows 2, 3: sum): row 2 *= exp(row 0 -
  // row 1). in and out: out0.
  cross_entropy_shift,
  // in0 = exp(logits - m), in1 = sums, in2 = labels; out0 = d logits * `scale`, out1+ = the sum over tokens of the
  // loss, row 1 + log row 2 - row 3 (fp32, 1).
  cross_entropy_gradient,
  // out0 (fp32, 1) = the sum of squares of all segments' gradients.
  sum_of_squares,
  // Gradients of all segments times min(1, clip / (sqrt(in0) + 1e-6)); in0 = the squared norm. Nothing if that is
  // not finite.
  clip,
  // AdamW on all segments (Loshchilov & Hutter 2019); nothing if in0, the squared norm, is not finite.
  adamw,
  // out0 = in0 in another element type.
  convert,
  // out0 = 0.
  zero
};
inline constexpr std::uint32_t kernel_count = static_cast<std::uint32_t>(KernelName::zero) + 1;
std::string_view name(KernelName);

struct TensorRef {
  void* data = nullptr;  // null: none
  DType dtype = DType::fp32;
  std::int64_t rows = 0, columns = 0;
  explicit operator bool() const { return data != nullptr; }
  std::int64_t elements() const { return rows * columns; }
  bool operator==(const TensorRef&) const = default;
};

// A piece of parameters for the kernels of the update.
struct Segment {
  void* gradient = nullptr;
  void* weight = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  float* master = nullptr;  // null: the weight is its own
  std::int64_t count = 0;
  DType gradient_type = DType::fp32, weight_type = DType::fp32;
  bool decay = true;  // matrices, not norms and biases
};

// What changes from step to step; lives in host memory until the step's end.
struct StepArguments {
  std::uint64_t step = 0;  // 0-based; Adam's bias correction is of step + 1
  std::uint64_t seed = 0;
  float learning_rate = 0, beta1 = 0.9F, beta2 = 0.95F, epsilon = 1e-8F, weight_decay = 0.1F;
  float clip = 1;         // of the gradient norm; 0: none
  bool evaluate = false;  // the loss alone: nothing is dropped, nothing updated
};

struct KernelAttributes {
  bool add = false, transpose_a = false, transpose_b = false, inverse = false;
  Norm norm = Norm::layer;
  Activation activation = Activation::gelu;
  bool gated = false, causal = true;
  float epsilon = 1e-5F;
  float scale = 1;
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;  // of this rank
  std::int64_t sequence = 0;                           // tokens of a sequence
  std::int64_t first_row = 0, vocab = 0;
  Rotary rotary{};
  // Dropout drops element e of the op's global tensor, a function of (seed, step, key, e): the same under any
  // sharding. e = (first_token + row) * global_columns + column; of attention, e = row * s + key with row =
  // ((sequence of the step * all heads + head) * s + query). Philox4x32-10 with key `seed` and, as its counter of
  // 128 bits, (dropout_key + step * 0x9e3779b97f4a7c15) * 2^64 + e / 4; e is dropped if word e % 4 is under
  // dropout * 2^32, else multiplied by 1 / (1 - dropout).
  float dropout = 0;
  std::uint64_t dropout_key = 0;
  std::int64_t first_token = 0;  // of row 0, in the step's global batch
  std::int64_t all_heads = 0, first_head = 0;
  std::int64_t global_columns = 0;
  bool operator==(const KernelAttributes&) const = default;
};

// Of a kernel whose instruction is priced with another one of its kernels, or with its communication.
inline constexpr std::uint32_t no_cost = ~0U;

struct Kernel {
  KernelName name = KernelName::zero;
  std::uint32_t cost_class = 0;  // of the Program: what a rehearsal waits for; or no_cost
  TensorRef in[4]{}, out[3]{};
  KernelAttributes attributes{};
  std::span<const Segment> segments{};
  const StepArguments* step = nullptr;
};

}  // namespace orrery
