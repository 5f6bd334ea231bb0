// Logs of Megatron-LM: one line an interval of iterations, the memory report after the first, and the list of
// arguments, which says what ran.
//   iteration       10/     100 | consumed samples: 10240 | elapsed time per iteration (ms): 17160.1 | ...
//   [Rank 0] (after 1 iterations) memory (MB) | allocated: 4096.0 | max allocated: 9216.5 | reserved: ...
//     tensor_model_parallel_size ...................... 8
#include <array>
#include <map>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::string_view step_label = "elapsed time per iteration (ms):";
constexpr double mebibyte = 1048576.0;  // Megatron-LM, report_memory: bytes / 1024 / 1024
constexpr double most = 1e12;

using Arguments = std::map<std::string, std::string, std::less<>>;

// "  name ......... value" as an argument.
void note_argument(std::string_view line, Arguments& arguments) {
  const std::size_t dots = line.find(" ..");
  if (dots == std::string_view::npos) return;
  const std::vector<std::string_view> before = words_of(line.substr(0, dots));
  std::vector<std::string_view> after = words_of(line.substr(dots));
  if (before.empty() || after.size() < 2) return;
  std::string_view value = after[1];
  while (value.size() > 1 && value.back() == '.') value.remove_suffix(1);  // "1......default" of some forks
  arguments.emplace(before.back(), value.substr(0, value.find("..")));
}

class Translation {
 public:
  Translation(const Arguments& arguments, Json& run) : arguments_(arguments), run_(run) {}

  void all() {
    constexpr std::array<std::pair<const char*, const char*>, 18> counts{
        {{"num_layers", "model.layers"},
         {"hidden_size", "model.hidden"},
         {"num_attention_heads", "model.heads"},
         {"kv_channels", "model.head_dim"},
         {"ffn_hidden_size", "model.ffn"},
         {"padded_vocab_size", "model.vocab"},
         {"seq_length", "model.seq"},
         {"world_size", "hw.n_gpus"},
         {"data_parallel_size", "parallel.dp"},
         {"tensor_model_parallel_size", "parallel.tp"},
         {"pipeline_model_parallel_size", "parallel.pp"},
         {"context_parallel_size", "parallel.cp"},
         {"expert_model_parallel_size", "parallel.ep"},
         {"virtual_pipeline_model_parallel_size", "parallel.vpp"},
         {"micro_batch_size", "parallel.mbs"},
         {"global_batch_size", "parallel.gbs"},
         {"model_parallel_size", "parallel.tp"},
         {"transformer_pipeline_model_parallel_size", "parallel.pp"}}};
    for (const auto& [theirs, path] : counts)
      if (const auto v = integer_of(value(theirs)); v && !find_run(run_, path)) set_run(run_, path, *v);
    if (is("group_query_attention", "True"))
      if (const auto v = integer_of(value("num_query_groups"))) set_run(run_, "model.kv_heads", *v);
    model();
    plan();
  }

 private:
  std::string_view value(std::string_view name) const {
    const auto found = arguments_.find(name);
    return found == arguments_.end() ? std::string_view() : std::string_view(found->second);
  }
  bool is(std::string_view name, std::string_view wanted) const { return value(name) == wanted; }
  bool stated(std::string_view name) const { return is(name, "True") || is(name, "False"); }

  void model() {
    if (stated("swiglu")) set_run(run_, "model.gated", is("swiglu", "True"));
    if (stated("untie_embeddings_and_output_weights"))
      set_run(run_, "model.tied", is("untie_embeddings_and_output_weights", "False"));
    if (is("swiglu", "True"))
      set_run(run_, "model.act", "silu");
    else if (is("squared_relu", "True"))
      set_run(run_, "model.act", "squared_relu");
    else if (is("swiglu", "False"))
      set_run(run_, "model.act", "gelu");
    if (is("position_embedding_type", "learned_absolute"))
      set_run(run_, "model.pos", "learned");
    else if (!value("position_embedding_type").empty())
      set_run(run_, "model.pos", value("position_embedding_type"));
  }

  void plan() {
    if (stated("sequence_parallel")) set_run(run_, "parallel.sp", is("sequence_parallel", "True"));
    if (stated("use_distributed_optimizer"))
      set_run(run_, "parallel.zero",
              is("use_distributed_optimizer", "True") ? "distributed optimizer" : "none");
    if (is("recompute_granularity", "None"))
      set_run(run_, "parallel.recompute", "none");
    else if (!value("recompute_granularity").empty())
      set_run(run_, "parallel.recompute", value("recompute_granularity"));
    if (!value("fp8").empty() && !is("fp8", "None"))
      set_run(run_, "precision", "fp8");
    else if (is("params_dtype", "torch.bfloat16") || is("bf16", "True"))
      set_run(run_, "precision", "bf16");
    else if (is("params_dtype", "torch.float16") || is("fp16", "True"))
      set_run(run_, "precision", "fp16");
  }

  const Arguments& arguments_;
  Json& run_;
};

// A number of a field, if it is there and of a sensible size.
void add(Collector& samples, const Measurement& m, std::string_view line, std::string_view label,
         double unit) {
  if (const auto v = number_after(line, label); v && *v > 0 && *v < most) samples.add(m, *v * unit);
}

void read_interval(const std::string& line, bool warm, Collector& samples, Json& run) {
  if (!find_run(run, "parallel.gbs"))
    if (const auto v = number_after(line, "global batch size:"); v && *v >= 1 && *v < 1e9)
      set_run(run, "parallel.gbs", static_cast<std::int64_t>(*v));
  if (const auto loss = number_after(line, "lm loss:")) {
    const auto at = number_after(line, " iteration");
    Measurement m{.what = What::loss, .name = "training"};
    if (at && *at >= 0 && *at < most) m.step = static_cast<std::int64_t>(*at);
    samples.add(m, *loss);
  }
  if (!warm) return;
  add(samples, {.what = What::step}, line, step_label, 1e-3);
  add(samples, {.what = What::flop_rate, .name = "model FLOPs, by Megatron-LM"}, line,
      "throughput per GPU (TFLOP/s/GPU):", 1e12);
  add(samples, {.what = What::flop_rate, .name = "by Megatron-DeepSpeed"}, line, "TFLOPs:", 1e12);
}

void read_log(std::string_view text, std::string_view file, const Hints&, Source& out) {
  out.format = "Megatron-LM log";
  std::size_t intervals = 0;
  for (std::size_t at = 0; (at = text.find(step_label, at)) != std::string_view::npos; ++at) ++intervals;
  Collector samples;
  Arguments arguments;
  bool warm = intervals == 1;
  while (!text.empty()) {
    const std::string line = plain(next_line(text));
    if (line.find(step_label) != std::string::npos) {
      read_interval(line, warm, samples, out.run);
      warm = true;
    } else if (line.find("memory (MB)") != std::string::npos) {
      add(samples, {.what = What::memory, .name = "peak allocated"}, line, "max allocated:", mebibyte);
      add(samples, {.what = What::memory, .name = "peak reserved"}, line, "max reserved:", mebibyte);
    } else {
      note_argument(line, arguments);
    }
  }
  Translation(arguments, out.run).all();
  out.measurements = samples.finish();
  if (intervals > 1)
    out.notes.push_back("the first interval, which holds the warm-up, is not in the step times");
  if (out.measurements.empty())
    fail({std::string(file), "", 0}, "a time per iteration in milliseconds", "none that is a number");
}

bool is_log(std::string_view text) { return text.find(step_label) != std::string_view::npos; }

}  // namespace

const TextFormat megatron_format{is_log, read_log};

}  // namespace orrery
