#include "profiler/import/profile.h"

#include <algorithm>
#include <cstdio>

#include "sim/base/reader.h"

namespace orrery {
namespace {

struct Words {
  std::string_view name, unit;
};
constexpr std::array<Words, what_count> words{{{"collective", "s"},
                                               {"bus_bandwidth", "B/s"},
                                               {"message_bandwidth", "B/s"},
                                               {"overlap_slowdown", "1"},
                                               {"matmul", "s"},
                                               {"kernel", "s"},
                                               {"forward", "s"},
                                               {"memory", "B"},
                                               {"step", "s"},
                                               {"tokens_per_second", "1/s"},
                                               {"samples_per_second", "1/s"},
                                               {"flop_rate", "FLOP/s"},
                                               {"loss", "1"}}};

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// Text that differs for measurements under different conditions.
std::string key_of(const Measurement& m) {
  std::string key(name(m.what));
  for_each_condition(m, [&](std::string_view, const auto& value) {
    key += '\x1f';
    if constexpr (std::is_same_v<decltype(value), const std::string&>)
      key += value;
    else if (value)
      key += std::to_string(*value);
  });
  return key;
}

std::string hex(std::uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

Json write_measurement(const Measurement& m) {
  Json out = Json::object();
  out.set("what", name(m.what));
  for_each_condition(m, [&](const char* key, const auto& value) {
    if constexpr (std::is_same_v<decltype(value), const std::string&>) {
      if (!value.empty()) out.set(key, value);
    } else if (value) {
      out.set(key, *value);
    }
  });
  const Spread& v = m.value;
  out.set("unit", unit(m.what)).set("count", v.count).set("median", v.median);
  if (v.count > 1)
    out.set("least", v.least)
        .set("lower_quartile", v.lower_quartile)
        .set("upper_quartile", v.upper_quartile)
        .set("most", v.most);
  return out;
}

Measurement read_measurement(const Reader& r) {
  constexpr std::int64_t most_count = std::int64_t{1} << 60;
  constexpr double most = 1e300;
  Measurement m;
  std::array<std::string_view, what_count> names;
  for (std::size_t i = 0; i < what_count; ++i) names[i] = words[i].name;
  m.what = static_cast<What>(r.word("what", names));
  for_each_condition(m, [&](const char* key, auto& value) {
    if constexpr (std::is_same_v<decltype(value), std::string&>)
      value = r.string_or(key, "");
    else if (r.has(key))
      value = r.integer(key, 0, most_count);
  });
  const std::string_view units[] = {unit(m.what)};
  r.word("unit", units);
  Spread& v = m.value;
  v.count = r.integer("count", 1, most_count);
  v.median = r.number("median", -most, most);
  v.least = v.lower_quartile = v.upper_quartile = v.most = v.median;
  if (v.count > 1) {
    v.lower_quartile = r.number("lower_quartile", -most, v.median);
    v.least = r.number("least", -most, v.lower_quartile);
    v.upper_quartile = r.number("upper_quartile", v.median, most);
    v.most = r.number("most", v.upper_quartile, most);
  }
  r.done();
  return m;
}

std::uint64_t read_digest(const Reader& r) {
  const std::string text = r.string("digest");
  std::uint64_t digest = 0;
  const bool digits = text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!digits) r.fail_at("digest", "16 hexadecimal digits");
  for (const char c : text) digest = digest * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  return digest;
}

}  // namespace

std::string_view name(What w) { return words[static_cast<std::size_t>(w)].name; }
std::string_view unit(What w) { return words[static_cast<std::size_t>(w)].unit; }

Spread spread_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return {static_cast<std::int64_t>(samples.size()),
          samples.front(),
          quantile(samples, 0.25),
          quantile(samples, 0.5),
          quantile(samples, 0.75),
          samples.back()};
}

void Collector::add(const Measurement& conditions, double sample) {
  std::string key = key_of(conditions);
  const auto [found, fresh] = index_.try_emplace(std::move(key), groups_.size());
  if (fresh) groups_.push_back({conditions, {}});
  groups_[found->second].samples.push_back(sample);
}

std::vector<Measurement> Collector::finish() {
  std::vector<Measurement> out;
  for (Group& g : groups_) {
    g.conditions.value = spread_of(std::move(g.samples));
    out.push_back(std::move(g.conditions));
  }
  groups_.clear();
  index_.clear();
  return out;
}

Json write_profile(std::span<const Source> sources) {
  Json list = Json::array();
  for (const Source& s : sources) {
    Json item = Json::object();
    item.set("file", s.file).set("digest", hex(s.digest)).set("format", s.format);
    if (!s.software.empty()) item.set("software", s.software);
    if (!s.device.empty()) item.set("device", s.device);
    Json notes = Json::array(), measurements = Json::array();
    for (const std::string& note : s.notes) notes.push(note);
    for (const Measurement& m : s.measurements) measurements.push(write_measurement(m));
    if (!s.notes.empty()) item.set("notes", std::move(notes));
    if (!s.run.members().empty()) item.set("run", s.run);
    list.push(std::move(item.set("measurements", std::move(measurements))));
  }
  return Json::object().set("schema", "orrery.profile/1").set("sources", std::move(list));
}

std::vector<Source> read_profile(const Json& document, std::string_view file) {
  Reader r(document, file);
  r.schema("orrery.profile/1");
  std::vector<Source> sources;
  for (const Reader& item : r.array("sources")) {
    Source s;
    s.file = item.string("file");
    s.digest = read_digest(item);
    s.format = item.string("format");
    s.software = item.string_or("software", "");
    s.device = item.string_or("device", "");
    for (const Reader& note : item.array_if("notes")) s.notes.push_back(note.as_string());
    if (const auto run = item.object_if("run")) s.run = run->value();
    for (const Reader& m : item.array("measurements")) s.measurements.push_back(read_measurement(m));
    item.done();
    sources.push_back(std::move(s));
  }
  r.done();
  return sources;
}

}  // namespace orrery
