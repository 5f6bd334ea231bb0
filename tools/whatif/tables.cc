#include "tools/whatif/tables.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sim/base/units.h"
#include "tools/whatif/rows.h"

namespace orrery {
namespace {

std::string fixed(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

std::string dollars(double v) { return "$" + text_count(v); }

std::string signed_percent(double share) { return (share < 0 ? "" : "+") + fixed(100 * share, 2) + " %"; }

// A number of two digits behind the first that is not 0, with its sign.
std::string signed_number(double v) {
  char text[64];
  std::snprintf(text, sizeof text, "%+.3g", v);
  return text;
}

std::vector<std::string> names_of(const std::string& path) {
  std::vector<std::string> out(1);
  for (const char c : path) {
    if (c == '.' || c == '/')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

// The last name of a path, and as many before it as tell it from the others.
std::string title(const Grid& grid, std::size_t axis) {
  const std::vector<std::string> mine = names_of(grid.axes()[axis].path);
  std::string out = mine.back();
  for (std::size_t more = 1; more < mine.size(); ++more) {
    const auto ends_so = [&](const Axis& other) {
      return &other != &grid.axes()[axis] && other.path.ends_with(out);
    };
    if (std::none_of(grid.axes().begin(), grid.axes().end(), ends_so)) break;
    out = mine[mine.size() - 1 - more] + "." + out;
  }
  return out;
}

bool any(std::span<const Answer> answers, Measure m) {
  return std::any_of(answers.begin(), answers.end(),
                     [m](const Answer& a) { return measured(a, m).has_value(); });
}

std::string change(const Answer& a, const Answer& base) {
  if (a.outcome != Outcome::ok) return std::string(name(a.outcome));
  return signed_percent(a.step.v / base.step.v - 1);
}

}  // namespace

std::string setting(const Grid& grid, std::size_t point) {
  std::string out;
  for (std::size_t a = 0; a < grid.axes().size(); ++a)
    out += (a ? ", " : "") + title(grid, a) + " " + shown(grid.value(point, a));
  return out.empty() ? "the scenario as it is" : out;
}

Table points_table(const Grid& grid, std::span<const std::size_t> points, std::span<const Answer> answers,
                   std::span<const std::size_t> front) {
  const bool days = any(answers, Measure::days), cost = any(answers, Measure::dollars);
  const bool per_token = any(answers, Measure::dollars_per_million_tokens);
  const bool gap = std::any_of(answers.begin(), answers.end(), [](const Answer& a) { return a.gap > 0; });
  std::vector<std::string> titles{">#"};
  for (std::size_t a = 0; a < grid.axes().size(); ++a) titles.push_back(">" + title(grid, a));
  for (const char* t : {">GPUs", "plan", ">step"}) titles.emplace_back(t);
  if (gap) titles.emplace_back(">gap");
  for (const char* t : {">tok/s/GPU", ">MFU", ">GiB peak"}) titles.emplace_back(t);
  if (days) titles.emplace_back(">days");
  if (cost) titles.emplace_back(">cost");
  if (per_token) titles.emplace_back(">$/M tokens");
  if (!front.empty()) titles.emplace_back("front");
  Table table(titles);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer& a = answers[i];
    std::vector<std::string> row{std::to_string(points[i])};
    for (std::size_t axis = 0; axis < grid.axes().size(); ++axis)
      row.push_back(shown(grid.value(points[i], axis)));
    row.push_back(std::to_string(a.gpus));
    if (a.outcome != Outcome::ok) {
      row.emplace_back(name(a.outcome));
      row.resize(titles.size());
    } else {
      row.insert(row.end(), {a.plan, text(a.step)});
      if (gap) row.push_back(fixed(100 * a.gap, 2) + " %");
      row.insert(row.end(), {text_count(a.tokens_per_second / a.gpus), fixed(100 * a.mfu, 1) + " %",
                             fixed(static_cast<double>(a.memory.v) / (1 << 30), 1)});
      if (days) row.push_back(fixed(a.run.v / 86400, 1));
      if (cost) row.push_back(dollars(a.cost.v));
      if (per_token) row.push_back("$" + fixed(a.per_million_tokens.v, 3));
      if (!front.empty()) row.push_back(std::find(front.begin(), front.end(), i) != front.end() ? "*" : "");
    }
    table.row(std::move(row));
  }
  return table;
}

std::string notes(std::span<const std::size_t> points, std::span<const Answer> answers) {
  constexpr std::size_t most = 10;
  std::string out;
  std::size_t found = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer& a = answers[i];
    if (a.outcome == Outcome::ok || ++found > most) continue;
    out += " " + std::to_string(points[i]) + ": " + std::string(name(a.outcome)) + ": " + a.message + "\n";
  }
  if (found > most) out += " and " + std::to_string(found - most) + " more without an answer\n";
  return out.empty() ? "" : "\n" + out;
}

namespace {

constexpr const char* why_it_hurts = ": on shared links a transfer that ends sooner can meet others\n";

// Of an axis that sets a bandwidth: its values in bytes a second; else empty.
std::vector<double> bandwidths(const Axis& axis) {
  std::vector<double> out;
  for (const Json& value : axis.values) {
    const auto rate = value.is(Json::Kind::string) ? parse_bandwidth(value.string()) : std::nullopt;
    if (!rate) return {};
    out.push_back(rate->v);
  }
  return out;
}

}  // namespace

std::string faster_link_notes(const Grid& grid, std::span<const Answer> answers) {
  std::string out;
  std::size_t stride = grid.size();
  for (std::size_t a = 0; a < grid.axes().size(); ++a) {
    const std::size_t values = grid.axes()[a].values.size();
    stride /= values;
    const std::vector<double> rates = bandwidths(grid.axes()[a]);
    std::size_t times = 0, worst = 0;
    double most = 0;
    for (std::size_t point = 0; point + stride < answers.size() && !rates.empty(); ++point) {
      const std::size_t at = point / stride % values;
      const Answer &x = answers[point], &y = answers[point + stride];
      if (at + 1 == values || x.outcome != Outcome::ok || y.outcome != Outcome::ok ||
          rates[at] == rates[at + 1])
        continue;
      const bool up = rates[at + 1] > rates[at];
      const double longer = up ? y.step.v / x.step.v - 1 : x.step.v / y.step.v - 1;
      if (!(longer > 0)) continue;
      ++times;
      if (longer > most) most = longer, worst = up ? point + stride : point;
    }
    if (times > 0)
      out += " a faster " + title(grid, a) + " lengthens the step " + std::to_string(times) +
             (times == 1 ? " time, " : " times, at most ") + signed_percent(most) + " at " +
             std::to_string(worst) + why_it_hurts;
  }
  return out.empty() ? out : "\n" + out;
}

std::string hurting_notes(std::span<const Effect> effects, const Answer& base) {
  std::string out;
  for (const Effect& e : effects)
    if (hurts(e, base))
      out += " a better " + std::string(name(e.knob)) + " lengthens the step" + why_it_hurts;
  return out.empty() ? out : "\n" + out;
}

Table tornado_table(std::span<const Effect> effects, const Answer& base) {
  Table table({"knob", ">less: step", ">more: step", ">less: seconds", ">more: seconds"});
  for (const Effect& e : effects) {
    const auto seconds = [&](const Answer& a) {
      return a.outcome == Outcome::ok ? signed_number(a.step.v - base.step.v) : std::string();
    };
    table.row({std::string(name(e.knob)), change(e.less, base), change(e.more, base), seconds(e.less),
               seconds(e.more)});
  }
  return table;
}

Table shadow_table(std::span<const ShadowPrice> prices, const Scenario& s) {
  const bool dollars_known =
      std::any_of(prices.begin(), prices.end(), [](const ShadowPrice& p) { return p.run != 0; });
  std::vector<std::string> titles{"one more", ">of", ">seconds a step"};
  if (dollars_known) titles.emplace_back(">dollars a run");
  titles.emplace_back("by");
  Table table(titles);
  for (const ShadowPrice& p : prices) {
    std::vector<std::string> row{std::string(unit(p.knob)) + " of " + std::string(name(p.knob)),
                                 fixed(figure(p.knob, s), 1), signed_number(p.step)};
    if (dollars_known) row.push_back(signed_number(p.run));
    row.emplace_back(p.by_path ? "critical path" : "difference");
    table.row(std::move(row));
  }
  return table;
}

}  // namespace orrery
