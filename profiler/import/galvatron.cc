// Galvatron's profiles (arXiv 2504.21411), recognised by the spelling of their members: bandwidths of
// all-reduce and messages, times of collectives by size, the overlap coefficient; forward times a layer;
// memory by strategy. Its first version ("1_8_1", "pp_deg_2", "fwd_time_hidden_1024") wrote milliseconds a
// MiB.
#include <array>
#include <functional>
#include <regex>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"
#include "sim/base/reader.h"

namespace orrery {
namespace {

constexpr double millisecond = 1e-3, mebibyte = 1048576.0, gigabyte = 1e9;
constexpr double most = 1e12;
// Derived times may be a little below 0: differences of two runs.
constexpr double least = -1e6;

constexpr std::size_t longest_key = 200;  // std::regex recurses by the character

using Parts = std::vector<std::string>;  // of a key: what the pattern's groups matched

// A kind of member: its name's pattern and what its value means.
struct Member {
  const char* pattern;
  std::function<void(const Parts&, const Reader& value, Collector&)> add;
};

class Members {
 public:
  explicit Members(std::vector<Member> members) : members_(std::move(members)) {
    for (const Member& m : members_) patterns_.emplace_back(m.pattern);
  }

  bool know(const std::string& key) const { return find(key, nullptr) < members_.size(); }

  // Whether `object` has members, most of them known.
  bool recognise(const Json& object) const {
    std::size_t known = 0;
    for (const auto& [key, value] : object.members()) known += know(key) ? 1 : 0;
    return known > 0 && 2 * known > object.members().size();
  }

  // Every member of an object, or fail().
  void add(const Reader& object, Collector& samples) const {
    for (const std::string& key : object.keys()) {
      Parts parts;
      const std::size_t i = find(key, &parts);
      if (i == members_.size()) object.fail_at(key, "a member that Galvatron writes");
      members_[i].add(parts, object.part(key), samples);
    }
  }

 private:
  // Which of the members `key` is, else their number. What its groups matched goes to `parts`.
  std::size_t find(const std::string& key, Parts* parts) const {
    std::smatch match;
    std::size_t i = key.size() > longest_key ? members_.size() : 0;
    while (i < members_.size() && !std::regex_match(key, match, patterns_[i])) ++i;
    for (std::size_t g = 1; parts && i < members_.size() && g < match.size(); ++g)
      parts->push_back(match[g].str());
    return i;
  }

  std::vector<Member> members_;
  std::vector<std::regex> patterns_;
};

std::int64_t count(const std::string& digits) { return integer_of(digits).value_or(0); }
Condition count_if(const std::string& digits) { return digits.empty() ? Condition{} : integer_of(digits); }
const char* placement(const std::string& consecutive) { return consecutive == "1" ? "adjacent" : "strided"; }
constexpr double smallest_rate = 1e-9;

const Members& hardware() {
  static const Members members({
      {R"(allreduce_size_(\d{1,7})_consec_([01]))",
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::bus_bandwidth,
                  .name = "all_reduce",
                  .detail = placement(p[1]),
                  .ranks = count(p[0])},
                 v.as_number(smallest_rate, most) * gigabyte);
       }},
      {R"(pp_size_(\d{1,7}))",
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::message_bandwidth, .name = "send_receive", .ranks = count(p[0])},
                 v.as_number(smallest_rate, most) * gigabyte);
       }},
      {R"((allreduce|all2all)_size_(\d{1,7})_(\d{1,7})MB_time)",
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::collective,
                  .name = p[0] == "allreduce" ? "all_reduce" : "all_to_all",
                  .detail = "adjacent",
                  .type = "bf16",
                  .ranks = count(p[1]),
                  .bytes = count(p[2]) * static_cast<std::int64_t>(mebibyte)},
                 v.as_number(0, most) * millisecond);
       }},
      {"overlap_coe",
       [](const Parts&, const Reader& v, Collector& out) {
         out.add({.what = What::overlap_slowdown}, v.as_number(1, 1000));
       }},
      {"(intra|inter)_node",
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::bus_bandwidth, .name = "link", .detail = p[0] + "-node"},
                 v.as_number(smallest_rate, most) * gigabyte);
       }},
      {R"((\d{1,7})_(\d{1,7})_([01]))",  // pipeline stages, group, consecutive
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::bus_bandwidth,
                  .name = "all_reduce",
                  .detail = std::string(placement(p[2])) + ", in " + p[0] + " stages",
                  .ranks = count(p[1])},
                 mebibyte / (v.as_number(smallest_rate, most) * millisecond));
       }},
      {R"(pp_deg_(\d{1,7}))",
       [](const Parts& p, const Reader& v, Collector& out) {
         out.add({.what = What::message_bandwidth, .name = "send_receive", .ranks = count(p[0])},
                 mebibyte / (v.as_number(smallest_rate, most) * millisecond));
       }},
  });
  return members;
}

// "seq2048" is a length, "seq[512,512]" one a kind of layer, which is kept as it is.
void set_sequence(Measurement& m, const std::string& text) {
  if (text.find('[') == std::string::npos)
    m.sequence = count_if(text);
  else
    m.detail += (m.detail.empty() ? "sequences " : ", sequences ") + text;
}

void add_forward(std::string name, const Parts& p, Condition layers, const Reader& v, Collector& out) {
  Measurement m{.what = What::forward,
                .name = std::move(name),
                .detail = p[3],
                .batch = count_if(p[1]),
                .layers = layers};
  set_sequence(m, p[2]);
  out.add(m, v.as_number(least, most) * millisecond);
}

void add_old_forward(const Parts& p, const Reader& v, Collector& out) {
  const std::string hidden = "hidden " + p[0];
  if (v.value().is(Json::Kind::object)) {
    for (const std::string& kind : v.keys())
      out.add({.what = What::forward, .name = kind, .detail = hidden}, v.number(kind, 0, most) * millisecond);
  } else {
    out.add({.what = What::forward, .name = "layer", .detail = hidden}, v.as_number(0, most) * millisecond);
  }
}

#define ORRERY_TAIL R"((?:_bsz(\d{1,7}))?(?:_seq(\d{1,9}|\[[\d,]+\]))?(?:_(attention|mlp))?)"

const Members& times() {
  static const Members members({
      {R"(layernum(\[[\d,]+\]|\d{1,7}))" ORRERY_TAIL,
       [](const Parts& p, const Reader& v, Collector& out) {
         const std::string layers = p[0].front() == '[' ? p[0].substr(1, p[0].size() - 2) : p[0];
         add_forward(integer_of(layers) && layers.find(',') == std::string::npos
                         ? "model"
                         : "model of layers " + layers,
                     p, layers.find(',') == std::string::npos ? count_if(layers) : Condition{}, v, out);
       }},
      {R"(layertype_(other(?:_\d{1,7})?|\d{1,7}))" ORRERY_TAIL,
       [](const Parts& p, const Reader& v, Collector& out) {
         const bool layer = p[0].find("other") == std::string::npos;
         add_forward(layer ? "layer " + p[0] + ", a sequence" : "beside layers, a sequence", p, {}, v, out);
       }},
      {R"(fwd_time_(?:hidden|embed_dim)_(\d{1,7}))", add_old_forward},
  });
  return members;
}

#undef ORRERY_TAIL

// "layernum[1]_bsz8_seq2048_rank0_act_peak" of one strategy, MiB.
void add_raw_memory(const std::string& strategy, const Reader& runs, Collector& out) {
  static const std::regex pattern(
      R"(layernum(\[[\d,]+\])_bsz(\d{1,7})(?:_seq(\d{1,9}|\[[\d,]+\]))?_rank(\d{1,7})_(ms|act|act_peak))");
  for (const std::string& key : runs.keys()) {
    std::smatch p;
    if (key.size() > longest_key || !std::regex_match(key, p, pattern))
      runs.fail_at(key, "a member that Galvatron writes");
    const std::string kind = p[5];
    Measurement m{.what = What::memory,
                  .name = kind == "ms"    ? "model states"
                          : kind == "act" ? "activations"
                                          : "activations, peak",
                  .detail = "strategy " + strategy,
                  .batch = count_if(p[2]),
                  .rank = count_if(p[4])};
    const std::string layers = p[1];
    if (layers.find(',') == std::string::npos)
      m.layers = count_if(layers.substr(1, layers.size() - 2));
    else
      m.detail += ", layers " + layers;
    set_sequence(m, p[3]);
    out.add(m, runs.number(key, least, most) * mebibyte);
  }
}

// {"1": MiB, "2": MiB, "checkpoint": MiB} by tensor-parallel ranks.
void add_by_tensor(Measurement m, const Reader& by, Collector& out) {
  for (const std::string& key : by.keys()) {
    Measurement one = m;
    if (key == "checkpoint")
      one.detail += (one.detail.empty() ? "" : ", ") + std::string("full recompute");
    else if (!(one.tensor = integer_of(key)))
      by.fail_at(key, "a tensor-parallel degree as the member's name");
    out.add(one, by.number(key, least, most) * mebibyte);
  }
}

// A derived part: its values stand for one sequence length, or in objects by sequence length.
template <class AddAt>
void by_sequence(const Reader& part, const AddAt& add_at) {
  bool nested = false;
  for (const auto& [key, value] : part.value().members())
    nested = nested || integer_of(key) || key.starts_with('[');
  Measurement m{.what = What::memory};
  if (!nested) return add_at(part, m);
  for (const std::string& key : part.keys()) {
    Measurement at = m;
    set_sequence(at, key);
    add_at(part.object(key), at);
  }
}

void add_layer_memory(const Parts& p, const Reader& part, Collector& out) {
  const std::string suffix = "layer " + p[0] + (p[1].empty() ? "" : ", sequence parallel");
  by_sequence(part, [&](const Reader& r, Measurement m) {
    m.detail = suffix + (m.detail.empty() ? "" : ", ") + m.detail;
    if (r.has("parameter_size")) {
      m.name = "parameters";
      out.add(m, r.number("parameter_size", 0, most) * mebibyte);
    }
    m.name = "activations of a sequence";
    if (const auto by = r.object_if("tp_activation_per_bsz_dict")) add_by_tensor(m, *by, out);
    r.done();
  });
}

void add_other_memory(const Parts& p, const Reader& part, Collector& out) {
  const std::string where = p[0] == "off"        ? "beside layers"
                            : p[0] == "on_first" ? "beside layers, first stage"
                                                 : "beside layers, last stage";
  by_sequence(part, [&](const Reader& r, Measurement m) {
    m.detail =
        where + (p[1].empty() ? "" : ", sequence parallel") + (m.detail.empty() ? "" : ", ") + m.detail;
    for (const auto& [key, name] :
         {std::pair{"model_states", "model states"}, std::pair{"activation", "activations of a sequence"}}) {
      m.name = name;
      if (!r.has(key)) continue;
      if (r.part(key).value().is(Json::Kind::object))
        add_by_tensor(m, r.object(key), out);
      else
        out.add(m, r.number(key, least, most) * mebibyte);  // version 2 measured one tensor degree
    }
    r.done();
  });
}

const Members& memory() {
  static const Members members({
      {R"((\d{1,7}_\d{1,7}_\d{1,7}(?:_c)?(?:_vtp)?(?:_sp)?))",
       [](const Parts& p, const Reader& v, Collector& out) { add_raw_memory(p[0], v, out); }},
      {R"(layertype_(\d{1,7})(_sp)?)", add_layer_memory},
      {R"(other_memory_pp_(off|on_first|on_last)(_sp)?)", add_other_memory},
      {"model_config", [](const Parts&, const Reader&, Collector&) {}},
  });
  return members;
}

bool has_objects(const Json& document) {
  for (const auto& [key, value] : document.members())
    if (value.is(Json::Kind::object)) return true;
  return false;
}

bool is_hardware(const Json& document) { return !has_objects(document) && hardware().recognise(document); }
bool is_memory(const Json& document) { return has_objects(document) && memory().recognise(document); }

// Version 2.1 and the visualizer put both kinds into one file, under these names.
constexpr const char *times_part = "computation_profiling", *memory_part = "memory_profiling";

bool is_times(const Json& document) {
  return times().recognise(document) || document.find(times_part) != nullptr;
}

void read_hardware(const Json& document, std::string_view file, const Hints&, Source& out) {
  out.format = "Galvatron hardware profile";
  Collector samples;
  hardware().add(Reader(document, file), samples);
  out.measurements = samples.finish();
  for (const Measurement& m : out.measurements)
    if (m.what == What::bus_bandwidth || m.what == What::message_bandwidth) {
      out.notes.push_back(
          "rates as 10^9 B/s, as nccl-tests has them; Galvatron's own timer counts 2^20 B a ms, 4.9 % more");
      break;
    }
}

void read_times(const Json& document, std::string_view file, const Hints&, Source& out) {
  out.format = "Galvatron computation profile";
  const Reader r(document, file);
  Collector samples;
  if (r.has(times_part)) {
    times().add(r.object(times_part), samples);
    if (const auto part = r.object_if(memory_part)) memory().add(*part, samples);
  } else {
    times().add(r, samples);
  }
  out.measurements = samples.finish();
}

void read_memory(const Json& document, std::string_view file, const Hints&, Source& out) {
  out.format = "Galvatron memory profile";
  Collector samples;
  memory().add(Reader(document, file), samples);
  out.measurements = samples.finish();
}

}  // namespace

const JsonFormat galvatron_hardware_format{is_hardware, read_hardware};
const JsonFormat galvatron_time_format{is_times, read_times};
const JsonFormat galvatron_memory_format{is_memory, read_memory};

}  // namespace orrery
