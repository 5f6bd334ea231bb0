#include "profiler/validate_write.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace orrery {
namespace {

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double fraction) { return number("%.1f", 100 * fraction); }
std::string signed_percent(double fraction) { return number("%+.1f", 100 * fraction); }

Json or_null(bool known, double value) { return known ? Json(value) : Json(); }

Json errors_json(const Errors& e) {
  Json out = Json::object();
  const bool any = e.points > 0;
  out.set("runs", e.points);
  out.set("mape_pct", or_null(any, 100 * e.mape));
  out.set("median_pct", or_null(any, 100 * e.median));
  out.set("worst_pct", or_null(any, 100 * e.worst));
  out.set("bias_pct", or_null(any, 100 * e.bias));
  return out;
}

Json source_json(const SourceAccuracy& s) {
  Json out = Json::object();
  out.set("name", s.name);
  out.set("all", errors_json(s.all));
  out.set("held_out", errors_json(s.held_out));
  out.set("fitted", errors_json(s.fitted));
  out.set("memory", errors_json(s.memory));
  out.set("unsupported_runs", s.unsupported_runs());
  Json reasons = Json::object();
  for (const auto& [reason, count] : s.unsupported) reasons.set(reason, count);
  out.set("unsupported", std::move(reasons));
  return out;
}

Json run_json(const ValidatedRun& v) {
  Json out = Json::object();
  out.set("id", v.run.id);
  out.set("family", v.run.family);
  out.set("source", v.run.source);
  out.set("split", v.run.split);
  out.set("supported", v.supported);
  out.set("reason", v.reason);
  out.set("stack", v.stack);
  out.set("calibration", v.calibration);
  out.set("plan", v.plan);
  out.set("predicted_s", or_null(v.supported, v.predicted_s));
  out.set("measured_s", or_null(v.run.measured_s > 0, v.run.measured_s));
  out.set("error_pct", or_null(v.has_error(), v.has_error() ? v.error_pct() : 0));
  out.set("predicted_mem_gib", or_null(v.supported, v.predicted_mem_gib));
  out.set("measured_mem_gib", or_null(v.run.measured_mem_gib > 0, v.run.measured_mem_gib));
  return out;
}

// Columns of equal width; the first is text, the others numbers.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      width.resize(std::max(width.size(), i + 1));
      width[i] = std::max(width[i], row[i].size());
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(width[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i == 0 ? row[i] + pad : pad + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::vector<std::string> error_cells(const Errors& e) {
  if (e.points == 0) return {"0", "-", "-", "-", "-"};
  return {std::to_string(e.points), percent(e.mape), percent(e.median), signed_percent(e.worst),
          signed_percent(e.bias)};
}

const std::vector<std::string> titles = {"",     "runs",     "MAPE %", "median",       "worst",
                                         "bias", "held out", "MAPE %", "not supported"};

std::vector<std::string> source_cells(const SourceAccuracy& s) {
  std::vector<std::string> cells = {s.name};
  for (std::string& cell : error_cells(s.all)) cells.push_back(std::move(cell));
  cells.push_back(std::to_string(s.held_out.points));
  cells.push_back(s.held_out.points > 0 ? percent(s.held_out.mape) : "-");
  cells.push_back(s.unsupported_runs() > 0 ? std::to_string(s.unsupported_runs()) : "");
  return cells;
}

// Empty without a calibration that has held-out runs.
std::vector<std::vector<std::string>> calibration_rows(const Accuracy& a) {
  std::vector<std::vector<std::string>> rows;
  for (const CalibrationAccuracy& c : a.calibrations) {
    if (c.held_out.points == 0) continue;
    rows.push_back({c.name, std::to_string(c.held_out.points), percent(c.held_out.mape),
                    c.within > 0 ? percent(c.within) : "-"});
  }
  return rows;
}
const std::vector<std::string> calibration_titles = {"held-out runs under", "runs", "MAPE %",
                                                     "9 of 10 within %"};

std::vector<std::string> run_cells(const ValidatedRun& v) {
  const auto seconds = [](bool known, double s) { return known ? number("%.4g s", s) : std::string("-"); };
  const auto memory = [](bool known, double g) { return known ? number("%.1f GiB", g) : std::string("-"); };
  return {v.run.id,
          seconds(v.supported, v.predicted_s),
          seconds(v.run.measured_s > 0, v.run.measured_s),
          v.has_error() ? number("%+.1f %%", v.error_pct()) : "-",
          memory(v.supported, v.predicted_mem_gib),
          memory(v.run.measured_mem_gib > 0, v.run.measured_mem_gib)};
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

std::string markdown_rule(std::size_t cells) {
  std::string out = "|---|";
  for (std::size_t i = 1; i < cells; ++i) out += "---:|";
  return out + "\n";
}

constexpr const char* preface =
    "# Accuracy\n\n"
    "Written by `orrery validate scenarios/measured --md docs/accuracy.md`; the runs and their sources are "
    "under\n"
    "`scenarios/measured/`. Each published run is simulated as its source declares it, with the calibration "
    "of its\n"
    "software generation and device (`scenarios/stacks.json`). No run has a constant of its own: a "
    "calibration holds a few\n"
    "fitted constants, each with the runs that set it, and errors are given apart for *held-out* runs, which "
    "set none. An error\n"
    "is predicted over measured, less one; *worst* and *bias* (the mean) keep their sign. What the model "
    "leaves out, and\n"
    "which errors come from it, is in [model.md](model.md).\n\n";

}  // namespace

Json validation_json(std::span<const ValidatedRun> runs, const Accuracy& a) {
  Json list = Json::array();
  for (const ValidatedRun& v : runs) list.push(run_json(v));
  Json summary = source_json(a.total);
  summary.set("doubtful_runs", a.doubtful);
  Json families = Json::array(), sources = Json::array();
  for (const SourceAccuracy& s : a.families) families.push(source_json(s));
  for (const SourceAccuracy& s : a.sources) sources.push(source_json(s));
  Json calibrations = Json::array();
  for (const CalibrationAccuracy& c : a.calibrations)
    calibrations.push(Json::object({{"name", c.name},
                                    {"held_out", errors_json(c.held_out)},
                                    {"within_pct", or_null(c.within > 0, 100 * c.within)}}));
  summary.set("families", std::move(families));
  summary.set("sources", std::move(sources));
  summary.set("calibrations", std::move(calibrations));
  Json out = Json::object();
  out.set("schema", "orrery.validation/1");
  out.set("runs", std::move(list));
  out.set("summary", std::move(summary));
  return out;
}

std::string validation_text(std::span<const ValidatedRun> runs, const Accuracy& a, bool each_run) {
  std::string out;
  if (each_run) {
    std::vector<std::vector<std::string>> rows = {
        {"run", "predicted", "measured", "error", "predicted", "measured"}};
    for (const ValidatedRun& v : runs)
      if (v.supported) rows.push_back(run_cells(v));
    out += columns(rows) + "\n";
  }
  std::vector<std::vector<std::string>> rows = {titles};
  for (const SourceAccuracy& s : a.sources)
    if (s.all.points > 0 || s.memory.points > 0) rows.push_back(source_cells(s));
  rows.push_back(source_cells(a.total));
  out += columns(rows);
  if (a.doubtful > 0)
    out += std::to_string(a.doubtful) + " runs are doubtful by their own source and count in no error.\n";
  if (rows = calibration_rows(a); !rows.empty()) {
    rows.insert(rows.begin(), calibration_titles);
    out += "\n" + columns(rows);
  }
  if (a.total.memory.points > 0) {
    rows = {{"peak memory", "runs", "MAPE %", "median", "worst", "bias"}};
    for (const SourceAccuracy& s : a.sources) {
      if (s.memory.points == 0) continue;
      rows.push_back({s.name});
      for (std::string& cell : error_cells(s.memory)) rows.back().push_back(std::move(cell));
    }
    out += "\n" + columns(rows);
  }
  if (!a.total.unsupported.empty()) out += "\nNot supported:\n";
  for (const auto& [reason, count] : a.total.unsupported)
    out += number("%6.0f  ", static_cast<double>(count)) + reason + "\n";
  return out;
}

std::string validation_markdown(std::span<const ValidatedRun> runs, const Accuracy& a) {
  std::vector<std::string> head = titles;
  head[0] = "source";
  std::string out =
      std::string(preface) + "## Step time by source\n\n" + markdown_row(head) + markdown_rule(head.size());
  for (const SourceAccuracy& s : a.sources)
    if (s.all.points > 0) out += markdown_row(source_cells(s));
  out += markdown_row(source_cells(a.total));
  if (a.doubtful > 0)
    out += "\n" + std::to_string(a.doubtful) +
           " further runs are doubtful by their own source and count in no error.\n";
  if (a.total.memory.points > 0) {
    out += "\n## Peak memory by source\n\n" +
           markdown_row({"source", "runs", "MAPE %", "median", "worst", "bias"}) + markdown_rule(6);
    for (const SourceAccuracy& s : a.sources) {
      if (s.memory.points == 0) continue;
      std::vector<std::string> cells = {s.name};
      for (std::string& cell : error_cells(s.memory)) cells.push_back(std::move(cell));
      out += markdown_row(cells);
    }
  }
  if (const auto rows = calibration_rows(a); !rows.empty()) {
    out +=
        "\n## Held-out runs by calibration\n\nWhat a calibration states of itself as `held_out`, and what "
        "stands as "
        "+- beside a step: the share of the prediction\nthat nine in ten measured steps lie within.\n\n" +
        markdown_row(calibration_titles) + markdown_rule(4);
    for (const auto& row : rows) out += markdown_row(row);
  }
  if (!a.total.unsupported.empty()) {
    out += "\n## Not supported\n\n" + markdown_row({"reason", "runs"}) + markdown_rule(2);
    for (const auto& [reason, count] : a.total.unsupported)
      out += markdown_row({reason, std::to_string(count)});
  }
  out += "\n## Every run\n\n" +
         markdown_row(
             {"run", "predicted", "measured", "error", "memory predicted", "measured", "sets constants"}) +
         markdown_rule(7);
  for (const ValidatedRun& v : runs) {
    if (!v.supported) continue;
    std::vector<std::string> cells = run_cells(v);
    cells.push_back(may_fit(v.run) ? "yes" : "");
    out += markdown_row(cells);
  }
  return out;
}

}  // namespace orrery
