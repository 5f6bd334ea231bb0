#include "profiler/import/run.h"

#include <algorithm>
#include <array>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "profiler/runs.h"
#include "profiler/runs_stacks.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr double gibibyte = 1073741824.0;

// What map_run() needs of a row.
constexpr std::array<std::string_view, 15> needed{
    "precision",   "model.layers", "model.hidden", "model.heads",  "model.ffn",
    "model.vocab", "model.seq",    "hw.gpu",       "hw.n_gpus",    "parallel.dp",
    "parallel.tp", "parallel.pp",  "parallel.mbs", "parallel.gbs", "parallel.recompute"};

const Measurement* find(const Source& s, What what, std::string_view named = {}) {
  for (const Measurement& m : s.measurements)
    if (m.what == what && (named.empty() || m.name == named)) return &m;
  return nullptr;
}

bool is_run(const Source& s) {
  return s.format.ends_with(" log") && (find(s, What::step) || find(s, What::tokens_per_second));
}

// "8" is a count, "true" a truth value, all else a text.
Json value_of(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  if (const auto count = integer_of(text)) return *count;
  if (const auto number = number_of(text)) return *number;
  return text;
}

void apply(const std::vector<std::string>& sets, Json& run) {
  for (const std::string& set : sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0)
      fail({"--set", "", 0}, "a member and its value, such as parallel.tp=8", "\"" + set + "\"");
    set_run(run, set.substr(0, equals), value_of(set.substr(equals + 1)));
  }
}

double count_of(const Json& run, std::string_view path, double otherwise = 0) {
  const Json* v = find_run(run, path);
  return v && v->is(Json::Kind::integer) ? v->real() : otherwise;
}

// Degrees multiply to the number of devices.
void derive_data_parallel(Json& run) {
  if (find_run(run, "parallel.dp")) return;
  const double model =
      count_of(run, "parallel.tp") * count_of(run, "parallel.pp") * count_of(run, "parallel.cp", 1);
  const double dp = model > 0 ? count_of(run, "hw.n_gpus") / model : 0;
  if (dp >= 1 && dp == static_cast<double>(static_cast<std::int64_t>(dp)))
    set_run(run, "parallel.dp", static_cast<std::int64_t>(dp));
}

double step_seconds(const Source& s, const Json& run) {
  if (const Measurement* step = find(s, What::step)) return step->value.median;
  const double tokens = count_of(run, "parallel.gbs") * count_of(run, "model.seq"),
               devices = count_of(run, "hw.n_gpus");
  return devices > 0 ? tokens / devices / find(s, What::tokens_per_second)->value.median : 0;
}

// "Megatron-LM log" as the table of stacks knows it: "megatron-lm".
std::string family_of(std::string_view format) { return lower(format.substr(0, format.find(" log"))); }

std::string stem(std::string_view file) {
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 is 0
  return std::string(file.substr(0, file.find('.')));
}

Json run_of(const Source& s, const RunOptions& options) {
  Json run = Json::object();
  run.set("id", stem(s.file)).set("split", "validate").set("task", "pretrain");
  for (const auto& [key, value] : s.run.members()) run.set(key, value);
  apply(options.set, run);
  derive_data_parallel(run);
  std::string missing;
  for (const std::string_view path : needed)
    if (!find_run(run, path)) missing += (missing.empty() ? "" : ", ") + std::string(path);
  if (!missing.empty())
    fail({s.file, "", 0}, "a measured run needs " + missing + ", which the log does not say: --set " +
                              missing.substr(0, missing.find(',')) + "=...");
  const double seconds = step_seconds(s, run);
  if (seconds > 0) set_run(run, "result.iter_s", seconds);
  const Measurement* memory = find(s, What::memory, "peak reserved");
  if (!memory) memory = find(s, What::memory, "peak allocated");
  if (memory) set_run(run, "result.mem_gb", memory->value.most / gibibyte);
  return run;
}

}  // namespace

void set_run(Json& run, std::string_view path, Json value) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) {
    run.set(std::string(path), std::move(value));
    return;
  }
  const std::string part(path.substr(0, dot));
  const Json* old = run.find(part);
  Json object = old && old->is(Json::Kind::object) ? *old : Json::object();
  object.set(std::string(path.substr(dot + 1)), std::move(value));
  run.set(part, std::move(object));
}

const Json* find_run(const Json& run, std::string_view path) {
  const std::size_t dot = path.find('.');
  const Json* part = run.find(path.substr(0, dot));
  if (dot == std::string_view::npos || !part) return part;
  return part->is(Json::Kind::object) ? part->find(path.substr(dot + 1)) : nullptr;
}

Json measured_runs(std::span<const Source> sources, const RunOptions& options) {
  Json runs = Json::array();
  std::string format;
  for (const Source& s : sources) {
    if (!is_run(s)) continue;
    if (!format.empty() && format != s.format)
      fail({s.file, "", 0}, "logs of one kind in a file of runs", s.format + " beside " + format);
    format = s.format;
    runs.push(run_of(s, options));
  }
  if (format.empty()) fail({"--run", "", 0}, "a training log with step times among the files", "none");
  Json out = Json::object();
  out.set("schema", "orrery.runs/1").set("comment", "Imported by orrery profile import");
  out.set("source", Json::object({{"name", options.source.empty() ? format : options.source}}));
  out.set("family", family_of(format)).set("runs", std::move(runs));
  read_runs(out.dump(), "--set");  // refuses members that no run has
  return out;
}

}  // namespace orrery
