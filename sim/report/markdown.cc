#include "sim/report/markdown.h"

#include "sim/base/units.h"
#include "sim/report/format.h"
#include "sim/report/tables.h"

namespace orrery {
namespace {

using namespace report;

std::string escaped(std::string_view cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '<') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// A pipe table; all columns but the first `text_columns` flush right.
std::string pipe_table(const Cells& rows, std::size_t text_columns, std::size_t columns) {
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out += "|";
    for (std::size_t c = 0; c < columns; ++c)
      out += " " + (c < rows[r].size() ? escaped(rows[r][c]) : "") + " |";
    out += "\n";
    if (r > 0) continue;
    out += "|";
    for (std::size_t c = 0; c < columns; ++c) out += c < text_columns ? " :-- |" : " --: |";
    out += "\n";
  }
  return out;
}

}  // namespace

std::string markdown(const Report& r) {
  std::string out = "## " + escaped(r.origin.scenario.empty() ? r.model : r.origin.scenario) + "\n\n";
  out += escaped(headline(r)) + "\n\n";
  out += "- **Plan**: " + escaped(r.plan) + "\n- **Step**: " + escaped(speed_line(r)) +
         "\n- **Memory**: " + escaped(memory_line(r)) + "\n- **Evidence**: " + escaped(evidence_line(r)) +
         "\n- **Error**: " + escaped(error_line(r)) +
         "\n- **Prices**: " + escaped(r.calibration) + ", " + r.origin.replay + " replay\n";
  for (const std::string& line : cost_lines(r)) out += "- " + escaped(line) + "\n";
  for (const std::string& line : goodput_lines(r)) out += "- " + escaped(line) + "\n";

  out += "\n### Where one step goes (stage " + std::to_string(r.critical) + ")\n\n";
  Cells where{{"part", "time", "share"}};
  for (const Part& p : parts(r.where))
    where.push_back({std::string(name(p.category)), orrery::text(to_seconds(p.time)), tenths(p.tenths)});
  out += pipe_table(where, 1, 3);
  if (const Cells cells = communication_table(r); cells.size() > 1)
    out += "\n### Communication of that stage\n\n" + pipe_table(cells, 1, 4);
  out += "\n### Stages\n\n" + pipe_table(stage_table(r), 0, 7);
  out += "\n### Memory by stage (GiB)\n\n" + pipe_table(memory_table(r), 0, 9);
  out += "\n### Efficiency (dense " + std::string(name(r.peak_of)) + " peak " + fixed(r.peak.v / 1e12, 1) +
         " TFLOP/s)\n\n";
  return out + pipe_table(efficiency_table(r), 1, 3);
}

}  // namespace orrery
