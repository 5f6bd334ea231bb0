#include "profiler/runs.h"

#include <algorithm>
#include <array>

#include "profiler/gzip.h"
#include "sim/base/error.h"
#include "sim/base/reader.h"

namespace orrery {
namespace {

using Kind = Json::Kind;

// Takes members of a row apart; the first that makes no sense is kept, none fails.
class Taker {
 public:
  Taker(const Json* object, std::string pointer, std::string& odd)
      : object_(object), pointer_(std::move(pointer)), odd_(odd) {
    if (object_ != nullptr && !object_->is(Kind::object)) {
      note("", "an object", *object_);
      object_ = nullptr;
    }
  }

  Taker part(const char* key) const { return Taker(member(key), pointer_ + "/" + key, odd_); }

  std::string text(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return {};
    if (value->is(Kind::string)) return value->string();
    if (value->is(Kind::boolean)) return value->boolean() ? "true" : "false";
    return value->is(Kind::integer) || value->is(Kind::real) ? value->dump(false) : describe(*value);
  }

  std::optional<std::int64_t> count(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return {};
    constexpr std::int64_t most = std::int64_t{1} << 31;
    const double real = value->is(Kind::integer) || value->is(Kind::real) ? value->real() : -1;
    if (real >= 0 && real <= static_cast<double>(most) &&
        real == static_cast<double>(static_cast<std::int64_t>(real)))
      return static_cast<std::int64_t>(real);
    note(key, "a count", *value);
    return {};
  }

  std::optional<bool> flag(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return {};
    if (value->is(Kind::boolean)) return value->boolean();
    note(key, "true or false", *value);
    return {};
  }

  double positive(const char* key) const {
    const Json* value = member(key);
    if (value == nullptr) return 0;
    if ((value->is(Kind::integer) || value->is(Kind::real)) && value->real() > 0 && value->real() < 1e9)
      return value->real();
    note(key, "a positive number", *value);
    return 0;
  }

  bool has(const char* key) const { return object_ != nullptr && object_->find(key) != nullptr; }

  // The member, unless it is absent or null.
  const Json* member(const char* key) const {
    const Json* value = object_ == nullptr ? nullptr : object_->find(key);
    return value == nullptr || value->is(Kind::null) ? nullptr : value;
  }

 private:
  void note(const std::string& key, const std::string& expected, const Json& found) const {
    if (odd_.empty())
      odd_ =
          pointer_ + (key.empty() ? "" : "/" + key) + ": expected " + expected + ", found " + describe(found);
  }

  const Json* object_;
  std::string pointer_;
  std::string& odd_;
};

bool stated(const Json* value) {
  if (value == nullptr || value->is(Kind::null)) return false;
  if (value->is(Kind::integer) || value->is(Kind::real) || value->is(Kind::boolean))
    return value->real() != 0;
  return true;
}

RunModel read_model(const Taker& t) {
  RunModel m;
  m.name = t.text("name");
  m.layers = t.count("layers");
  m.hidden = t.count("hidden");
  m.heads = t.count("heads");
  m.kv_heads = t.count("kv_heads");
  m.head_dim = t.count("head_dim");
  m.ffn = t.count("ffn");
  m.vocab = t.count("vocab");
  m.sequence = t.count("seq");
  m.gated = t.flag("gated");
  m.tied = t.flag("tied");
  m.activation = t.text("act");
  m.position = t.text("pos");
  const std::pair<const char*, const char*> parts[] = {
      {"moe", "mixture of experts"},    {"moe_layers", "mixture of experts"},
      {"mla", "latent attention"},      {"lora", "LoRA"},
      {"window", "windowed attention"}, {"mtp_layers", "multi-token prediction"}};
  for (const auto& [key, words] : parts)
    if (m.beyond.empty() && stated(t.member(key))) m.beyond = words;
  return m;
}

RunParallel read_parallel(const Taker& t) {
  RunParallel p;
  p.dp = t.count("dp");
  p.tp = t.count("tp");
  p.pp = t.count("pp");
  p.cp = t.count("cp");
  p.ep = t.count("ep");
  p.chunk_a_layer = t.text("vpp").find("every layer") != std::string::npos;
  if (!p.chunk_a_layer) p.virtual_stages = t.count("vpp");
  p.micro_batch = t.count("mbs");
  p.global_batch = t.count("gbs");
  p.sequence_parallel = t.flag("sp");
  p.zero = t.text("zero");
  p.recompute = t.text("recompute");
  p.schedule = t.text("schedule");
  p.overlap = t.text("overlap");
  p.partition = t.text("pp_partition");
  p.precision_mode = t.text("mp_mode");
  p.framework = t.text("framework");
  p.offload = t.text("offload");
  p.graph = t.text("cuda_graph");
  return p;
}

// `over` on `under`: objects member by member, anything else replaced.
Json merged(const Json& under, const Json& over) {
  if (!under.is(Kind::object) || !over.is(Kind::object)) return over;
  Json out = under;
  for (const auto& [key, value] : over.members()) {
    const Json* below = under.find(key);
    out.set(key, below == nullptr ? value : merged(*below, value));
  }
  return out;
}

// Members of a file of ours that no reader of rows knows are slips of the pen.
void refuse_unknown(const Reader& run) {
  for (const char* key : {"id", "precision", "split", "quality", "task", "notes", "family"}) run.has(key);
  const std::pair<const char*, std::vector<const char*>> parts[] = {
      {"source", {"name", "url", "ref", "release"}},
      {"model",
       {"name", "layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "seq", "gated", "tied",
        "act", "pos"}},
      {"hw", {"gpu", "n_gpus", "gpus_per_node", "inter", "intra"}},
      {"parallel",
       {"dp", "tp", "pp", "cp", "ep", "vpp", "mbs", "gbs", "sp", "zero", "recompute", "schedule", "overlap",
        "pp_partition", "mp_mode"}},
      {"result", {"iter_s", "mem_gb"}}};
  for (const auto& [part, keys] : parts) {
    const std::optional<Reader> object = run.object_if(part);
    if (!object) continue;
    for (const char* key : keys) object->has(key);
    object->done();
  }
  run.done();
}

std::vector<MeasuredRun> read_document(const Json& document, std::string_view file) {
  Reader reader(document, file);
  reader.schema("orrery.runs/1");
  Json base = Json::object();
  if (const std::optional<Reader> defaults = reader.object_if("defaults")) {
    refuse_unknown(*defaults);
    base = defaults->value();
  }
  base.set("source", reader.object("source").value());
  base.set("family", Json(reader.string("family")));
  reader.has("comment");
  std::vector<MeasuredRun> runs;
  for (const Reader& item : reader.array("runs")) {
    refuse_unknown(item);
    runs.push_back(read_run(merged(base, item.value())));
    if (!runs.back().odd.empty()) fail(item.where(), runs.back().odd);
  }
  reader.done();
  return runs;
}

std::vector<MeasuredRun> read_lines(std::string_view text, std::string_view file) {
  std::vector<MeasuredRun> runs;
  int number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      runs.push_back(read_run(parse_json(line, file)));
    } catch (const InputError& error) {
      runs.push_back({});
      runs.back().odd = error.what();
    }
    if (runs.back().id.empty()) runs.back().id = std::string(file) + ":" + std::to_string(number);
  }
  return runs;
}

// A text of several values, one a line, is JSONL; a single value may be either.
bool is_document(std::string_view text) {
  const std::size_t schema = text.find("\"schema\"");
  const std::size_t row = text.find("\"source\"");
  return schema != std::string_view::npos && (row == std::string_view::npos || schema < row);
}

}  // namespace

MeasuredRun read_run(const Json& row) {
  MeasuredRun run;
  const Taker t(&row, "", run.odd);
  run.id = t.text("id");
  run.family = t.text("family");
  const Taker source = t.part("source");
  run.source = source.text("name");
  run.url = source.text("url");
  run.ref = source.text("ref");
  run.release = source.text("release");
  run.split = t.text("split");
  run.quality = t.text("quality");
  run.task = t.text("task");
  run.notes = t.text("notes");
  run.precision = t.text("precision");
  run.model = read_model(t.part("model"));
  const Taker hardware = t.part("hw");
  run.hardware = {hardware.text("gpu"), hardware.text("inter"), hardware.text("intra"),
                  hardware.count("n_gpus"), hardware.count("gpus_per_node")};
  const Taker parallel = t.part("parallel");
  run.parallel = read_parallel(parallel);
  if (run.model.beyond.empty() && parallel.has("peft")) run.model.beyond = "fine-tuning on packed sequences";
  const Taker result = t.part("result");
  run.measured_s = result.positive("iter_s");
  run.measured_mem_gib = result.positive("mem_gb");
  return run;
}

std::vector<MeasuredRun> read_runs(std::string_view text, std::string_view file) {
  if (is_document(text)) return read_document(parse_json(text, file), file);
  return read_lines(text, file);
}

std::vector<std::string> run_files(Files& files, std::string_view name) {
  std::vector<std::string> found;
  for (const std::string& entry : files.list(name)) {
    const auto ends = [&](std::string_view with) {
      return entry.size() > with.size() && entry.compare(entry.size() - with.size(), with.size(), with) == 0;
    };
    if (ends(".json") || ends(".jsonl") || ends(".jsonl.gz"))
      found.push_back(std::string(name) + (name.ends_with('/') ? "" : "/") + entry);
  }
  std::sort(found.begin(), found.end());
  return found.empty() ? std::vector<std::string>{std::string(name)} : found;
}

std::vector<MeasuredRun> read_runs(Files& files, std::span<const std::string> names) {
  std::vector<MeasuredRun> runs;
  for (const std::string& name : names) {
    std::string text = files.text(name);
    if (is_gzip(text)) text = gunzip(text, name);
    std::vector<MeasuredRun> more = read_runs(text, name);
    std::move(more.begin(), more.end(), std::back_inserter(runs));
  }
  return runs;
}

bool may_fit(const MeasuredRun& run) { return run.split == "calibrate" || run.split == "bulk-calibrate"; }

}  // namespace orrery
