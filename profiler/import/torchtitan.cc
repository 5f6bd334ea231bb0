// Logs of torchtitan: metrics a step, of one rank or several, and the lines that say what ran.
//   step: 10  loss:  7.1234  grad_norm:  1.2345  memory: 61.20GiB(77.30%)  tps: 955  tflops: 435.20
//   mfu: 44.00% Training starts at step 1, with local batch size 2, global batch size 64, sequence length
//   8192, total steps 1000 Building 3-D device mesh with ['pp', 'dp_shard', 'tp'], [2, 4, 8]
#include <algorithm>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr double gibibyte = 1073741824.0;
constexpr double most = 1e12;

bool is_metrics(std::string_view line) {
  return line.find("step:") != std::string_view::npos && line.find("tps:") != std::string_view::npos &&
         line.find("loss:") != std::string_view::npos;
}

std::optional<double> positive(std::string_view line, std::string_view label) {
  const std::optional<double> v = number_after(line, label);
  return v && *v > 0 && *v < most ? v : std::nullopt;
}

void set_count(Json& run, const char* path, std::string_view line, std::string_view label) {
  if (const auto v = positive(line, label)) set_run(run, path, static_cast<std::int64_t>(*v));
}

// The parts of "['pp', 'dp_shard'], [2, 4]": words first, then counts.
std::vector<std::string> list_items(std::string_view text) {
  std::vector<std::string> items(1);
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_')
      items.back() += c;
    else if (!items.back().empty())
      items.emplace_back();
  }
  items.pop_back();
  return items;
}

void read_mesh(std::string_view line, Json& run) {
  static constexpr std::string_view label = "device mesh with ";
  const std::vector<std::string> items =
      list_items(std::string(line.substr(line.find(label) + label.size())) + " ");
  const std::size_t dims = items.size() / 2;
  std::int64_t dp = 1, world = 1;
  for (std::size_t i = 0; i < dims; ++i) {
    const std::int64_t size = integer_of(items[dims + i]).value_or(0);
    if (size < 1 || size > (1 << 20) || world > (1 << 20)) return;
    world *= size;
    if (items[i].starts_with("dp")) dp *= size;
    if (items[i] == "tp") set_run(run, "parallel.tp", size);
    if (items[i] == "pp") set_run(run, "parallel.pp", size);
    if (items[i] == "cp") set_run(run, "parallel.cp", size);
  }
  for (const char* degree : {"parallel.tp", "parallel.pp"})
    if (!find_run(run, degree)) set_run(run, degree, 1);
  set_run(run, "parallel.dp", dp);
  set_run(run, "hw.n_gpus", world);
}

void read_facts(const std::string& line, Source& out) {
  const auto has = [&](std::string_view words) { return line.find(words) != std::string::npos; };
  if (has("Training starts at step")) {
    set_count(out.run, "parallel.mbs", line, "local batch size");
    set_count(out.run, "parallel.gbs", line, "global batch size");
    set_count(out.run, "model.seq", line, "sequence length");
  }
  if (has("device mesh with ")) read_mesh(line, out.run);
  if (has("Applied FSDP to the model")) set_run(out.run, "parallel.zero", "fsdp");
  if (has("Applied full activation checkpointing")) set_run(out.run, "parallel.recompute", "full");
  if (const std::size_t at = line.find("CUDA capacity: "); at != std::string::npos) {
    const std::size_t begin = at + std::string_view("CUDA capacity: ").size();
    out.device = line.substr(begin, std::min(line.find(" with ", begin), line.size()) - begin);
  }
}

void read_metrics(const std::string& line, std::int64_t step, bool warm, Collector& samples) {
  if (const auto loss = number_after(line, "loss:"))
    samples.add({.what = What::loss, .name = "training", .step = step}, *loss);
  if (const auto gib = positive(line, "memory:"))
    samples.add({.what = What::memory, .name = "peak reserved"}, *gib * gibibyte);
  if (!warm) return;
  if (const auto tps = positive(line, "tps:")) samples.add({.what = What::tokens_per_second}, *tps);
  if (const auto rate = positive(line, "tflops:"))
    samples.add({.what = What::flop_rate, .name = "model FLOPs, by torchtitan"}, *rate * 1e12);
}

void read_log(std::string_view text, std::string_view file, const Hints&, Source& out) {
  out.format = "torchtitan log";
  Collector samples;
  std::optional<std::int64_t> first;
  std::vector<std::string> of_first;
  bool later = false;
  while (!text.empty()) {
    const std::string line = plain(next_line(text));
    if (!is_metrics(line)) {
      read_facts(line, out);
      continue;
    }
    const auto step = positive(line, "step:");
    if (!step) continue;
    const auto at = static_cast<std::int64_t>(*step);
    if (!first) first = at;
    if (at == *first) of_first.push_back(line);
    later = later || at != *first;
    read_metrics(line, at, at != *first, samples);
  }
  for (const std::string& line : of_first)
    if (!later) read_metrics(line, *first, true, samples);
  out.measurements = samples.finish();
  if (later) out.notes.push_back("the first step, which holds the warm-up, is not in the rates");
  if (out.measurements.empty())
    fail({std::string(file), "", 0}, "a step's tokens a second and loss", "none that are numbers");
}

bool is_log(std::string_view text) {
  for (std::size_t at = 0; (at = text.find("tps:", at)) != std::string_view::npos; ++at) {
    const std::size_t begin = text.rfind('\n', at) + 1;  // npos + 1 is 0
    if (is_metrics(plain(text.substr(begin, text.find('\n', at) - begin)))) return true;
  }
  return false;
}

}  // namespace

const TextFormat torchtitan_format{is_log, read_log};

}  // namespace orrery
