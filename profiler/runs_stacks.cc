#include "profiler/runs_stacks.h"

#include <algorithm>
#include <array>

#include "sim/base/reader.h"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 7> fields = {"source", "family", "release",  "gpu",
                                                     "zero",   "mode",   "precision"};

std::string declared(const MeasuredRun& run, std::string_view field) {
  if (field == "source") return run.source;
  if (field == "family") return run.family;
  if (field == "release") return run.release;
  if (field == "gpu") return run.hardware.gpu;
  if (field == "zero") return run.parallel.zero;
  if (field == "precision") return run.precision;
  return run.parallel.precision_mode + " " + run.parallel.framework;
}

DType dtype(const Reader& r, std::string_view key, DType otherwise) {
  constexpr std::array<std::string_view, 3> words = {"fp32", "bf16", "fp16"};
  constexpr std::array<DType, 3> types = {DType::fp32, DType::bf16, DType::fp16};
  const auto at = std::find(types.begin(), types.end(), otherwise) - types.begin();
  return types[r.word_or(key, static_cast<std::size_t>(at), words)];
}

void read_plan(const Reader& r, Stack& stack) {
  constexpr std::array<std::string_view, 2> kernels = {"fused", "unfused"};
  constexpr std::array<std::string_view, 3> tensor = {"none", "backward", "pipelined"};
  constexpr std::array<std::string_view, 3> gradients = {"never", "without pipeline", "always"};
  stack.attention = static_cast<AttentionKernel>(r.word_or("attention", 0, kernels));
  stack.tensor_overlap = static_cast<TensorOverlap>(r.word_or("tensor_overlap", 1, tensor));
  stack.overlap_gradients = static_cast<GradientOverlap>(r.word_or("overlap_gradients", 2, gradients));
  stack.overlap_parameters = r.boolean_or("overlap_parameters", true);
  stack.early_stop = r.boolean_or("early_stop", false);
  stack.receive_ahead = static_cast<int>(r.integer_or("receive_ahead", 1, 0, 1));
  stack.precision.parameters = dtype(r, "parameters", DType::bf16);
  stack.precision.gradients = dtype(r, "gradients", DType::fp32);
  stack.dropout = r.number_or("dropout", 0, 0, 1);
  r.done();
}

Stack read_stack(const Reader& r) {
  Stack stack;
  stack.name = r.string("name");
  stack.source = r.string("source");
  stack.unsupported = r.string_or("unsupported", "");
  stack.calibration = stack.unsupported.empty() ? r.string("calibration") : "";
  stack.cluster = r.string_or("cluster", "");
  const Reader when = r.object("when");
  for (std::string_view field : fields) {
    for (const Reader& word : when.array_if(field))
      stack.when[std::string(field)].push_back(lower(word.as_string()));
  }
  when.done();
  if (const auto plan = r.object_if("plan")) read_plan(*plan, stack);
  r.done();
  return stack;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool contains(std::string_view text, std::string_view word) {
  return lower(text).find(word) != std::string::npos;
}

Stacks read_stacks(std::string_view text, std::string_view file) {
  const Json document = parse_json(text, file);
  Reader r(document, file);
  r.schema("orrery.stacks/1");
  Stacks table;
  const Reader clusters = r.object("clusters");
  for (const std::string& gpu : clusters.keys()) table.clusters[gpu] = clusters.string(gpu);
  for (const Reader& item : r.array("stacks")) table.stacks.push_back(read_stack(item));
  r.done();
  return table;
}

const Stack* find_stack(const Stacks& table, const MeasuredRun& run) {
  for (const Stack& stack : table.stacks) {
    const bool holds = std::all_of(stack.when.begin(), stack.when.end(), [&](const auto& condition) {
      const std::string text = declared(run, condition.first);
      return std::any_of(condition.second.begin(), condition.second.end(),
                         [&](const std::string& word) { return contains(text, word); });
    });
    if (holds) return &stack;
  }
  return nullptr;
}

}  // namespace orrery
