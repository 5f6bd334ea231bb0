#include "planner/galvatron/profile.h"

#include <cmath>

#include "sim/base/error.h"

namespace orrery::galvatron {
namespace {

constexpr double mega = 1048576.0;

[[noreturn]] void missing(const Source& source, const std::string& what) {
  fail({source.file, "", 0}, what, "none");
}

// By least squares. Requires two different x.
Line fit(const std::map<double, double>& points) {
  double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (const auto& [x, y] : points) n += 1, mean_x += x, mean_y += y;
  mean_x /= n;
  mean_y /= n;
  for (const auto& [x, y] : points) xx += (x - mean_x) * (x - mean_x), xy += (x - mean_x) * (y - mean_y);
  return {xy / xx, mean_y - xy / xx * mean_x};
}

void read_bandwidths(const ProfileFiles& files, Profile& p) {
  for (const Measurement& m : files.bandwidths.measurements)
    if (m.what == What::bus_bandwidth && m.ranks)
      (m.detail == "adjacent" ? p.adjacent : p.strided)[static_cast<int>(*m.ranks)] = m.value.median / 1e9;
  for (const Measurement& m : files.messages.measurements)
    if (m.what == What::message_bandwidth && m.ranks)
      p.messages[static_cast<int>(*m.ranks)] = m.value.median / 1e9;
  for (const Measurement& m : files.overlap.measurements)
    if (m.what == What::overlap_slowdown) p.overlap = m.value.median;
  if (p.overlap == 0) missing(files.overlap, "\"overlap_coe\"");
  for (int n = 2; n <= p.gpus(); n *= 2) {
    const std::string size = std::to_string(n);
    if (!p.adjacent.count(n)) missing(files.bandwidths, "\"allreduce_size_" + size + "_consec_1\"");
    if (n < p.gpus() && !p.strided.count(n))
      missing(files.bandwidths, "\"allreduce_size_" + size + "_consec_0\"");
    if (!p.messages.count(n)) missing(files.messages, "\"pp_size_" + size + "\"");
  }
}

// Of all-reduce Galvatron takes half, for the all-gather that it is made of.
void read_collectives(const ProfileFiles& files, Profile& p) {
  for (const Measurement& m : files.collectives.measurements) {
    if (m.what != What::collective || !m.ranks || !m.bytes) continue;
    const bool reduce = m.name == "all_reduce";
    Latency& to = (reduce ? p.all_gather : p.all_to_all)[static_cast<int>(*m.ranks)];
    to.points[static_cast<double>(*m.bytes) / mega] = m.value.median * 1e3 / (reduce ? 2 : 1);
  }
  for (auto* tables : {&p.all_gather, &p.all_to_all})
    for (auto& [ranks, latency] : *tables) {
      if (latency.points.size() < 2)
        missing(files.collectives, "times of " + std::to_string(ranks) + " ranks for two sizes at least");
      latency.fit = fit(latency.points);
    }
  std::string estimated;
  for (const auto& [n, bandwidth] : p.adjacent) {
    if (n > p.gpus() || p.all_gather.count(n)) continue;
    p.all_gather[n].fit = {static_cast<double>(n - 1) / n / bandwidth, 0};  // as the model prices gradients
    if (p.activation.count(n)) estimated += (estimated.empty() ? "" : ", ") + std::to_string(n);
  }
  if (!estimated.empty())
    p.notes.push_back("no times of collectives in groups of " + estimated +
                      ": all-gathers by all-reduce bandwidth, and no Ulysses parallelism");
}

// Galvatron's "batch" mode fits a line through at least 8 batch sizes, its "static" mode takes one time a
// sequence.
Line forward(const Source& source, const std::string& name, std::int64_t sequence) {
  std::map<double, double> points;
  std::size_t count = 0;
  double last = 0;
  for (const Measurement& m : source.measurements) {
    if (m.what != What::forward || m.name != name || !m.detail.empty()) continue;
    if (m.sequence && *m.sequence != sequence) continue;
    const auto batch = static_cast<double>(m.batch.value_or(1));
    last = m.value.median * 1e3;
    points[batch] = last * batch;
    ++count;
  }
  if (count == 0) return {};
  if (count == 1) return {last, 0};
  if (points.size() < 8)
    fail({source.file, "", 0},
         "one batch size, or 8 to fit a line through, of " + name + ", of " + std::to_string(sequence) +
             " tokens",
         std::to_string(points.size()));
  return fit(points);
}

void read_computation(const ProfileFiles& files, Profile& p) {
  const auto of = [&](const std::string& name) { return forward(files.computation, name, p.sequence); };
  p.layer = of("layer 0, a sequence");
  p.other = of("beside layers, a sequence");
  if (p.layer.slope == 0 && p.layer.intercept == 0)
    missing(files.computation, "\"layertype_0_bsz1_seq" + std::to_string(p.sequence) + "\"");
  for (const Measurement& m : files.computation.measurements)
    if (m.what == What::forward && m.name == "layer 1, a sequence")
      fail({files.computation.file, "", 0}, "one type of layer", "\"layertype_1\"");
  if (p.other.slope == 0 && p.other.intercept == 0)
    p.notes.push_back("no \"layertype_other\": embedding and head take no time");
}

class MemoryReader {
 public:
  MemoryReader(const Source& source, std::int64_t sequence) : source_(source), sequence_(sequence) {
    for (const Measurement& m : source.measurements)
      parallel_ = parallel_ || m.detail.starts_with("layer 0, sequence parallel");
  }

  // By degree; a value that names none is that of degree 1.
  std::map<int, double> by_degree(const std::string& part, const std::string& name) const {
    std::map<int, double> out;
    for (const Measurement& m : source_.measurements)
      if (is(m, part, name, "")) out[static_cast<int>(m.tensor.value_or(1))] = m.value.median / mega;
    if (!out.count(1)) missing(source_, name + " in " + spelled(part));
    return out;
  }

  double recomputed(const std::string& part) const {
    for (const Measurement& m : source_.measurements)
      if (is(m, part, "activations of a sequence", ", full recompute")) return m.value.median / mega;
    missing(source_, "\"checkpoint\" of \"tp_activation_per_bsz_dict\" in " + spelled(part));
  }

  Beside beside(const std::string& part) const {
    return {by_degree(part, "model states"), by_degree(part, "activations of a sequence")};
  }

 private:
  bool is(const Measurement& m, const std::string& part, const std::string& name,
          const std::string& suffix) const {
    return m.what == What::memory && m.name == name && (!m.sequence || *m.sequence == sequence_) &&
           m.detail == part + (parallel_ ? ", sequence parallel" : "") + suffix;
  }

  // As the file has it.
  std::string spelled(const std::string& part) const {
    const std::string key = part == "layer 0"                      ? "layertype_0"
                            : part == "beside layers"              ? "other_memory_pp_off"
                            : part == "beside layers, first stage" ? "other_memory_pp_on_first"
                                                                   : "other_memory_pp_on_last";
    return "\"" + key + (parallel_ ? "_sp" : "") + "\", for " + std::to_string(sequence_) + " tokens";
  }

  const Source& source_;
  std::int64_t sequence_;
  bool parallel_ = false;
};

void read_memory(const ProfileFiles& files, Profile& p) {
  const MemoryReader memory(files.memory, p.sequence);
  p.activation = memory.by_degree("layer 0", "activations of a sequence");
  p.parameters = memory.by_degree("layer 0", "parameters").at(1);
  p.recomputed = memory.recomputed("layer 0");
  p.whole = memory.beside("beside layers");
  p.first = memory.beside("beside layers, first stage");
  p.last = memory.beside("beside layers, last stage");
}

}  // namespace

double Latency::of(double megabytes) const {
  const auto found = points.find(megabytes);
  return found != points.end() ? found->second : fit.at(megabytes);
}

Profile make_profile(const ProfileFiles& files, const Shape& shape) {
  Profile p;
  static_cast<Shape&>(p) = shape;
  read_memory(files, p);
  read_bandwidths(files, p);
  read_collectives(files, p);
  read_computation(files, p);
  return p;
}

}  // namespace orrery::galvatron
