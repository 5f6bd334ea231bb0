#include "runtime/play/compute.h"

#include "sim/base/error.h"

namespace orrery {
namespace {

bool forward(Pass p) { return p == Pass::forward || p == Pass::recompute; }

}  // namespace

std::optional<std::string> not_executable(const Model& model, const Training& training, const Plan& plan) {
  const std::string no = "not supported: execution of ";
  if (!model.unexecuted.empty()) return no + model.unexecuted.front();
  for (const Layer& layer : model.kinds) {
    if (layer.attention.qk_norm) return no + "norms of queries and keys";
    if (layer.parallel_residual) return no + "parallel residuals";
    if (!layer.attention.causal) return no + "attention that is not causal";
    if (layer.attention.kv_heads % plan.tp != 0)
      return no + "key/value heads that several tensor ranks hold copies of (" +
             std::to_string(layer.attention.kv_heads) + " heads, tp = " + std::to_string(plan.tp) + ")";
  }
  if (model.embedding_norm) return no + "a norm of the embedding";
  if (!model.final_norm) return no + "models without a final norm";
  if (model.position != Position::learned && model.position != Position::rotary &&
      model.position != Position::none)
    return no + "positions other than learned, rotary or none";
  const Precision& p = training.precision;
  const bool fp32 = p.compute == DType::fp32 && p.parameters == DType::fp32;
  const bool bf16 = p.compute == DType::bf16 && p.parameters == DType::bf16 && p.master;
  if ((!fp32 && !bf16) || p.gradients != DType::fp32)
    return no + "this precision; fp32, and bf16 with fp32 gradients and master weights, are";
  if (plan.cp > 1)
    return no + "context parallelism (cp = " + std::to_string(plan.cp) +
           "); a search that names \"cp\": 1 finds plans without it";
  return {};
}

KernelBinder::KernelBinder(const Setup& q, const Coordinates& at, const Holdings& holdings,
                           const StepArguments& step)
    : model_(q.model), training_(q.training), plan_(q.plan), at_(at), step_(&step) {
  for (const Holding& h : holdings.holdings) {
    updated_.push_back(h.segment);
    if (h.counted) counted_.push_back(h.segment);
  }
}

Kernel& KernelBinder::add(KernelName name, const Moment& m, std::vector<Kernel>& out) const {
  Kernel& k = out.emplace_back();
  k.name = name;
  k.cost_class = m.cost_class;
  k.step = step_;
  return k;
}

void KernelBinder::bind(const Moment& m, const Operands& o, std::vector<Kernel>& out) {
  switch (m.op) {
    case OpName::qkv:
    case OpName::attention_out:
    case OpName::mlp_up:
    case OpName::mlp_down:
    case OpName::logits:
      return linear(m, o, out);
    case OpName::norm1:
    case OpName::norm2:
    case OpName::final_norm:
      return norm(m, o, out);
    case OpName::attention_layout:
      return layout(m, o, out);
    case OpName::attention:
    case OpName::scores:
    case OpName::softmax:
    case OpName::context:
      return core(m, o, out);
    case OpName::activation:
      return activation(m, o, out);
    case OpName::residual1:
    case OpName::residual2:
      return residual(m, o, out);
    case OpName::residual_gradient: {
      Kernel& k = add(KernelName::add, m, out);
      k.in[0] = o.read(1);
      k.out[0] = o.write(0);
      return;
    }
    case OpName::embedding:
      return embedding(m, o, out);
    case OpName::cross_entropy:
    case OpName::cross_entropy_shift:
      return cross_entropy(m, o, out);
    case OpName::gradient_norm:
    case OpName::clip:
    case OpName::optimizer:
      return update(m, o, out);
    case OpName::gradient_cast:
    case OpName::maximum:
    case OpName::none:
      break;
  }
  ORRERY_CHECK(false);
}

// Weights are (outputs x inputs): y = x W^T, dx = dy W, dW = dy^T x.
void KernelBinder::linear(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  Kernel& k = add(KernelName::matmul, m, out);
  k.in[0] = o.read(0);
  k.in[1] = o.read(1);
  k.out[0] = o.write(0);
  if (forward(m.pass)) {
    k.attributes.transpose_b = true;
    k.in[2] = o.read_if(2);
    return;
  }
  if (m.pass == Pass::input_gradient) return;
  k.attributes.transpose_a = true;
  k.attributes.add = o.writes[0].add;
  if (m.op == OpName::logits) column_sum(o.read(0), o, 1, m, out);
}

// The gradient of a bias: write operand `write`, where the row has it.
void KernelBinder::column_sum(const TensorRef& from, const Operands& o, std::size_t write, const Moment& m,
                              std::vector<Kernel>& out) const {
  if (write >= o.writes.size()) return;
  Kernel& k = add(KernelName::column_sum, m, out);
  k.in[0] = from;
  k.out[0] = o.write(write);
  k.attributes.add = o.writes[write].add;
}

void KernelBinder::norm(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  Kernel& k = add(forward(m.pass) ? KernelName::norm : KernelName::norm_gradient, m, out);
  k.attributes.norm = m.op == OpName::final_norm ? model_.kinds.back().norm : layer(m).norm;
  k.attributes.epsilon = static_cast<float>(model_.norm_epsilon);
  for (std::size_t i = 0; i < 3; ++i) k.in[i] = o.read_if(i);
  for (std::size_t i = 0; i < 3; ++i) k.out[i] = o.write_if(i);
  if (!forward(m.pass)) k.attributes.add = o.writes[1].add;
}

void KernelBinder::heads(KernelAttributes& a, const Moment& m) const {
  const Attention& attention = layer(m).attention;
  a.heads = attention.heads / plan_.tp;
  a.kv_heads = attention.kv_heads / plan_.tp;
  a.head_dim = attention.head_dim;
  a.all_heads = attention.heads;
  a.first_head = a.heads * at_.tensor;
  a.sequence = training_.sequence;
  a.rotary = model_.rotary;
}

std::int64_t KernelBinder::first_sequence(std::uint32_t micro_batch) const {
  return (std::int64_t{at_.data} * micro_batches(training_, plan_) + micro_batch) * plan_.micro_batch;
}

// Which of a layer's dropouts: 0 of attention, 1 and 2 of the residuals.
void KernelBinder::dropout(KernelAttributes& a, const Moment& m, int which) const {
  a.dropout = static_cast<float>(model_.dropout);
  a.dropout_key = std::uint64_t{m.layer} * 3 + static_cast<std::uint64_t>(which);
  a.first_token = first_sequence(m.micro_batch) * training_.sequence;
  if (which == 0) {
    a.global_columns = training_.sequence;
    return;
  }
  if (plan_.sequence_parallel)
    a.first_token += plan_.micro_batch * training_.sequence / at_.tensor_ranks * at_.tensor;
  a.global_columns = model_.hidden;
}

void KernelBinder::core(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  KernelName name = KernelName::attention;
  switch (m.op) {
    case OpName::attention:
      name = forward(m.pass) ? KernelName::attention : KernelName::attention_gradient;
      break;
    case OpName::scores:
      name = forward(m.pass) ? KernelName::scores : KernelName::scores_gradient;
      break;
    case OpName::softmax:
      name = forward(m.pass) ? KernelName::softmax : KernelName::softmax_gradient;
      break;
    default:
      name = forward(m.pass) ? KernelName::context : KernelName::context_gradient;
  }
  Kernel& k = add(name, m, out);
  heads(k.attributes, m);
  dropout(k.attributes, m, 0);
  // In place: d scores are the op's first operand and its result.
  const std::size_t first = name == KernelName::softmax_gradient ? 1 : 0;
  for (std::size_t i = 0; i < 4; ++i) k.in[i] = o.read_if(i + first);
  for (std::size_t i = 0; i < 3; ++i) k.out[i] = o.write_if(i);
}

// The forward pass reads the bias in the product; its gradient is that of what the product wrote.
void KernelBinder::layout(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  if (model_.position == Position::rotary) {
    Kernel& k = add(KernelName::rotary, m, out);
    heads(k.attributes, m);
    k.attributes.inverse = !forward(m.pass);
    k.out[0] = o.write(0);
  }
  if (!forward(m.pass)) column_sum(o.write(0), o, 1, m, out);
}

void KernelBinder::activation(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  const Mlp& mlp = std::get<Mlp>(layer(m).mlp);
  Kernel& k = add(forward(m.pass) ? KernelName::activation : KernelName::activation_gradient, m, out);
  k.attributes.activation = mlp.activation;
  k.attributes.gated = mlp.gated;
  k.in[0] = o.read(0);
  k.in[1] = o.read_if(1);
  k.out[0] = o.write(0);
  if (!forward(m.pass)) column_sum(o.write(0), o, 1, m, out);
}

void KernelBinder::residual(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  Kernel& k = add(forward(m.pass) ? KernelName::residual : KernelName::residual_gradient, m, out);
  dropout(k.attributes, m, m.op == OpName::residual1 ? 1 : 2);
  for (std::size_t i = 0; i < 3; ++i) k.in[i] = o.read_if(i);
  k.out[0] = o.write(0);
  if (forward(m.pass))
    k.out[1] = o.write_if(1);
  else
    column_sum(o.write(0), o, 1, m, out);
}

// Inputs or labels of one micro-batch: the buffer holds (inputs, labels) x sequences x tokens.
TensorRef KernelBinder::tokens(const TensorRef& all, bool labels, std::uint32_t micro_batch) const {
  const std::int64_t count = plan_.micro_batch * training_.sequence;
  const std::int64_t sequences = micro_batches(training_, plan_) * plan_.micro_batch;
  const std::int64_t first = (labels ? sequences * training_.sequence : 0) + micro_batch * count;
  return {static_cast<std::int64_t*>(all.data) + first, DType::int64, count, 1};
}

void KernelBinder::embedding(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  const bool gradient = !forward(m.pass);
  Kernel& k = add(gradient ? KernelName::embedding_gradient : KernelName::embedding, m, out);
  const TensorRef& table = gradient ? o.write(0) : o.read(1);  // this rank's part of the vocabulary's rows
  k.attributes.sequence = training_.sequence;
  k.attributes.first_row = table.rows * at_.tensor;
  k.attributes.vocab = model_.vocab;
  if (!gradient) {
    k.in[0] = tokens(o.read(0), false, m.micro_batch);
    k.in[1] = table;
    k.in[2] = o.read_if(2);
    k.out[0] = o.write(0);
    return;
  }
  k.in[0] = o.read(0);
  k.in[1] = tokens(o.read(1), false, m.micro_batch);
  k.out[0] = table;
  k.attributes.add = o.writes[0].add;
  if (o.writes.size() == 1) return;
  Kernel positions = k;
  positions.out[0] = {};
  positions.out[1] = o.write(1);
  positions.attributes.add = o.writes[1].add;
  out.push_back(positions);
}

void KernelBinder::cross_entropy(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  if (m.op == OpName::cross_entropy_shift) {
    add(KernelName::cross_entropy_shift, m, out).out[0] = o.write(0);
    return;
  }
  const bool gradient = !forward(m.pass);
  Kernel& k = add(gradient ? KernelName::cross_entropy_gradient : KernelName::cross_entropy, m, out);
  k.attributes.first_row = o.read(0).columns * at_.tensor;  // logits: this rank's part of the vocabulary
  k.attributes.vocab = model_.vocab;
  k.attributes.scale =
      1 / (static_cast<float>(training_.global_batch) * static_cast<float>(training_.sequence));
  k.in[0] = o.read(0);
  if (gradient) k.in[1] = o.read(1);
  k.in[gradient ? 2 : 1] = tokens(o.read(gradient ? 2 : 1), true, m.micro_batch);
  k.out[0] = o.write(0);
  k.out[1] = o.write(1);
  if (gradient) k.attributes.add = o.writes[1].add;
}

void KernelBinder::update(const Moment& m, const Operands& o, std::vector<Kernel>& out) const {
  const bool norm = m.op == OpName::gradient_norm;
  Kernel& k = add(norm                   ? KernelName::sum_of_squares
                  : m.op == OpName::clip ? KernelName::clip
                                         : KernelName::adamw,
                  m, out);
  k.segments = norm ? counted_ : updated_;
  (norm ? k.out[0] : k.in[0]) = norm ? o.write(0) : o.read(0);
}

}  // namespace orrery
