#include "sim/report/compare.h"

#include <algorithm>
#include <cmath>

#include "sim/base/units.h"
#include "sim/report/format.h"
#include "sim/report/metrics.h"
#include "sim/report/tables.h"

namespace orrery {
namespace {

using namespace report;

std::string letter(std::size_t i) {
  return i < 26 ? std::string(1, static_cast<char>('A' + i)) : std::to_string(i);
}

std::string signed_text(double v, const std::string& magnitude) { return (v < 0 ? "-" : "+") + magnitude; }
std::string seconds_change(double s) {
  return s == 0 ? "same" : signed_text(s, orrery::text(Seconds{std::abs(s)}));
}
std::string relative(double v, double base) {
  if (v == base) return "same";
  return base == 0 ? "new" : signed_text(v - base, percent(std::abs(v / base - 1)));
}

// Rows of a comparison: a name, the first's value, then value and change of each other.
class Rows {
 public:
  Rows(std::span<const Report> reports, std::string heading)
      : reports_(reports), cells_{{std::move(heading)}} {
    for (std::size_t i = 0; i < reports.size(); ++i) {
      cells_[0].push_back(letter(i));
      if (i > 0) cells_[0].push_back(letter(i) + " against A");
    }
  }

  template <class Value, class Text, class Change>
  void add(std::string name, Value value, Text text, Change change) {
    std::vector<std::string> row{std::move(name)};
    const double first = value(reports_[0]);
    for (std::size_t i = 0; i < reports_.size(); ++i) {
      const double v = value(reports_[i]);
      row.push_back(std::isfinite(v) ? text(v) : "-");
      if (i > 0) row.push_back(std::isfinite(v) && std::isfinite(first) ? change(v, first) : "-");
    }
    cells_.push_back(std::move(row));
  }
  Cells take() { return std::move(cells_); }

 private:
  std::span<const Report> reports_;
  Cells cells_;
};

double known(double v) { return v > 0 ? v : std::nan(""); }

Cells overview(std::span<const Report> reports) {
  Rows rows(reports, "");
  const auto seconds = [](double v) { return orrery::text(Seconds{v}); };
  rows.add(
      "step", [](const Report& r) { return to_seconds(r.step).v; }, seconds, relative);
  rows.add(
      "tokens/s", [](const Report& r) { return r.tokens_per_second; }, text_count, relative);
  rows.add(
      "tokens/s/GPU", [](const Report& r) { return r.tokens_per_second_per_gpu(); }, text_count, relative);
  rows.add(
      "TFLOP/s/GPU", [](const Report& r) { return r.efficiency[0].per_gpu.v / 1e12; },
      [](double v) { return fixed(v, 1); }, relative);
  const auto points = [](double v, double first) {
    return v == first ? std::string("same")
                      : signed_text(v - first, fixed(100 * std::abs(v - first), 1) + " points");
  };
  const auto share = [](double v) { return percent(v); };
  rows.add(
      "MFU", [](const Report& r) { return known(r.efficiency[0].of_peak); }, share, points);
  rows.add(
      "bubble", [](const Report& r) { return r.bubble_fraction; }, share, points);
  const auto gib = [](double v) { return gibibytes(static_cast<std::int64_t>(v)) + " GiB"; };
  const auto gib_change = [&](double v, double first) {
    return v == first ? std::string("same") : signed_text(v - first, gib(std::abs(v - first)));
  };
  rows.add(
      "peak memory", [](const Report& r) { return static_cast<double>(r.stages[r.fullest()].memory.peak.v); },
      gib, gib_change);
  rows.add(
      "GPUs", [](const Report& r) { return static_cast<double>(r.ranks); }, text_count, relative);
  rows.add(
      "days", [](const Report& r) { return known(r.cost.duration.v / 86400); },
      [](double v) { return fixed(v, 1); }, relative);
  rows.add(
      "cost", [](const Report& r) { return known(r.cost.total.v); }, dollars, relative);
  return rows.take();
}

Cells where(std::span<const Report> reports) {
  Rows rows(reports, "part of the step");
  for (std::size_t i = 0; i < category_count; ++i) {
    if (std::all_of(reports.begin(), reports.end(), [&](const Report& r) { return r.where.time[i].v == 0; }))
      continue;
    rows.add(
        std::string(name(static_cast<Category>(i))),
        [&](const Report& r) { return to_seconds(r.where.time[i]).v; },
        [](double v) { return orrery::text(Seconds{v}); },
        [](double v, double first) { return seconds_change(v - first); });
  }
  return rows.take();
}

Cells memory(std::span<const Report> reports) {
  Rows rows(reports, "memory of the fullest stage (GiB)");
  const auto gib = [](double v) { return gibibytes(static_cast<std::int64_t>(v)); };
  const auto change = [&](double v, double first) {
    return v == first ? std::string("same") : signed_text(v - first, gib(std::abs(v - first)));
  };
  for (std::size_t c = 0; c < component_count; ++c)
    rows.add(
        std::string(name(static_cast<Component>(c))),
        [&](const Report& r) { return static_cast<double>(r.stages[r.fullest()].memory.at_peak[c].v); }, gib,
        change);
  rows.add(
      "constants",
      [](const Report& r) { return static_cast<double>(r.stages[r.fullest()].memory.constants.v); }, gib,
      change);
  rows.add(
      "free", [](const Report& r) { return static_cast<double>(r.stages[r.fullest()].memory.room().v); }, gib,
      change);
  return rows.take();
}

std::string run_name(const Report& r) {
  return (r.origin.scenario.empty() ? "" : r.origin.scenario + ": ") + headline(r) + ", " + r.plan;
}

std::string pipes(const Cells& cells) {
  std::string out;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    for (const std::string& cell : cells[r]) out += "| " + cell + " ";
    out += "|\n";
    if (r == 0) {
      out += "| :-- ";
      for (std::size_t c = 1; c < cells[0].size(); ++c) out += "| --: ";
      out += "|\n";
    }
  }
  return out + "\n";
}

}  // namespace

std::vector<std::string> verdicts(std::span<const Report> reports) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < reports.size(); ++i) {
    const Report &a = reports[0], &b = reports[i];
    std::string line = letter(i) + " takes ";
    const double change = b.step / a.step - 1;
    line += b.step == a.step ? "as long as A"
                             : percent(std::abs(change)) +
                                   (change < 0 ? " less time a step than A" : " more time a step than A");
    std::vector<std::pair<Tick, std::size_t>> parts;
    for (std::size_t c = 0; c < category_count; ++c)
      if (const Tick d = b.where.time[c] - a.where.time[c]; d.v != 0) parts.push_back({d, c});
    std::stable_sort(parts.begin(), parts.end(),
                     [](const auto& x, const auto& y) { return std::abs(x.first.v) > std::abs(y.first.v); });
    for (std::size_t p = 0; p < parts.size() && p < 3; ++p)
      line += (p == 0 ? ": " : ", ") + seconds_change(to_seconds(parts[p].first).v) + " " +
              std::string(name(static_cast<Category>(parts[p].second)));
    out.push_back(line);
  }
  return out;
}

std::string compare_text(std::span<const Report> reports) {
  std::string out;
  if (reports.empty()) return out;
  for (std::size_t i = 0; i < reports.size(); ++i) out += letter(i) + "  " + run_name(reports[i]) + "\n";
  for (const Cells& cells : {overview(reports), where(reports), memory(reports)})
    out += "\n" + table(cells, {0});
  out += "\n";
  for (const std::string& v : verdicts(reports)) out += v + "\n";
  return out;
}

std::string compare_markdown(std::span<const Report> reports) {
  std::string out;
  if (reports.empty()) return out;
  for (std::size_t i = 0; i < reports.size(); ++i)
    out += "- **" + letter(i) + "**: " + run_name(reports[i]) + "\n";
  out += "\n";
  for (const Cells& cells : {overview(reports), where(reports), memory(reports)}) out += pipes(cells);
  for (const std::string& v : verdicts(reports)) out += v + ".\n";
  return out;
}

Json compare_json(std::span<const Report> reports) {
  Json runs = Json::array(), lines = Json::object();
  std::vector<std::vector<Quantified>> all;
  for (const Report& r : reports) {
    runs.push(Json::object({{"scenario", r.origin.scenario},
                            {"model", r.model},
                            {"cluster", r.cluster},
                            {"plan", r.plan},
                            {"ranks", r.ranks}}));
    all.push_back(metrics(r));
  }
  for (const Quantified& q : all.empty() ? std::vector<Quantified>{} : all[0]) {
    if (q.name.rfind("stages.", 0) == 0) continue;
    Json values = Json::array(), changes = Json::array();
    for (const std::vector<Quantified>& list : all) {
      const auto at =
          std::find_if(list.begin(), list.end(), [&](const Quantified& o) { return o.name == q.name; });
      values.push(at == list.end() ? Json() : Json(at->value));
      changes.push(at == list.end() || q.value == 0 ? Json() : Json(at->value / q.value - 1));
    }
    lines.set(q.name, Json::object(
                          {{"unit", q.unit}, {"values", std::move(values)}, {"change", std::move(changes)}}));
  }
  return Json::object(
      {{"schema", "orrery.comparison/1"}, {"runs", std::move(runs)}, {"metrics", std::move(lines)}});
}

}  // namespace orrery
