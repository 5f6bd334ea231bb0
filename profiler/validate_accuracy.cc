// Errors summed up by source.
#include <algorithm>
#include <array>
#include <cmath>

#include "profiler/runs_stacks.h"
#include "profiler/validate.h"

namespace orrery {
namespace {

// What tells runs of one source apart, where they differ in it.
constexpr std::size_t aspects = 4, release = 0;  // the release is always told
std::array<std::string, aspects> aspects_of(const MeasuredRun& run) {
  const bool fp8 = contains(run.precision, "fp8") || contains(run.precision, "float8");
  const std::int64_t sequence = run.model.sequence.value_or(0);
  constexpr std::int64_t long_sequence = 4096;  // beyond it, attention is a large part of the step
  return {run.release, run.hardware.gpu, fp8 ? "FP8" : "16-bit",
          sequence > long_sequence ? "sequences beyond 4k" : "sequences to 4k"};
}

struct Collected {
  std::vector<double> predicted, measured;
  void add(double p, double m) {
    predicted.push_back(p);
    measured.push_back(m);
  }
  Errors sum() const { return errors(predicted, measured); }
};

struct Alike {
  SourceAccuracy accuracy;
  Collected all, held_out, fitted, memory;

  void add(const ValidatedRun& v) {
    if (!v.supported) ++accuracy.unsupported[v.reason];
    if (v.has_memory_error()) memory.add(v.predicted_mem_gib, v.run.measured_mem_gib);
    if (!v.has_error()) return;
    all.add(v.predicted_s, v.run.measured_s);
    (may_fit(v.run) ? fitted : held_out).add(v.predicted_s, v.run.measured_s);
  }

  SourceAccuracy finish() {
    accuracy.all = all.sum();
    accuracy.held_out = held_out.sum();
    accuracy.fitted = fitted.sum();
    accuracy.memory = memory.sum();
    return std::move(accuracy);
  }
};

// AlikeRuns by name, in order of first appearance.
class AlikeRuns {
 public:
  Alike& of(const std::string& name) {
    const auto [at, is_new] = index_.emplace(name, groups_.size());
    if (is_new) {
      groups_.emplace_back();
      groups_.back().accuracy.name = name;
    }
    return groups_[at->second];
  }
  std::vector<SourceAccuracy> finish() {
    std::vector<SourceAccuracy> out;
    for (Alike& g : groups_) out.push_back(g.finish());
    return out;
  }

 private:
  std::vector<Alike> groups_;
  std::map<std::string, std::size_t> index_;
};

// By source: which aspects its supported runs differ in.
std::map<std::string, std::array<bool, aspects>> differing(std::span<const ValidatedRun> runs) {
  std::map<std::string, std::array<std::string, aspects>> first;
  std::map<std::string, std::array<bool, aspects>> differ;
  for (const ValidatedRun& v : runs) {
    if (!v.supported) continue;
    const auto values = aspects_of(v.run);
    const auto& reference = first.emplace(v.run.source, values).first->second;
    auto& flags = differ[v.run.source];
    for (std::size_t i = 0; i < aspects; ++i) flags[i] = flags[i] || values[i] != reference[i];
  }
  return differ;
}

constexpr double stated_share = 0.9;

}  // namespace

double error_within(double share, std::span<const double> predicted, std::span<const double> measured) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < predicted.size(); ++i)
    errors.push_back(std::abs(measured[i] / predicted[i] - 1));
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(errors.size() + 1)));
  if (errors.empty() || rank > errors.size()) return 0;
  std::sort(errors.begin(), errors.end());
  return errors[rank - 1];
}

std::size_t SourceAccuracy::unsupported_runs() const {
  std::size_t sum = 0;
  for (const auto& [reason, count] : unsupported) sum += count;
  return sum;
}

Accuracy accuracy(std::span<const ValidatedRun> runs) {
  const auto differ = differing(runs);
  AlikeRuns sources, families;
  std::map<std::string, Collected> held_out;
  Alike total;
  total.accuracy.name = "all";
  Accuracy out;
  for (const ValidatedRun& v : runs) {
    if (v.supported && v.run.quality == "C") {
      ++out.doubtful;
      continue;
    }
    std::string name = v.run.source.empty() ? v.run.family : v.run.source;
    if (const auto flags = differ.find(v.run.source); v.supported && flags != differ.end()) {
      const auto values = aspects_of(v.run);
      for (std::size_t i = 0; i < aspects; ++i)
        if ((i == release || flags->second[i]) && !values[i].empty()) name += ", " + values[i];
    }
    sources.of(name).add(v);
    families.of(v.run.family).add(v);
    total.add(v);
    if (!v.has_error()) continue;
    Collected& under = held_out[v.calibration];
    if (!may_fit(v.run)) under.add(v.predicted_s, v.run.measured_s);
  }
  for (const auto& [calibration, runs_of] : held_out)
    out.calibrations.push_back(
        {calibration, runs_of.sum(), error_within(stated_share, runs_of.predicted, runs_of.measured)});
  out.sources = sources.finish();
  out.families = families.finish();
  out.total = total.finish();
  return out;
}

}  // namespace orrery
