#include "sim/model/ops.h"

#include <array>
#include <utility>

#include "sim/base/error.h"

namespace orrery {
namespace {

bool is_forward(Pass p) { return p == Pass::forward || p == Pass::recompute; }
bool is_backward(Pass p) { return p == Pass::input_gradient || p == Pass::weight_gradient; }

struct Asked {
  OpName name;
  Pass pass;
  const Shard& shard;
  bool accumulate;

  // T rows times a matrix of n x k on this rank.
  Op linear(std::int64_t n, std::int64_t k, DType dtype) const {
    ORRERY_CHECK(is_forward(pass) || is_backward(pass));
    Op op{.name = name,
          .kind = OpKind::matmul,
          .pass = pass,
          .dtype = dtype,
          .m = shard.tokens(),
          .n = n,
          .k = k};
    if (pass == Pass::input_gradient) std::swap(op.n, op.k);
    if (pass == Pass::weight_gradient) {
      op.m = n;
      op.n = k;
      op.k = shard.tokens();
      op.accumulate = accumulate;
    }
    return op;
  }

  // One kernel forward; one backward, which counts as the input gradient.
  Op memory(std::int64_t elements) const {
    ORRERY_CHECK(is_forward(pass) || pass == Pass::input_gradient);
    return {.name = name,
            .kind = OpKind::memory,
            .pass = pass,
            .dtype = activation_type(shard.compute),
            .elements = elements};
  }

  Op core(const Attention& a) const {
    ORRERY_CHECK(is_forward(pass) || pass == Pass::input_gradient);
    const std::int64_t queries = shard.sequence / shard.cp;
    Op op{.name = name,
          .kind = OpKind::matmul,
          .pass = pass,
          .dtype = activation_type(shard.compute),
          .batch = shard.micro_batch * a.heads / shard.tp,
          .m = queries};
    if (name == OpName::attention) {
      op.kind = OpKind::attention;
      op.causal = a.causal;
      op.n = shard.sequence;
      op.k = a.head_dim;
      return op;
    }
    // scores: Q K^T; backward dQ = dS K and dK = dS^T Q, both shaped as P V.
    // context: P V; backward dP = dO V^T and dV = P^T dO, counted as two of the first.
    const bool scores = name == OpName::scores, forward = is_forward(pass);
    op.n = scores == forward ? shard.sequence : a.head_dim;
    op.k = scores == forward ? a.head_dim : shard.sequence;
    if (!forward) op.batch *= 2;
    return op;
  }
};

std::int64_t kv_heads_on_rank(const Attention& a, int tp) { return (a.kv_heads + tp - 1) / tp; }

Op mlp_op(const Asked& ask, const Layer& layer) {
  const Mlp* mlp = std::get_if<Mlp>(&layer.mlp);
  ORRERY_CHECK(mlp != nullptr);
  const std::int64_t f = mlp->ffn / ask.shard.tp;
  if (ask.name == OpName::mlp_up) return ask.linear(mlp->gated ? 2 * f : f, layer.hidden, ask.shard.compute);
  if (ask.name == OpName::mlp_down) return ask.linear(layer.hidden, f, ask.shard.compute);
  Op op = ask.memory(ask.shard.tokens() * f);
  op.gated = mlp->gated;
  return op;
}

Op attention_op(const Asked& ask, const Layer& layer) {
  const Attention& a = layer.attention;
  ORRERY_CHECK(!a.latent);
  const Shard& shard = ask.shard;
  const std::int64_t heads = a.heads / shard.tp;
  switch (ask.name) {
    case OpName::qkv:
      return ask.linear((heads + 2 * kv_heads_on_rank(a, shard.tp)) * a.head_dim, layer.hidden,
                        shard.compute);
    case OpName::attention_out:
      return ask.linear(layer.hidden, heads * a.head_dim, shard.compute);
    case OpName::attention_layout:
      return ask.memory(shard.tokens() * heads * a.head_dim);
    case OpName::softmax:
      return ask.memory(shard.micro_batch * heads * (shard.sequence / shard.cp) * shard.sequence);
    default:
      return ask.core(a);
  }
}

}  // namespace

Op layer_op(const Model&, const Layer& layer, OpName name, Pass pass, const Shard& shard, bool accumulate) {
  const Asked ask{name, pass, shard, accumulate};
  switch (name) {
    case OpName::qkv:
    case OpName::attention_layout:
    case OpName::attention:
    case OpName::scores:
    case OpName::softmax:
    case OpName::context:
    case OpName::attention_out:
      return attention_op(ask, layer);
    case OpName::mlp_up:
    case OpName::activation:
    case OpName::mlp_down:
      return mlp_op(ask, layer);
    case OpName::residual_gradient:
      ORRERY_CHECK(pass == Pass::input_gradient);
      return ask.memory(shard.norm_tokens() * layer.hidden);
    default: {
      const bool norm = name == OpName::norm1 || name == OpName::norm2;
      ORRERY_CHECK(norm || name == OpName::residual1 || name == OpName::residual2);
      Op op = ask.memory(shard.norm_tokens() * layer.hidden);
      // What a linear reads next, forward or backward: in an FP8 run the cast comes with this op.
      if (norm == is_forward(pass)) op.dtype = shard.compute;
      return op;
    }
  }
}

Op edge_op(const Model& model, OpName name, Pass pass, const Shard& shard, bool accumulate) {
  const Asked ask{name, pass, shard, accumulate};
  const std::int64_t vocab = padded_vocab(model, shard.tp) / shard.tp;
  switch (name) {
    case OpName::embedding:
      return ask.memory(shard.tokens() * model.hidden);
    case OpName::final_norm:
      return ask.memory(shard.norm_tokens() * model.hidden);
    case OpName::logits:
      return ask.linear(vocab, model.hidden, activation_type(shard.compute));
    case OpName::cross_entropy_shift:
      return ask.memory(shard.tokens());
    default:
      ORRERY_CHECK(name == OpName::cross_entropy);
      return ask.memory(shard.tokens() * vocab);
  }
}

Flops flops(const Op& op) {
  const double products = static_cast<double>(op.batch) * static_cast<double>(op.m) *
                          static_cast<double>(op.n) * static_cast<double>(op.k);
  if (op.kind == OpKind::matmul) return {2 * products};
  if (op.kind != OpKind::attention) return {0};
  // Q K^T and P V; a causal kernel visits n + 1 of 2n keys on average. Backward computes five products, the
  // scores once more among them, where forward has two.
  const double keys = op.causal ? (1 + 1 / static_cast<double>(op.n)) / 2 : 1;
  const double backward = op.pass == Pass::input_gradient ? 2.5 : 1;
  return {4 * products * keys * backward};
}

std::int64_t padded_vocab(const Model& model, int tp) {
  const std::int64_t unit = std::int64_t{128} * tp;
  return (model.vocab + unit - 1) / unit * unit;
}

std::string_view name(OpName op) {
  constexpr std::array<std::string_view, 26> names{
      "embedding",     "norm1",         "qkv",           "attention_layout",  "attention",     "scores",
      "softmax",       "context",       "attention_out", "residual1",         "norm2",         "mlp_up",
      "activation",    "mlp_down",      "residual2",     "residual_gradient", "final_norm",    "logits",
      "cross_entropy", "cross_entropy_shift", "gradient_norm", "clip", "optimizer", "gradient_cast", "maximum", "none"};
  static_assert(names.size() == static_cast<std::size_t>(OpName::none) + 1);
  return names[static_cast<std::size_t>(op)];
}

std::string_view name(Pass pass) {
  constexpr std::array<std::string_view, 5> names{"forward", "recompute", "input_gradient", "weight_gradient",
                                                  "update"};
  return names[static_cast<std::size_t>(pass)];
}

std::string_view name(DType type) {
  constexpr std::array<std::string_view, 6> names{"fp32", "bf16", "fp16", "fp8", "int64", "uint8"};
  return names[static_cast<std::size_t>(type)];
}

}  // namespace orrery
