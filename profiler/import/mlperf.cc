// MLPerf training logs: lines of JSON behind ":::MLLOG". Step times as the framework tracked them, else
// between the beginning and the end of a block, of which both say how many samples were done.
#include <array>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::string_view mark = ":::MLLOG";
constexpr double most = 1e15;

std::optional<double> real(const Json* v) {
  if (v && (v->is(Json::Kind::integer) || v->is(Json::Kind::real)) && v->real() > 0 && v->real() < most)
    return v->real();
  return {};
}

const Json* member(const Json* object, std::string_view key) {
  return object && object->is(Json::Kind::object) ? object->find(key) : nullptr;
}

class LogReader {
 public:
  LogReader(std::string_view file, Source& out) : file_(file), out_(out) { out_.format = "MLPerf log"; }

  void read(std::string_view text) {
    for (int number = 1; !text.empty(); ++number) {
      const std::string_view line = next_line(text);
      if (const std::size_t at = line.find(mark); at != std::string_view::npos)
        event(line.substr(at + mark.size()), number);
    }
    for (const auto& [seconds, samples] : blocks_)
      if (global_batch_ > 0 && !tracked_)
        samples_.add({.what = What::step, .name = "mean of a block"}, seconds * global_batch_ / samples);
    out_.measurements = samples_.finish();
    if (out_.measurements.empty())
      fail({std::string(file_), "", 0},
           "tracked_stats with train_step_timing, or blocks that count samples and global_batch_size",
           "neither");
  }

 private:
  void event(std::string_view json, int number) {
    Json e;
    try {
      e = parse_json(json, file_);
    } catch (const InputError&) {
      fail({std::string(file_), "", number}, "a JSON object behind :::MLLOG", trimmed(json).substr(0, 40));
    }
    const Json *key = member(&e, "key"), *value = member(&e, "value"), *time = member(&e, "time_ms");
    if (!key || !key->is(Json::Kind::string)) return;
    fact(key->string(), value);
    if (key->string() == "tracked_stats") stats(value);
    if (key->string() == "train_loss") loss(value, samples_at(e));
    if (key->string() == "block_start" || key->string() == "block_stop")
      block(key->string() == "block_start", real(time), samples_at(e));
  }

  static std::optional<double> samples_at(const Json& e) {
    const Json* count = member(member(&e, "metadata"), "samples_count");
    if (count && count->is(Json::Kind::integer) && count->integer() == 0) return 0.0;
    return real(count);
  }

  void fact(const std::string& key, const Json* value) {
    constexpr std::array<std::pair<std::string_view, const char*>, 8> counts{
        {{"global_batch_size", "parallel.gbs"},
         {"micro_batch_size", "parallel.mbs"},
         {"tensor_parallelism", "parallel.tp"},
         {"pipeline_parallelism", "parallel.pp"},
         {"context_parallelism", "parallel.cp"},
         {"expert_parallelism", "parallel.ep"},
         {"max_sequence_length", "model.seq"},
         {"sequence_length", "model.seq"}}};
    for (const auto& [theirs, path] : counts)
      if (key == theirs && value && value->is(Json::Kind::integer) && value->integer() > 0)
        set_run(out_.run, path, *value);
    if (key == "global_batch_size") global_batch_ = real(value).value_or(0);
    if (!value || !value->is(Json::Kind::string)) return;
    if (key == "submission_benchmark") set_run(out_.run, "model.name", *value);
    if (key == "submission_platform") out_.device = value->string();
    if (key == "submission_org") out_.software = "submission of " + value->string();
  }

  void stats(const Json* value) {
    for (const char* name : {"train_step_timing", "train_step_time"})
      if (const auto seconds = real(member(value, name))) {
        tracked_ = true;
        samples_.add({.what = What::step}, *seconds);
      }
    // Some logs count tokens here: the key alone does not say.
    if (const auto rate = real(member(value, "throughput")))
      samples_.add({.what = What::samples_per_second, .name = "as logged"}, *rate);
    for (const char* name : {"loss", "train_loss", "reduced_train_loss"}) loss(member(value, name), {});
  }

  void loss(const Json* value, std::optional<double> samples) {
    const std::optional<double> v = real(value);
    if (!v) return;
    Measurement m{.what = What::loss, .name = "training"};
    if (samples && global_batch_ > 0) m.step = static_cast<std::int64_t>(*samples / global_batch_);
    samples_.add(m, *v);
  }

  void block(bool start, std::optional<double> ms, std::optional<double> samples) {
    if (!start && ms && samples && begin_ms_ && begin_samples_ && *samples > *begin_samples_ &&
        *ms > *begin_ms_)
      blocks_.emplace_back((*ms - *begin_ms_) * 1e-3, *samples - *begin_samples_);
    begin_ms_ = start ? ms : std::nullopt;
    begin_samples_ = start ? samples : std::nullopt;
  }

  std::string_view file_;
  Source& out_;
  double global_batch_ = 0;
  bool tracked_ = false;
  std::optional<double> begin_ms_, begin_samples_;
  std::vector<std::pair<double, double>> blocks_;  // seconds, samples
  Collector samples_;
};

bool is_log(std::string_view text) { return text.find(mark) != std::string_view::npos; }
void read_log(std::string_view text, std::string_view file, const Hints&, Source& out) {
  LogReader(file, out).read(text);
}

}  // namespace

const TextFormat mlperf_format{is_log, read_log};

}  // namespace orrery
