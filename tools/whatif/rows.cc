#include "tools/whatif/rows.h"

#include <array>
#include <vector>

#include "sim/base/reader.h"
#include "tools/errors.h"
#include "tools/table.h"

namespace orrery {
namespace {

constexpr std::string_view schema = "orrery.whatif/1";

// The numbers of a row, in order of columns.
struct Column {
  std::string_view name;
  double (*get)(const Answer&);
  void (*set)(Answer&, double);
};
constexpr double day = 86400;
constexpr std::array<Column, 8> columns{{
    {"step_s", [](const Answer& a) { return a.step.v; }, [](Answer& a, double v) { a.step.v = v; }},
    {"tokens_per_second", [](const Answer& a) { return a.tokens_per_second; },
     [](Answer& a, double v) { a.tokens_per_second = v; }},
    {"mfu", [](const Answer& a) { return a.mfu; }, [](Answer& a, double v) { a.mfu = v; }},
    {"memory_bytes", [](const Answer& a) { return static_cast<double>(a.memory.v); },
     [](Answer& a, double v) { a.memory.v = static_cast<std::int64_t>(v); }},
    {"days", [](const Answer& a) { return a.run.v / day; }, [](Answer& a, double v) { a.run.v = v * day; }},
    {"dollars", [](const Answer& a) { return a.cost.v; }, [](Answer& a, double v) { a.cost.v = v; }},
    {"dollars_per_million_tokens", [](const Answer& a) { return a.per_million_tokens.v; },
     [](Answer& a, double v) { a.per_million_tokens.v = v; }},
    {"gap", [](const Answer& a) { return a.gap; }, [](Answer& a, double v) { a.gap = v; }},
}};

// A count of bytes is whole; what is unknown is 0.
Json number(const Column& column, const Answer& a) {
  const double v = column.get(a);
  return column.name == "memory_bytes" ? Json(static_cast<std::int64_t>(v)) : Json(v);
}

class JsonRows : public RowFormat {
 public:
  JsonRows(const Grid& grid, SweepName name) : grid_(grid), name_(std::move(name)) {}

  std::string header() const override {
    Json axes = Json::array();
    for (const Axis& axis : grid_.axes())
      axes.push(Json::object({{"path", axis.path}, {"values", axis.values.size()}}));
    const Json head = Json::object({{"schema", schema},
                                    {"scenario", name_.scenario},
                                    {"version", name_.version},
                                    {"mode", name_.mode},
                                    {"axes", std::move(axes)},
                                    {"points", grid_.size()},
                                    {"digest", name_.digest}});
    return head.dump(false) + "\n";
  }

  std::string row(std::size_t point, const Answer& a) const override {
    Json set = Json::object();
    for (std::size_t i = 0; i < grid_.axes().size(); ++i)
      set.set(grid_.axes()[i].path, grid_.value(point, i));
    Json out = Json::object({{"point", point},
                             {"set", std::move(set)},
                             {"outcome", name(a.outcome)},
                             {"gpus", a.gpus},
                             {"device", a.device}});
    if (a.outcome != Outcome::ok) return out.set("message", a.message).dump(false) + "\n";
    out.set("plan", a.plan).set("replay", a.shared ? "shared" : "static");
    for (const Column& c : columns) out.set(std::string(c.name), number(c, a));
    return out.dump(false) + "\n";
  }

  std::optional<Answer> read(std::size_t point, std::string_view line) const override {
    const Json document = parse_json(line, "a row");
    const Reader r(document, "a row");
    if (!document.is(Json::Kind::object) || !r.has("point") ||
        r.integer("point", 0, most_points) != static_cast<std::int64_t>(point))
      return std::nullopt;
    const auto outcome = outcome_of(r.string("outcome"));
    if (!outcome) return std::nullopt;
    Answer a;
    a.outcome = *outcome;
    a.gpus = static_cast<int>(r.integer("gpus", 0, 1'000'000'000));
    a.device = r.string("device");
    a.message = r.string_or("message", "");
    if (a.outcome != Outcome::ok) return a;
    a.plan = r.string("plan");
    a.shared = r.string("replay") == "shared";
    for (const Column& c : columns) c.set(a, r.number(c.name, 0, 1e300));
    return a;
  }

 private:
  const Grid& grid_;
  SweepName name_;
};

// The cells of a line of CSV.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        out.back() += line[i++];
      else
        quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else if (c != '\r') {
      out.back() += c;
    }
  }
  return out;
}

class CsvRows : public RowFormat {
 public:
  CsvRows(const Grid& grid, SweepName name) : grid_(grid), name_(std::move(name)) {}

  std::string header() const override {
    std::vector<std::string> titles{"point"};
    for (const Axis& axis : grid_.axes()) titles.push_back(axis.path);
    for (const char* title : {"outcome", "gpus", "device", "plan", "replay"}) titles.emplace_back(title);
    for (const Column& c : columns) titles.emplace_back(c.name);
    titles.emplace_back("message");
    return "# " + std::string(schema) + " " + name_.mode + " digest " + name_.digest + "\r\n" +
           csv_line(titles);
  }

  std::string row(std::size_t point, const Answer& a) const override {
    const bool ok = a.outcome == Outcome::ok;
    std::vector<std::string> cells{std::to_string(point)};
    for (std::size_t i = 0; i < grid_.axes().size(); ++i) cells.push_back(shown(grid_.value(point, i)));
    cells.insert(cells.end(), {std::string(name(a.outcome)), std::to_string(a.gpus), a.device, a.plan,
                               !ok        ? ""
                               : a.shared ? "shared"
                                          : "static"});
    for (const Column& c : columns) cells.push_back(ok ? number(c, a).dump(false) : "");
    cells.push_back(a.message);
    return csv_line(cells);
  }

  std::optional<Answer> read(std::size_t point, std::string_view line) const override {
    const std::vector<std::string> cells = cells_of(line);
    const std::size_t first = 1 + grid_.axes().size();
    if (cells.size() != first + 5 + columns.size() + 1 || cells.front() != std::to_string(point))
      return std::nullopt;
    const auto outcome = outcome_of(cells[first]);
    if (!outcome) return std::nullopt;
    Answer a;
    a.outcome = *outcome;
    a.gpus = std::atoi(cells[first + 1].c_str());
    a.device = cells[first + 2];
    a.plan = cells[first + 3];
    a.shared = cells[first + 4] == "shared";
    a.message = cells.back();
    if (a.outcome == Outcome::ok)
      for (std::size_t c = 0; c < columns.size(); ++c)
        columns[c].set(a, std::atof(cells[first + 5 + c].c_str()));
    return a;
  }

 private:
  const Grid& grid_;
  SweepName name_;
};

}  // namespace

std::string shown(const Json& value) {
  return value.is(Json::Kind::string) ? value.string() : value.dump(false);
}

std::unique_ptr<RowFormat> row_format(const std::string& file, const Grid& grid, SweepName name) {
  if (file == "-" || file.ends_with(".jsonl")) return std::make_unique<JsonRows>(grid, std::move(name));
  if (file.ends_with(".csv")) return std::make_unique<CsvRows>(grid, std::move(name));
  throw UsageError("--out takes a file that ends in .jsonl or .csv, or - for JSON lines, not " + file);
}

}  // namespace orrery
