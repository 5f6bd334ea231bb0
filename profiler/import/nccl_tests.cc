// Output of nccl-tests (and rccl-tests), text and JSON. The size of a row is that of the whole buffer, as the
// calibration's curves have it. Text: columns by the names of the header line, so that versions with more or
// fewer of them read alike; what a launcher writes before a line is skipped.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "profiler/import/readers.h"
#include "profiler/import/text.h"
#include "sim/base/error.h"
#include "sim/base/reader.h"
#include "sim/base/utf8.h"

namespace orrery {
namespace {

constexpr double most_us = 1e12, most_bytes = 1e17;
constexpr double microsecond = 1e-6;

// The operation of the first word NAME_perf that is a binary of nccl-tests; empty if there is none.
std::string named_collective(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> binaries{
      {{"all_reduce_perf", "all_reduce"},
       {"all_gather_perf", "all_gather"},
       {"reduce_scatter_perf", "reduce_scatter"},
       {"alltoall_perf", "all_to_all"},
       {"broadcast_perf", "broadcast"},
       {"reduce_perf", "reduce"},
       {"sendrecv_perf", "send_receive"},
       {"gather_perf", "gather"},
       {"scatter_perf", "scatter"},
       {"hypercube_perf", "hypercube"}}};
  const std::size_t end = text.find("_perf");
  if (end == std::string_view::npos) return {};
  std::size_t begin = end;
  while (begin > 0 && (std::isalpha(static_cast<unsigned char>(text[begin - 1])) || text[begin - 1] == '_'))
    --begin;
  for (const auto& [binary, operation] : binaries)
    if (text.substr(begin, end + 5 - begin) == binary) return std::string(operation);
  return {};
}

struct Columns {
  std::size_t size = 0, type = 0, reduction = 0;
  std::array<std::size_t, 2> time{}, alg{}, bus{};  // out of place, in place; 0: none
  std::size_t count = 0;
};

// Columns behind the '#' of a header line; nothing if it is none.
std::optional<Columns> header(std::string_view line) {
  const std::size_t mark = line.find('#');
  if (mark == std::string_view::npos) return {};
  const std::vector<std::string_view> names = words_of(line.substr(mark + 1));
  if (names.size() < 4 || names[0] != "size") return {};
  Columns c;
  std::array<std::size_t, 3> seen{};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto note = [&](std::array<std::size_t, 2>& where, std::size_t& times) {
      if (times < 2) where[times++] = i;
    };
    if (names[i] == "type") c.type = i;
    if (names[i] == "redop") c.reduction = i;
    if (names[i] == "time") note(c.time, seen[0]);
    if (names[i] == "algbw") note(c.alg, seen[1]);
    if (names[i] == "busbw") note(c.bus, seen[2]);
  }
  c.count = names.size();
  if (!c.time[0] || !c.alg[0] || !c.bus[0]) return {};
  return c;
}

struct Device {
  std::string host, name;
};

// "#  Rank  0 Group  0 Pid   1711 on HOST device  0 [0x1b] NVIDIA H100 80GB HBM3"
std::optional<Device> device_line(std::string_view line) {
  const std::size_t mark = line.find('#');
  const std::size_t on = line.find(" on "), device = line.find(" device ");
  const std::size_t bracket = line.find(']', device == std::string_view::npos ? 0 : device);
  if (mark == std::string_view::npos || on == std::string_view::npos || device == std::string_view::npos ||
      bracket == std::string_view::npos || line.find("Rank") == std::string_view::npos || on > device)
    return {};
  return Device{std::string(trimmed(line.substr(on + 4, device - on - 4))),
                std::string(trimmed(line.substr(bracket + 1)))};
}

// Where a file does not name its operation: a reduction tells an all-reduce from a reduce-scatter by the
// factor between its two bandwidths.
std::string implied_collective(std::string_view reduction, double factor, std::int64_t ranks) {
  if (ranks < 2 || reduction.empty() || reduction == "none") return {};
  const double n = static_cast<double>(ranks);
  const auto near = [factor](double f) { return std::abs(factor / f - 1) < 0.02; };
  if (near(2 * (n - 1) / n)) return "all_reduce";
  if (near((n - 1) / n)) return "reduce_scatter";
  return {};
}

class TextReader {
 public:
  TextReader(std::string_view text, std::string_view file, const Hints& hints, Source& out)
      : text_(text), file_(file), hints_(hints), out_(out) {}

  void read() {
    out_.format = "nccl-tests text";
    for (std::string_view rest = text_; !rest.empty();) {
      ++line_number_;
      line(plain(next_line(rest)));
    }
    const Where where{std::string(file_), "", 0};
    if (rows_ == 0) fail(where, "a row of times below the header line", "none");
    const std::string implied = implied_collective(reduction_, factor_, ranks_of_row());
    out_.measurements = samples_.finish();
    for (Measurement& m : out_.measurements) {
      if (m.name.empty()) m.name = implied;
      if (m.name.empty())
        fail(where,
             "the name of the collective (a line such as \"# Collective test starting: all_gather_perf\", or "
             "--op all_gather)");
    }
  }

 private:
  std::int64_t ranks_of_row() const { return hints_.ranks ? hints_.ranks : ranks_; }

  void line(const std::string& text) {
    if (std::string name = named_collective(text); !name.empty()) collective_ = std::move(name);
    if (const auto columns = header(text)) {
      columns_ = *columns;
    } else if (text.find("# nThread") != std::string::npos) {  // another run begins
      hosts_.clear();
      ranks_ = 0;
    } else if (const auto device = device_line(text)) {
      hosts_.insert(device->host);
      ++ranks_;
      out_.device = device->name;
    } else if (const std::size_t at = text.find("NCCL version "); at != std::string::npos) {
      out_.software = trimmed(std::string_view(text).substr(at));
    } else if (columns_.count > 0 && text.find('#') == std::string::npos) {
      row(words_of(text));
    }
  }

  // A row starts with a size and a count; before them a launcher may have put its rank.
  void row(std::vector<std::string_view> cells) {
    while (!cells.empty() && (cells[0].ends_with(':') || cells[0].ends_with('>'))) cells.erase(cells.begin());
    if (cells.size() < columns_.count || !integer_of(cells[0]) || !number_of(cells[columns_.time[0]])) return;
    ++rows_;
    Measurement m{.what = What::collective};
    const Where where{std::string(file_), "", line_number_};
    m.bytes = integer_of(cells[0]);
    if (static_cast<double>(*m.bytes) > most_bytes) fail(where, "a size in bytes", cells[0]);
    if (columns_.type) m.type = cells[columns_.type];
    if (const std::int64_t ranks = ranks_of_row()) m.ranks = ranks;
    if (!hosts_.empty()) m.nodes = static_cast<std::int64_t>(hosts_.size());
    m.name = hints_.collective.empty() ? collective_ : hints_.collective;
    const std::optional<double> alg = number_of(cells[columns_.alg[0]]),
                                bus = number_of(cells[columns_.bus[0]]);
    if (alg && bus && *alg > largest_) {  // the most digits
      largest_ = *alg;
      factor_ = *bus / *alg;
      reduction_ = columns_.reduction ? cells[columns_.reduction] : "";
    }
    for (std::size_t side = 0; side < 2; ++side) {
      if (!columns_.time[side]) continue;
      const std::optional<double> us = number_of(cells[columns_.time[side]]);
      if (!us || *us < 0 || *us > most_us) fail(where, "a time in microseconds", cells[columns_.time[side]]);
      m.in_place = static_cast<std::int64_t>(side);
      if (*us > 0 && *m.bytes > 0) samples_.add(m, *us * microsecond);
    }
  }

  std::string_view text_, file_;
  const Hints& hints_;
  Source& out_;
  Columns columns_;
  std::string collective_, reduction_;
  double largest_ = 0, factor_ = 0;  // of the row with the highest rate: bus over algorithm bandwidth
  std::set<std::string> hosts_;
  std::int64_t ranks_ = 0;
  int line_number_ = 0;
  std::size_t rows_ = 0;
  Collector samples_;
};

bool is_text(std::string_view text) {
  for (std::size_t at = 0; (at = text.find("algbw", at)) != std::string_view::npos; ++at) {
    const std::size_t begin = text.rfind('\n', at) + 1;  // npos + 1 is 0
    if (header(plain(text.substr(begin, text.find('\n', at) - begin)))) return true;
  }
  return false;
}

void read_text(std::string_view text, std::string_view file, const Hints& hints, Source& out) {
  TextReader(text, file, hints, out).read();
}

// One side of a JSON result: the times of every iteration where they are there, else their mean.
void add_side(const Reader& result, const char* key, const char* per_iteration, Measurement m,
              Collector& samples) {
  if (!result.given(key)) return;
  m.in_place = std::string_view(key) == "in_place";
  std::size_t taken = 0;
  if (result.given(per_iteration))
    for (const Reader& us : result.object(per_iteration).array_if("times_us")) {
      samples.add(m, us.as_number(0, most_us) * microsecond);
      ++taken;
    }
  if (taken > 0) return;
  const Json* time = result.object(key).value().find("time");
  if (time != nullptr && time->is(Json::Kind::string)) return;  // "nan": it did not run
  if (const double us = result.object(key).number("time", 0, most_us); us > 0)
    samples.add(m, us * microsecond);
}

bool is_json(const Json& document) {
  const Json *config = document.find("config"), *results = document.find("results");
  return config && results && config->is(Json::Kind::object) && results->is(Json::Kind::array) &&
         document.find("nccl_version");
}

void read_json(const Json& document, std::string_view file, const Hints& hints, Source& out) {
  const Reader r(document, file);
  out.format = "nccl-tests JSON";
  out.software = "NCCL " + std::to_string(r.integer_or("nccl_version", 0, 0, 1'000'000'000));
  std::string collective = hints.collective;
  for (const Reader& arg : r.array_if("args"))
    if (collective.empty()) collective = named_collective(arg.as_string());
  if (collective.empty())
    fail(r.where("args"), "the binary's name, such as all_reduce_perf, or --op all_reduce");
  Measurement base{.what = What::collective, .name = collective};
  std::set<std::string> hosts;
  const std::vector<Reader> devices = r.object("config").array_if("devices");
  for (const Reader& device : devices) {
    hosts.insert(device.string_or("hostname", ""));
    out.device = device.string_or("device_info", "");
  }
  if (const std::int64_t ranks = hints.ranks ? hints.ranks : static_cast<std::int64_t>(devices.size()))
    base.ranks = ranks;
  if (!hosts.empty()) base.nodes = static_cast<std::int64_t>(hosts.size());
  Collector samples;
  for (const Reader& result : r.array("results")) {
    Measurement m = base;
    m.bytes = result.integer("size", 0, static_cast<std::int64_t>(most_bytes));
    m.type = result.string_or("type", "");
    if (*m.bytes == 0) continue;
    add_side(result, "out_of_place", "out_of_place_per_iter", m, samples);
    add_side(result, "in_place", "in_place_per_iter", m, samples);
  }
  out.measurements = samples.finish();
}

}  // namespace

const TextFormat nccl_text_format{is_text, read_text};
const JsonFormat nccl_json_format{is_json, read_json};

}  // namespace orrery
