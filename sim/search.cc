#include "sim/search.h"

#include <array>
#include <string>

#include "sim/base/units.h"
#include "sim/plan/read.h"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 2> layers_words{"alike", "each"};
constexpr std::array<std::string_view, 5> metric_words{"step_time", "days", "cost", "cost_per_token",
                                                       "memory"};

bool is_auto(const Reader& r, std::string_view key) {
  if (!r.has(key)) return true;
  const Json& value = *r.value().find(key);
  return value.is(Json::Kind::string) && value.string() == "auto";
}

// A member that is "auto", one value or an array of different values, read by `one`.
template <class T, class One>
std::vector<T> choices(const Reader& r, std::string_view key, One one) {
  std::vector<T> out;
  if (is_auto(r, key)) return out;
  if (!r.value().find(key)->is(Json::Kind::array)) return {one(r.part(key))};
  for (const Reader& item : r.array(key)) {
    const T value = one(item);
    for (const T& other : out)
      if (value == other) fail(item.where(), "different values", describe(item.value()) + " again");
    out.push_back(value);
  }
  if (out.empty()) r.fail_at(key, "\"auto\", a value or an array of values");
  return out;
}

std::vector<std::int64_t> integers(const Reader& r, std::string_view key, std::int64_t high) {
  return choices<std::int64_t>(r, key, [high](const Reader& v) { return v.as_integer(1, high); });
}

template <class T, std::size_t n>
std::vector<T> words(const Reader& r, std::string_view key, const std::array<std::string_view, n>& all) {
  return choices<T>(r, key, [&all](const Reader& v) { return static_cast<T>(v.as_word(all)); });
}

void read_limit(const Reader& r, Objective& o, Metric metric) {
  switch (metric) {
    case Metric::step_time:
      o.step_time_at_most = r.duration("at_most");
      break;
    case Metric::days:
      o.run_at_most = r.duration("at_most");
      break;
    case Metric::cost:
      o.cost_at_most = r.dollars("at_most");
      break;
    case Metric::cost_per_token:
      o.cost_per_token_at_most = r.dollars("at_most");
      break;
    case Metric::memory:
      o.memory_at_most = r.percent("at_most");
      break;
  }
  const bool good = metric == Metric::step_time        ? o.step_time_at_most.v > 0
                    : metric == Metric::days           ? o.run_at_most.v > 0
                    : metric == Metric::cost           ? o.cost_at_most.v > 0
                    : metric == Metric::cost_per_token ? o.cost_per_token_at_most.v > 0
                                                       : o.memory_at_most > 0 && o.memory_at_most <= 1;
  if (!good)
    r.fail_at("at_most",
              metric == Metric::memory ? "a percentage above 0 % and up to 100 %" : "a limit above 0");
}

Metric read_metric(const Reader& r, std::string_view key, const Training& training, const Cluster& cluster) {
  const auto metric = static_cast<Metric>(r.word(key, metric_words));
  if ((metric == Metric::days || metric == Metric::cost) && training.tokens == 0)
    r.fail_at(key, "a metric that needs no \"tokens\" in /train, or these tokens");
  if ((metric == Metric::cost || metric == Metric::cost_per_token) && cluster.prices.gpu_hour == 0)
    r.fail_at(key, "a metric that needs no \"gpu_hour\" in /cluster/price, or this price");
  return metric;
}

template <class T>
void set_choices(Json& j, const char* key, const std::vector<T>& values) {
  if (values.empty()) return;
  Json out = Json::array();
  for (const auto value : values) out.push(Json(value));
  j.set(key, std::move(out));
}

template <class T, std::size_t n>
void set_words(Json& j, const char* key, const std::vector<T>& values,
               const std::array<std::string_view, n>& all) {
  std::vector<std::string_view> out;
  for (const T value : values) out.push_back(all[static_cast<std::size_t>(value)]);
  set_choices(j, key, out);
}

Json limit(Metric metric, std::string at_most) {
  return Json::object(
      {{"metric", metric_words[static_cast<std::size_t>(metric)]}, {"at_most", std::move(at_most)}});
}

}  // namespace

Search read_search(const Reader& r) {
  Search s;
  s.tp = integers(r, "tp", most_ways);
  s.cp = integers(r, "cp", most_ways);
  s.pp = integers(r, "pp", most_ways);
  s.dp = integers(r, "dp", most_replicas);
  s.virtual_stages = integers(r, "virtual_stages", most_layers);
  s.micro_batch = integers(r, "micro_batch", most_tokens);
  s.zero = choices<Zero>(r, "zero", [](const Reader& v) { return static_cast<Zero>(v.as_integer(0, 3)); });
  s.recompute = words<Recompute>(r, "recompute", recompute_words);
  s.schedules = words<Schedule>(r, "schedules", schedule_words);
  s.sequence_parallel = choices<bool>(r, "sequence_parallel", [](const Reader& v) { return v.as_boolean(); });
  if (r.has("layers")) s.each_layer = r.word("layers", layers_words) == 1;
  s.top = static_cast<int>(r.integer_or("top", s.top, 1, 1000));
  if (r.has("budget")) s.budget = r.duration("budget");
  r.done();
  return s;
}

Objective read_objective(const Reader& r, const Training& training, const Cluster& cluster) {
  Objective o;
  if (r.has("minimize")) o.minimize = read_metric(r, "minimize", training, cluster);
  std::array<bool, metric_words.size()> seen{};
  for (const Reader& item : r.array_if("subject_to")) {
    const Metric metric = read_metric(item, "metric", training, cluster);
    bool& again = seen[static_cast<std::size_t>(metric)];
    if (again) item.fail_at("metric", "one limit a metric");
    again = true;
    read_limit(item, o, metric);
    item.done();
  }
  r.done();
  return o;
}

Json write_search(const Search& s) {
  Json j = Json::object();
  set_choices(j, "tp", s.tp);
  set_choices(j, "cp", s.cp);
  set_choices(j, "pp", s.pp);
  set_choices(j, "dp", s.dp);
  set_choices(j, "virtual_stages", s.virtual_stages);
  set_choices(j, "micro_batch", s.micro_batch);
  std::vector<int> stages;
  for (const Zero zero : s.zero) stages.push_back(static_cast<int>(zero));
  set_choices(j, "zero", stages);
  set_words(j, "recompute", s.recompute, recompute_words);
  set_words(j, "schedules", s.schedules, schedule_words);
  set_choices(j, "sequence_parallel", s.sequence_parallel);
  if (s.each_layer) j.set("layers", layers_words[1]);
  j.set("top", s.top);
  if (s.budget.v > 0) j.set("budget", exact(s.budget));
  return j;
}

Json write_objective(const Objective& o) {
  Json j = Json::object(), limits = Json::array();
  j.set("minimize", metric_words[static_cast<std::size_t>(o.minimize)]);
  const auto number = [](double v) { return Json(v).dump(false); };
  if (o.step_time_at_most.v > 0) limits.push(limit(Metric::step_time, exact(o.step_time_at_most)));
  if (o.run_at_most.v > 0) limits.push(limit(Metric::days, exact(o.run_at_most)));
  if (o.cost_at_most.v > 0) limits.push(limit(Metric::cost, number(o.cost_at_most.v) + " USD"));
  if (o.cost_per_token_at_most.v > 0)
    limits.push(limit(Metric::cost_per_token, number(o.cost_per_token_at_most.v) + " USD"));
  if (o.memory_at_most < 1) limits.push(limit(Metric::memory, number(o.memory_at_most * 100) + " %"));
  if (!limits.items().empty()) j.set("subject_to", std::move(limits));
  return j;
}

}  // namespace orrery
