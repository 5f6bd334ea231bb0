// What others have measured, as a list of measurements: a quantity under conditions, in SI units, with the
// five numbers of its samples (least, quartiles, most). "orrery.profile/1" is the same as a document. Only
// what a file says is here: conditions that it does not state stay empty.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json.h"

namespace orrery {

enum class What : std::uint8_t {
  collective,          // time of one, s
  bus_bandwidth,       // of a collective: bus_factor * bytes / time, B/s
  message_bandwidth,   // of a point-to-point message, B/s
  overlap_slowdown,    // of compute and communication that run together, over each alone; a factor
  matmul,              // time of a matrix product, s
  kernel,              // time of a device kernel, s
  forward,             // time of a forward pass, s
  memory,              // B
  step,                // time of a training step, s
  tokens_per_second,   // of one device, 1/s
  samples_per_second,  // of the job, 1/s
  flop_rate,           // of one device as its framework counts operations, FLOP/s
  loss,                // a number
};
inline constexpr std::size_t what_count = 13;
std::string_view name(What);
std::string_view unit(What);

// The five numbers of a sample. Quartiles lie between samples by linear interpolation.
struct Spread {
  std::int64_t count = 0;
  double least = 0, lower_quartile = 0, median = 0, upper_quartile = 0, most = 0;
  bool operator==(const Spread&) const = default;
};
Spread spread_of(std::vector<double> samples);  // one at least

using Condition = std::optional<std::int64_t>;

struct Measurement {
  What what{};
  std::string name{};    // the collective, kernel, kind of layer or memory
  std::string detail{};  // "adjacent" or "strided" ranks; a part of a layer; a strategy
  std::string type{};    // of elements, as the file spells it
  Condition ranks{}, nodes{}, bytes{}, in_place{}, batch{}, m{}, n{}, k{}, sequence{}, layers{}, tensor{},
      rank{}, step{};
  Spread value{};
  bool operator==(const Measurement&) const = default;
};

// Calls visit(key, value) for each condition, a std::string& or Condition& (const for a const Measurement).
// One list serves writing, reading, telling apart and showing.
template <class AnyMeasurement, class Visit>
void for_each_condition(AnyMeasurement& m, Visit&& visit) {
  visit("name", m.name);
  visit("detail", m.detail);
  visit("type", m.type);
  visit("ranks", m.ranks);        // of the group
  visit("nodes", m.nodes);        // that its ranks are on
  visit("bytes", m.bytes);        // of the whole buffer
  visit("in_place", m.in_place);  // 1: the result replaces the input
  visit("batch", m.batch);        // sequences, or products of a batched one
  visit("m", m.m);
  visit("n", m.n);
  visit("k", m.k);
  visit("sequence", m.sequence);  // tokens
  visit("layers", m.layers);      // of the model that ran
  visit("tensor", m.tensor);      // tensor-parallel ranks
  visit("rank", m.rank);          // that measured
  visit("step", m.step);          // of training
}

// What one file holds.
struct Source {
  std::string file;
  std::uint64_t digest = 0;  // FNV-1a of its bytes
  std::string format;        // "nccl-tests text"
  std::string software, device;
  std::vector<std::string> notes;  // what a reader of the numbers must know
  std::vector<Measurement> measurements;
  Json run = Json::object();  // of a training run: members of orrery.runs/1 that the file states
};

// Samples in the order they come, those under equal conditions together in the order of the first.
class Collector {
 public:
  void add(const Measurement& conditions, double sample);
  std::vector<Measurement> finish();

 private:
  struct Group {
    Measurement conditions;
    std::vector<double> samples;
  };
  std::vector<Group> groups_;
  std::map<std::string, std::size_t> index_;  // of groups, by their conditions
};

Json write_profile(std::span<const Source>);
// Ends in fail() on anything but orrery.profile/1.
std::vector<Source> read_profile(const Json& document, std::string_view file);

}  // namespace orrery
