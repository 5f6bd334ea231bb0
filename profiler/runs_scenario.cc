#include "profiler/runs_scenario.h"

#include <utility>

#include "profiler/runs_network.h"

namespace orrery {
namespace {

// A mapping in progress: what it has found, or why it can go no further.
struct Mapping {
  const MeasuredRun& run;
  const Stack& stack;
  RunScenario out;
  std::string reason;

  bool refuse(std::string why) {
    if (reason.empty()) reason = std::move(why);
    return false;
  }
  // The declared count, which the mapping can't do without.
  bool need(const std::optional<std::int64_t>& declared, const char* field, std::int64_t& value) {
    if (!declared || *declared < 1) return refuse(std::string("the row does not state ") + field);
    value = *declared;
    return true;
  }
};

std::int64_t or_one(const std::optional<std::int64_t>& v) { return v && *v > 0 ? *v : 1; }

std::optional<Activation> activation(std::string_view word) {
  if (contains(word, "swiglu") || contains(word, "silu")) return Activation::silu;
  if (contains(word, "squared_relu") || contains(word, "squared relu")) return Activation::squared_relu;
  if (contains(word, "gelu") || contains(word, "geglu")) return Activation::gelu;
  if (contains(word, "relu")) return Activation::relu;
  return {};
}

bool map_model(Mapping& m) {
  const RunModel& declared = m.run.model;
  if (!declared.beyond.empty()) return m.refuse("not priced yet: " + declared.beyond);
  std::int64_t layers = 0, hidden = 0, heads = 0, ffn = 0, vocab = 0, sequence = 0;
  if (!m.need(declared.layers, "model.layers", layers) || !m.need(declared.hidden, "model.hidden", hidden) ||
      !m.need(declared.heads, "model.heads", heads) || !m.need(declared.ffn, "model.ffn", ffn) ||
      !m.need(declared.vocab, "model.vocab", vocab) || !m.need(declared.sequence, "model.seq", sequence))
    return false;
  const std::int64_t kv_heads = declared.kv_heads ? *declared.kv_heads : heads;
  const std::int64_t head_dim = declared.head_dim ? *declared.head_dim : hidden / heads;
  constexpr std::int64_t most_layers = 4096, most_width = 1 << 20;
  if (layers > most_layers || hidden > most_width || heads > most_width || ffn > 8 * most_width ||
      sequence > (1 << 24) || head_dim < 1 || head_dim > 4096 || kv_heads < 1 || kv_heads > heads ||
      vocab > (1 << 24))
    return m.refuse("the model's shape makes no sense");
  const bool gated = declared.gated.value_or(false);
  const std::optional<Activation> act =
      activation(declared.activation.empty() ? (gated ? "silu" : "gelu") : declared.activation);
  if (!act) return m.refuse("activation \"" + declared.activation + "\" is not known");

  Model& model = m.out.model;
  model.name = declared.name;
  model.family = gated ? "llama" : "gpt";
  model.hidden = hidden;
  model.vocab = vocab;
  model.max_positions = static_cast<int>(sequence);
  // Sources that state no positions are of frameworks whose gated models are rotary, the others learned.
  model.position = contains(declared.position, "learned") ? Position::learned
                   : contains(declared.position, "alibi") ? Position::alibi
                   : contains(declared.position, "rope") || contains(declared.position, "rotary") || gated
                       ? Position::rotary
                       : Position::learned;
  model.tied = declared.tied.value_or(false);
  model.dropout = m.stack.dropout;
  Layer layer;
  layer.hidden = hidden;
  layer.attention.heads = static_cast<int>(heads);
  layer.attention.kv_heads = static_cast<int>(kv_heads);
  layer.attention.head_dim = static_cast<int>(head_dim);
  layer.attention.qkv_bias = layer.attention.out_bias = !gated;
  layer.mlp = Mlp{ffn, *act, gated, !gated};
  layer.norm = gated ? Norm::rms : Norm::layer;
  layer.norm_bias = !gated;
  model.kinds = {layer};
  model.layers.assign(static_cast<std::size_t>(layers), 0);
  model.unpriced = unpriced_parts(model);
  m.out.training.sequence = sequence;
  return true;
}

// The devices of one NVLink domain. Where it spans a rack its host trays don't bound it, and a job takes equal parts
// of racks: as many as there are up to a rack.
std::int64_t domain(const RunHardware& declared, std::int64_t gpus, int standard) {
  const std::int64_t tray = declared.gpus_per_node.value_or(standard);
  if (!contains(declared.link, "nvl72")) return std::min(gpus, tray);
  std::int64_t most = std::min<std::int64_t>(gpus, standard);
  while (most > tray && gpus % most != 0) --most;
  return most;
}

bool map_cluster(Mapping& m, const Stacks& stacks, const FindCluster& find) {
  const RunHardware& declared = m.run.hardware;
  std::int64_t gpus = 0;
  if (!m.need(declared.gpus, "hw.n_gpus", gpus)) return false;
  const auto standard = stacks.clusters.find(declared.gpu);
  if (m.stack.cluster.empty() && standard == stacks.clusters.end())
    return m.refuse("no standard node is known for the device \"" + declared.gpu + "\"");
  Cluster cluster = find(m.stack.cluster.empty() ? standard->second : m.stack.cluster);
  NodeGroup& group = cluster.groups.front();
  const std::int64_t per_node = domain(declared, gpus, group.node.gpus);
  constexpr std::int64_t most = 1 << 20;
  if (gpus > most || per_node < 1 || gpus % per_node != 0)
    return m.refuse(std::to_string(gpus) + " devices do not fill nodes of " + std::to_string(per_node));
  const int usual = group.node.nics.count;
  group.node.gpus = static_cast<int>(per_node);
  group.nodes = static_cast<int>(gpus / per_node);
  if (const auto nics = printed_network(declared.network, group.node.gpus, usual))
    group.node.nics = *nics;
  else
    m.out.network_assumed = group.nodes > 1;
  m.out.cluster = std::move(cluster);
  return true;
}

// Of FP8 a calibration knows one recipe: that with a scale a tensor, unless the stack names block-scaled formats.
// Formats of 4 bits are other kernels.
bool map_precision(Mapping& m) {
  const std::string& text = m.run.precision;
  Precision& p = m.out.training.precision;
  p = m.stack.precision;
  const bool blocks = contains(text, "mxfp8") || contains(text, "fp8-mx");
  if ((blocks && !m.stack.when.contains("precision")) || contains(text, "fp4"))
    return m.refuse("not priced yet: " + text);
  if (contains(text, "fp8") || contains(text, "float8"))
    p.compute = DType::fp8;
  else if (contains(text, "bf16"))
    p.compute = DType::bf16;
  else if (contains(text, "fp16"))
    p.compute = DType::fp16;
  else
    return m.refuse("precision \"" + text + "\" is not known");
  return true;
}

bool map_zero(Mapping& m, LayerStrategy& s) {
  const std::string& text = m.run.parallel.zero;
  if (contains(text, "hybrid") || contains(text, "hsdp") || contains(text, "replicated 2x"))
    return m.refuse("not supported yet: " + text);
  if (contains(text, "shard_grad_op")) {  // gathered once, kept until the backward pass
    s.zero = Zero::full;
    s.reshard = false;
  } else if (contains(text, "fsdp") || contains(text, "zero-3")) {
    s.zero = Zero::full;
  } else if (contains(text, "zero-2")) {
    s.zero = Zero::gradients;
  } else if (contains(text, "distributed optimizer") || contains(text, "zero-1")) {
    s.zero = Zero::optimizer;
  } else if (text.empty() || contains(text, "none") || contains(text, "zero-0") ||
             contains(text, "not sharded")) {
    s.zero = Zero::none;
  } else {
    return m.refuse("sharding \"" + text + "\" is not known");
  }
  return true;
}

// Fused attention recomputes its scores inside its own backward kernel: selective recompute changes nothing
// there.
bool map_recompute(Mapping& m, LayerStrategy& s) {
  const std::string& text = m.run.parallel.recompute;
  if (text.empty()) return m.refuse("the row does not state parallel.recompute");
  const std::string word = lower(text);
  const bool core = contains(text, "core") || word == "selective";
  if (word.rfind("none", 0) == 0)
    s.recompute = Recompute::none;
  else if (word.rfind("full for", 0) == 0)
    return m.refuse("not supported yet: recompute \"" + text + "\"");
  else if (word.rfind("full", 0) == 0)
    s.recompute = Recompute::full;
  else if (core && contains(text, "selective"))
    s.recompute = m.stack.attention == AttentionKernel::unfused ? Recompute::selective : Recompute::none;
  else
    return m.refuse("not supported yet: recompute \"" + text + "\"");
  return true;
}

bool map_schedule(Mapping& m, Plan& plan) {
  const RunParallel& declared = m.run.parallel;
  const std::string word = lower(declared.schedule);
  const bool known = word.empty() || word.rfind("1f1b", 0) == 0 || word.rfind("interleaved", 0) == 0 ||
                     word.rfind("gpipe", 0) == 0;
  if (!known || contains(word, "overlap"))
    return m.refuse("not supported yet: the schedule " + declared.schedule);
  const std::int64_t layers = m.out.model.depth();
  std::int64_t chunks = or_one(declared.virtual_stages);
  if (declared.chunk_a_layer) chunks = (layers + plan.pp - 1) / plan.pp;
  if (plan.pp == 1) chunks = 1;  // nothing to interleave
  if (chunks > layers)
    return m.refuse(std::to_string(chunks) + " virtual stages a rank for " + std::to_string(layers) +
                    " layers");
  plan.virtual_stages = static_cast<int>(chunks);
  plan.schedule = chunks > 1                    ? Schedule::interleaved
                  : word.rfind("gpipe", 0) == 0 ? Schedule::gpipe
                                                : Schedule::one_f_one_b;

  // Embedding and head take the place of a layer each, where the source says so or the layers only fit so.
  const std::int64_t stages = plan.pp * chunks;
  const bool edges = contains(declared.partition, "embedding") ||
                     contains(declared.partition, "one layer fewer") ||
                     (layers % stages != 0 && (layers + 2) % stages == 0);
  if (edges && stages > 1) {
    const std::int64_t places = layers + 2;
    for (std::int64_t i = 0; i < stages; ++i)
      plan.stage_layers.push_back(static_cast<int>(places / stages + (i < places % stages ? 1 : 0)));
    --plan.stage_layers.front();
    --plan.stage_layers.back();
  }
  return true;
}

// The row's word on overlap goes before the habit of its stack.
void map_overlap(const Mapping& m, Plan& plan) {
  const std::string& text = m.run.parallel.overlap;
  plan.attention = m.stack.attention;
  plan.tensor_overlap = m.stack.tensor_overlap;
  // "off in yaml" is a template that launchers override: the measured steps are those of overlapped runs.
  const bool template_only = contains(text, "off in yaml");
  if (contains(text, "tp overlap off") && !template_only) plan.tensor_overlap = TensorOverlap::backward;
  plan.overlap_gradients = m.stack.overlap_gradients == GradientOverlap::always ||
                           (m.stack.overlap_gradients == GradientOverlap::without_pipeline && plan.pp == 1);
  plan.overlap_parameters = m.stack.overlap_parameters;
  plan.receive_ahead = contains(text, "p2p overlap off") && !template_only ? 0 : m.stack.receive_ahead;
  plan.early_stop = m.stack.early_stop;
  // Megatron-LM, distributed_data_parallel.py: buckets of max(40 M, 1 M * data-parallel ranks) parameters.
  plan.bucket_parameters = std::max<std::int64_t>(40'000'000, 1'000'000 * std::int64_t{plan.dp} * plan.cp);
}

bool map_plan(Mapping& m) {
  const RunParallel& declared = m.run.parallel;
  std::int64_t dp = 0, tp = 0, pp = 0;
  if (!m.need(declared.dp, "parallel.dp", dp) || !m.need(declared.tp, "parallel.tp", tp) ||
      !m.need(declared.pp, "parallel.pp", pp) ||
      !m.need(declared.micro_batch, "parallel.mbs", m.out.plan.micro_batch) ||
      !m.need(declared.global_batch, "parallel.gbs", m.out.training.global_batch))
    return false;
  if (or_one(declared.ep) > 1) return m.refuse("not supported yet: expert parallelism");
  if (!declared.offload.empty()) return m.refuse("not supported yet: offloading of " + declared.offload);
  const std::int64_t cp = or_one(declared.cp), ranks = m.out.cluster.ranks();
  const double product =
      static_cast<double>(dp) * static_cast<double>(tp) * static_cast<double>(pp) * static_cast<double>(cp);
  if (product != static_cast<double>(ranks))
    return m.refuse("dp*tp*pp*cp does not give the row's " + std::to_string(ranks) + " devices");
  Plan& plan = m.out.plan;
  plan.dp = static_cast<int>(dp);
  plan.tp = static_cast<int>(tp);
  plan.pp = static_cast<int>(pp);
  plan.cp = static_cast<int>(cp);
  plan.sequence_parallel = declared.sequence_parallel.value_or(false) && tp > 1;
  plan.graph = !declared.graph.empty() && contains(declared.graph, "full_iteration");
  LayerStrategy strategy;
  if (!map_zero(m, strategy) || !map_recompute(m, strategy)) return false;
  plan.layers = {strategy};
  if (!map_schedule(m, plan)) return false;
  map_overlap(m, plan);
  return true;
}

}  // namespace

MappedRun map_run(const MeasuredRun& run, const Stacks& stacks, const FindCluster& find) {
  const auto refused = [](std::string why) {
    constexpr std::size_t longest = 200;  // of words that may be a row's own
    if (why.size() > longest) why = why.substr(0, longest) + "...";
    return MappedRun{{}, std::move(why)};
  };
  if (!run.odd.empty()) return refused("odd row: " + run.odd);
  if (!run.task.empty() && run.task != "pretrain") return refused("not supported yet: " + run.task);
  const Stack* stack = find_stack(stacks, run);
  if (stack == nullptr)
    return refused("no calibration of this software on this device (" + run.source + ", " + run.hardware.gpu +
                   ")");
  if (!stack->unsupported.empty()) return refused(stack->unsupported);
  if (run.measured_s <= 0 && run.measured_mem_gib <= 0)
    return refused("the row states neither a step time nor memory");
  Mapping m{run, *stack, {}, {}};
  if (!map_model(m) || !map_cluster(m, stacks, find) || !map_precision(m) || !map_plan(m))
    return refused(std::move(m.reason));
  m.out.stack = stack->name;
  m.out.calibration = stack->calibration;
  if (const auto broken = violation(m.out.model, m.out.cluster, m.out.training, m.out.plan))
    return refused(broken->message);
  return {std::move(m.out), {}};
}

}  // namespace orrery
