#include "sim/plan/read.h"

#include <string>

namespace orrery {
namespace {

constexpr std::array<std::string_view, 4> compute_words{"fp32", "bf16", "fp16",
                                                        "fp8"};  // by the values of DType

template <class T>
int to_int(T v) {
  return static_cast<int>(v);
}

void read_strategy(const Reader& r, LayerStrategy& s) {
  s.zero = static_cast<Zero>(r.integer_or("zero", to_int(s.zero), 0, 3));
  s.recompute =
      static_cast<Recompute>(r.word_or("recompute", static_cast<std::size_t>(s.recompute), recompute_words));
  s.reshard = r.boolean_or("reshard", s.reshard);
}

std::vector<LayerStrategy> read_layers(const Reader& r) {
  LayerStrategy all;
  if (!r.has("layers")) {
    read_strategy(r, all);
    return {all};
  }
  for (const char* key : {"zero", "recompute", "reshard"})
    if (r.has(key)) r.fail_at(key, "this in the items of \"layers\" instead");
  std::vector<LayerStrategy> out;
  for (const Reader& run : r.array("layers")) {
    const std::int64_t count = run.integer_or("count", 1, 1, most_layers);
    LayerStrategy s;
    read_strategy(run, s);
    run.done();
    out.insert(out.end(), static_cast<std::size_t>(count), s);
    if (out.size() > most_layers) r.fail_at("layers", "at most " + std::to_string(most_layers) + " layers");
  }
  if (out.empty()) r.fail_at("layers", "at least one run of layers");
  return out;
}

void read_degrees(const Reader& r, Plan& plan) {
  plan.tp = to_int(r.integer_or("tp", 1, 1, most_ways));
  plan.cp = to_int(r.integer_or("cp", 1, 1, most_ways));
  plan.dp = to_int(r.integer_or("dp", 1, 1, most_replicas));
  plan.pp = to_int(r.integer_or("pp", 1, 1, most_ways));
  plan.ep = to_int(r.integer_or("ep", 1, 1, most_ways));
  const std::int64_t ranks = std::int64_t{plan.tp} * plan.cp * plan.dp * plan.pp;
  if (ranks > most_ranks) {
    fail(r.where(), "tp * cp * dp * pp of at most " + std::to_string(most_ranks), std::to_string(ranks));
  }
}

void write_strategy(Json& j, const LayerStrategy& s) {
  const LayerStrategy standard;
  if (s.zero != standard.zero) j.set("zero", to_int(s.zero));
  if (s.recompute != standard.recompute)
    j.set("recompute", recompute_words[static_cast<std::size_t>(s.recompute)]);
  if (s.reshard != standard.reshard) j.set("reshard", s.reshard);
}

void write_layers(Json& j, const std::vector<LayerStrategy>& layers) {
  if (layers.size() == 1) return write_strategy(j, layers[0]);
  Json runs = Json::array();
  for (std::size_t i = 0, end = 0; i < layers.size(); i = end) {
    while (end < layers.size() && layers[end] == layers[i]) ++end;
    Json run = Json::object();
    run.set("count", end - i);
    write_strategy(run, layers[i]);
    runs.push(std::move(run));
  }
  j.set("layers", std::move(runs));
}

template <class T>
void set_unless(Json& j, const char* key, const T& value, const T& standard) {
  if (value != standard) j.set(key, value);
}

DType read_dtype(const Reader& r, std::string_view key, DType otherwise) {
  return static_cast<DType>(r.word_or(key, static_cast<std::size_t>(otherwise), compute_words));
}

std::string_view dtype_word(DType t) { return compute_words[static_cast<std::size_t>(t)]; }

Precision read_precision(const Reader& train) {
  Precision p;
  if (train.value().find("precision")->is(Json::Kind::string)) {
    p.compute = read_dtype(train, "precision", p.compute);
    if (p.compute == DType::fp16) p.parameters = DType::fp16;
    if (p.compute == DType::fp32) {
      p.parameters = DType::fp32;
      p.master = false;
    }
    return p;
  }
  if (!train.value().find("precision")->is(Json::Kind::object))
    train.fail_at("precision", "a type such as \"bf16\", or an object of types");
  const Reader r = train.object("precision");
  p.compute = read_dtype(r, "compute", p.compute);
  p.parameters = read_dtype(r, "parameters", p.parameters);
  p.gradients = read_dtype(r, "gradients", p.gradients);
  p.master = r.boolean_or("master", p.master);
  r.done();
  return p;
}

}  // namespace

Plan read_plan(const Reader& r) {
  if (r.where().pointer.empty() || r.has("schema")) Reader(r).schema("orrery.plan/1");
  Plan plan;
  read_degrees(r, plan);
  plan.sequence_parallel = r.boolean_or("sequence_parallel", plan.sequence_parallel);
  plan.virtual_stages = to_int(r.integer_or("virtual_stages", plan.virtual_stages, 1, most_layers));
  plan.schedule =
      static_cast<Schedule>(r.word_or("schedule", static_cast<std::size_t>(plan.schedule), schedule_words));
  plan.micro_batch = r.integer_or("micro_batch", plan.micro_batch, 1, most_tokens);
  for (const Reader& stage : r.array_if("stage_layers"))
    plan.stage_layers.push_back(to_int(stage.as_integer(0, most_layers)));
  plan.layers = read_layers(r);
  plan.attention = static_cast<AttentionKernel>(
      r.word_or("attention", static_cast<std::size_t>(plan.attention), attention_words));
  plan.tensor_overlap = static_cast<TensorOverlap>(
      r.word_or("tensor_overlap", static_cast<std::size_t>(plan.tensor_overlap), tensor_overlap_words));
  plan.overlap_gradients = r.boolean_or("overlap_gradients", plan.overlap_gradients);
  plan.overlap_parameters = r.boolean_or("overlap_parameters", plan.overlap_parameters);
  if (r.has("bucket_parameters")) {
    const double count = r.count("bucket_parameters");
    if (count < 1 || count > 1e15) r.fail_at("bucket_parameters", "a count from 1 to 1e15");
    plan.bucket_parameters = static_cast<std::int64_t>(count);
  }
  plan.prefetch = to_int(r.integer_or("prefetch", plan.prefetch, 0, 64));
  plan.receive_ahead = to_int(r.integer_or("receive_ahead", plan.receive_ahead, 0, 1));
  plan.send_slots = to_int(r.integer_or("send_slots", plan.send_slots, 1, 1024));
  plan.scatter_gather = r.boolean_or("scatter_gather", plan.scatter_gather);
  plan.graph = r.boolean_or("graph", plan.graph);
  plan.early_stop = r.boolean_or("early_stop", plan.early_stop);
  r.done();
  return plan;
}

Json write_plan(const Plan& plan) {
  const Plan standard;
  Json j = Json::object();
  j.set("schema", "orrery.plan/1")
      .set("tp", plan.tp)
      .set("cp", plan.cp)
      .set("dp", plan.dp)
      .set("pp", plan.pp);
  j.set("ep", plan.ep);
  set_unless(j, "sequence_parallel", plan.sequence_parallel, standard.sequence_parallel);
  j.set("schedule", schedule_words[static_cast<std::size_t>(plan.schedule)]);
  set_unless(j, "virtual_stages", plan.virtual_stages, standard.virtual_stages);
  j.set("micro_batch", plan.micro_batch);
  if (!plan.stage_layers.empty()) {
    Json stages = Json::array();
    for (const int layers : plan.stage_layers) stages.push(layers);
    j.set("stage_layers", std::move(stages));
  }
  write_layers(j, plan.layers);
  if (plan.attention != standard.attention)
    j.set("attention", attention_words[static_cast<std::size_t>(plan.attention)]);
  if (plan.tensor_overlap != standard.tensor_overlap)
    j.set("tensor_overlap", tensor_overlap_words[static_cast<std::size_t>(plan.tensor_overlap)]);
  set_unless(j, "overlap_gradients", plan.overlap_gradients, standard.overlap_gradients);
  set_unless(j, "overlap_parameters", plan.overlap_parameters, standard.overlap_parameters);
  set_unless(j, "bucket_parameters", plan.bucket_parameters, standard.bucket_parameters);
  set_unless(j, "prefetch", plan.prefetch, standard.prefetch);
  set_unless(j, "receive_ahead", plan.receive_ahead, standard.receive_ahead);
  set_unless(j, "send_slots", plan.send_slots, standard.send_slots);
  set_unless(j, "scatter_gather", plan.scatter_gather, standard.scatter_gather);
  set_unless(j, "graph", plan.graph, standard.graph);
  set_unless(j, "early_stop", plan.early_stop, standard.early_stop);
  return j;
}

Training read_training(const Reader& r) {
  Training t;
  t.sequence = r.integer("seq_len", 1, longest_sequence);
  t.global_batch = r.integer("global_batch", 1, most_tokens);
  if (t.sequence * t.global_batch > most_tokens) {
    fail(r.where(), "at most " + std::to_string(most_tokens) + " tokens a step (seq_len * global_batch)",
         std::to_string(t.sequence * t.global_batch));
  }
  if (r.has("tokens")) t.tokens = r.count("tokens");
  if (r.has("precision")) t.precision = read_precision(r);
  r.done();
  return t;
}

Json write_training(const Training& t) {
  Json j = Json::object(), precision = Json::object();
  j.set("seq_len", t.sequence).set("global_batch", t.global_batch);
  if (t.tokens > 0) j.set("tokens", t.tokens);
  precision.set("compute", dtype_word(t.precision.compute))
      .set("parameters", dtype_word(t.precision.parameters));
  precision.set("gradients", dtype_word(t.precision.gradients)).set("master", t.precision.master);
  return j.set("precision", std::move(precision));
}

}  // namespace orrery
