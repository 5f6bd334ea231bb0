#include "sim/report/csv.h"

#include <algorithm>

#include "sim/base/json.h"
#include "sim/report/metrics.h"

namespace orrery {
namespace {

std::string quoted(std::string_view s) {
  if (s.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(s);
  std::string out = "\"";
  for (const char c : s) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string number(double v) { return Json(v).dump(false); }

bool of_the_whole(const Quantified& q) { return q.name.rfind("stages.", 0) != 0; }

}  // namespace

std::string csv(const Report& r) {
  std::string out = "metric,value,unit,low,high,evidence\n";
  for (const Quantified& q : metrics(r))
    out += q.name + "," + number(q.value) + "," + q.unit + "," + number(q.low) + "," + number(q.high) + "," +
           std::string(name(q.evidence)) + "\n";
  return out;
}

std::string csv(std::span<const Report> reports) {
  std::vector<std::vector<Quantified>> rows;
  std::vector<std::string> columns;  // in order of first appearance
  for (const Report& r : reports) {
    rows.push_back(metrics(r));
    for (const Quantified& q : rows.back())
      if (of_the_whole(q) && std::find(columns.begin(), columns.end(), q.name) == columns.end())
        columns.push_back(q.name);
  }
  std::string out = "scenario,model,cluster,plan";
  for (const std::string& c : columns) out += "," + c;
  out += "\n";
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const Report& r = reports[i];
    out += quoted(r.origin.scenario) + "," + quoted(r.model) + "," + quoted(r.cluster) + "," + quoted(r.plan);
    for (const std::string& c : columns) {
      const auto at =
          std::find_if(rows[i].begin(), rows[i].end(), [&](const Quantified& q) { return q.name == c; });
      out += "," + (at == rows[i].end() ? std::string() : number(at->value));
    }
    out += "\n";
  }
  return out;
}

}  // namespace orrery
