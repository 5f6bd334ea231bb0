// Traces of the PyTorch profiler (Kineto): device kernels by name, NCCL kernels by size and group, matrix
// products by shape where the profiler recorded shapes, and profiler steps. Events are cut out of the text
// one by one, so that a trace of gigabytes costs no more memory than its text; of host events only matrix
// products are read.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "profiler/import/json_scan.h"
#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"
#include "sim/base/reader.h"

namespace orrery {
namespace {

constexpr double microsecond = 1e-6, most_us = 1e12;

// A member of an object as text or number, if it is there and of that kind: events of others never fail.
std::string text_of(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  return v && v->is(Json::Kind::string) ? v->string() : std::string();
}
std::optional<double> real_of(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (v && (v->is(Json::Kind::integer) || v->is(Json::Kind::real))) return v->real();
  if (v && v->is(Json::Kind::string)) return number_of(v->string());  // Ascend writes times so
  return {};
}
std::optional<std::int64_t> count_of(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (!v || !v->is(Json::Kind::integer) || v->integer() < 0 || v->integer() > (std::int64_t{1} << 50))
    return {};
  return v->integer();
}

// Bytes of an element by PyTorch's names; 0: unknown.
std::int64_t element_bytes(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 14> sizes{{{"Float8_e4m3fn", 1},
                                                                             {"Float8_e5m2", 1},
                                                                             {"BFloat16", 2},
                                                                             {"Half", 2},
                                                                             {"Float", 4},
                                                                             {"Double", 8},
                                                                             {"Byte", 1},
                                                                             {"Char", 1},
                                                                             {"Bool", 1},
                                                                             {"Int", 4},
                                                                             {"Long", 8},
                                                                             {"Short", 2},
                                                                             {"c10::BFloat16", 2},
                                                                             {"c10::Half", 2}}};
  for (const auto& [name, bytes] : sizes)
    if (name == type) return bytes;
  return 0;
}

std::string collective_of(std::string_view theirs) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> names{
      {{"allreduce", "all_reduce"},
       {"_allgather_base", "all_gather"},
       {"allgather", "all_gather"},
       {"all_gather_into_tensor_coalesced", "all_gather"},
       {"_reduce_scatter_base", "reduce_scatter"},
       {"reduce_scatter", "reduce_scatter"},
       {"all_to_all", "all_to_all"},
       {"all_to_allv", "all_to_all"},
       {"broadcast", "broadcast"}}};
  for (const auto& [name, ours] : names)
    if (name == theirs) return std::string(ours);
  return std::string(theirs);
}

// "[0, 1, 2]", of long groups cut off as "[0, 1, ...]": whether neighbours in the list are neighbours in the
// job.
bool adjacent(std::string_view ranks) {
  std::optional<double> last;
  bool two = false;
  for (std::string_view word : words_of(ranks)) {
    while (!word.empty() && (word.front() == '[' || word.front() == ',')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == ']' || word.back() == ',')) word.remove_suffix(1);
    if (word == "...") break;
    const std::optional<double> rank = number_of(word);
    if (!rank || (last && *rank != *last + 1)) return false;
    two = last.has_value();
    last = rank;
  }
  return two;
}

struct Shape {
  std::int64_t batch = 1, m = 0, n = 0, k = 0;
  std::string type;
};

// Dimensions of an operand in "Input Dims"; empty if it is no list of counts.
std::vector<std::int64_t> dims(const Json* all, std::size_t operand) {
  std::vector<std::int64_t> out;
  if (!all || !all->is(Json::Kind::array) || all->items().size() <= operand) return out;
  for (const Json& d : all->items()[operand].items()) {
    if (!d.is(Json::Kind::integer) || d.integer() < 1 || d.integer() > (1 << 24)) return {};
    out.push_back(d.integer());
  }
  return out;
}

// The product of an aten op with recorded shapes.
std::optional<Shape> shape_of(std::string_view op, const Json& args) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 5> first_operand{
      {{"aten::mm", 0}, {"aten::addmm", 1}, {"aten::bmm", 0}, {"aten::baddbmm", 1}, {"aten::_scaled_mm", 0}}};
  for (const auto& [name, first] : first_operand) {
    if (name != op) continue;
    const std::vector<std::int64_t> a = dims(args.find("Input Dims"), first),
                                    b = dims(args.find("Input Dims"), first + 1);
    if (a.size() != b.size() || a.size() < 2 || a.size() > 3 || a.back() != b[b.size() - 2]) return {};
    Shape s{a.size() == 3 ? a[0] : 1, a[a.size() - 2], b.back(), a.back(), ""};
    const Json* types = args.find("Input type");
    if (types && types->is(Json::Kind::array) && types->items().size() > first &&
        types->items()[first].is(Json::Kind::string))
      s.type = types->items()[first].string();
    return s;
  }
  return {};
}

class TraceReader {
 public:
  TraceReader(std::string_view file, Source& out) : file_(file), out_(out) { out_.format = "Kineto trace"; }

  void read(std::string_view text) {
    bool whole = true;
    whole = scan_members(text, [&](std::string_view key, std::string_view value) {
      if (key == "deviceProperties") read_device(value);
      if (key == "distributedInfo") read_job(value);
      if (key == "traceEvents")
        scan_members(value, [&](std::string_view, std::string_view e) { return event(e), true; });
      return true;
    });
    if (!whole)
      fail({std::string(file_), "", 0}, "a whole trace",
           "text that ends, or is no JSON, before its last bracket");
    add_matmuls();
    if (unreadable_ > 0)
      out_.notes.push_back(std::to_string(unreadable_) + " events are not JSON and were left out");
    if (collectives_ > 0)
      out_.notes.push_back(
          "a collective's time holds what this rank waited for the others: the least is nearest to its own");
    out_.measurements = samples_.finish();
    if (out_.measurements.empty())
      fail({std::string(file_), "/traceEvents", 0},
           "kernels of a device (profile with ProfilerActivity.CUDA)", "none");
  }

 private:
  // Traces hold names with raw control characters, which JSON forbids.
  std::optional<Json> parse(std::string_view value) {
    std::string text(value);
    for (char& c : text)
      if (static_cast<unsigned char>(c) < ' ') c = ' ';
    try {
      return parse_json(text, file_);
    } catch (const InputError&) {
      ++unreadable_;
      return {};
    }
  }

  void read_device(std::string_view value) {
    const std::optional<Json> list = parse(value);
    if (list && list->is(Json::Kind::array) && !list->items().empty())
      out_.device = text_of(list->items()[0], "name");
  }

  void read_job(std::string_view value) {
    const std::optional<Json> job = parse(value);
    if (!job) return;
    if (const auto version = text_of(*job, "nccl_version"); !version.empty())
      out_.software = "NCCL " + version;
    if (const auto ranks = count_of(*job, "world_size")) set_run(out_.run, "hw.n_gpus", *ranks);
  }

  void event(std::string_view value) {
    const auto has = [value](std::string_view word) { return value.find(word) != std::string_view::npos; };
    const bool kernel = has("\"kernel\""), product = has("mm\"") && has("\"Input Dims\""),
               step = has("ProfilerStep#");
    if (!kernel && !product && !step) return;
    const std::optional<Json> e = parse(value);
    if (!e || !e->is(Json::Kind::object) || text_of(*e, "ph") != "X") return;
    static const Json none = Json::object();
    const Json* found = e->find("args");
    const Json& args = found && found->is(Json::Kind::object) ? *found : none;
    const std::string category = text_of(*e, "cat"), name = text_of(*e, "name");
    const std::optional<double> us = real_of(*e, "dur");
    if (!us || *us < 0 || *us > most_us) return;
    if (category == "kernel") add_kernel(name, args, *us * microsecond);
    if (category == "cpu_op")
      if (const auto id = count_of(args, "External id"))
        if (const auto shape = shape_of(name, args)) products_[*id] = {*shape, 0};
    if (category == "user_annotation" && name.starts_with("ProfilerStep#"))
      samples_.add({.what = What::step}, *us * microsecond);
  }

  void add_kernel(const std::string& name, const Json& args, double seconds) {
    const std::string collective = text_of(args, "Collective name");
    if (!collective.empty()) return add_collective(collective, args, seconds);
    samples_.add({.what = What::kernel, .name = name}, seconds);
    if (const auto id = count_of(args, "External id")) kernels_[*id] += seconds;
  }

  void add_collective(const std::string& theirs, const Json& args, double seconds) {
    ++collectives_;
    Measurement m{.what = What::collective, .name = collective_of(theirs), .type = text_of(args, "dtype")};
    m.ranks = count_of(args, "Group size");
    if (adjacent(text_of(args, "Process Group Ranks"))) m.detail = "adjacent";
    const auto in = count_of(args, "In msg nelems"), out = count_of(args, "Out msg nelems");
    const std::int64_t size = element_bytes(m.type);
    if (in && out && size > 0) m.bytes = std::max(*in, *out) * size;  // of the whole buffer
    samples_.add(m, seconds);
  }

  // A product is all kernels that its op launched.
  void add_matmuls() {
    for (auto& [id, product] : products_)
      if (const auto found = kernels_.find(id); found != kernels_.end()) product.second = found->second;
    for (const auto& [id, product] : products_) {
      const auto& [s, seconds] = product;
      if (seconds > 0)
        samples_.add({.what = What::matmul, .type = s.type, .batch = s.batch, .m = s.m, .n = s.n, .k = s.k},
                     seconds);
    }
  }

  std::string_view file_;
  Source& out_;
  std::size_t unreadable_ = 0, collectives_ = 0;
  std::map<std::int64_t, std::pair<Shape, double>> products_;  // by external id
  std::unordered_map<std::int64_t, double> kernels_;           // seconds, by external id
  Collector samples_;
};

bool is_trace(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' &&
         text.find("\"traceEvents\"") != std::string_view::npos;
}

void read_trace(std::string_view text, std::string_view file, const Hints&, Source& out) {
  TraceReader(file, out).read(text);
}

}  // namespace

const TextFormat kineto_format{is_trace, read_trace};

}  // namespace orrery
