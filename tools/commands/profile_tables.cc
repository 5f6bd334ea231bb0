#include "tools/commands/profile_tables.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sim/base/units.h"
#include "tools/table.h"

namespace orrery {
namespace {

constexpr std::size_t rows_of_a_kind = 12, longest_name = 60;

std::string value_text(What what, double v) {
  if (v < 0) return "-" + value_text(what, -v);
  if (unit(what) == "s") return text(Seconds{v});
  if (unit(what) == "B/s") return text(BytesPerSecond{v});
  if (unit(what) == "B") return text(Bytes{static_cast<std::int64_t>(v)});
  if (unit(what) == "FLOP/s") return text(FlopsPerSecond{v});
  if (unit(what) == "1/s") return text_count(v) + "/s";
  char out[32];
  std::snprintf(out, sizeof out, "%.4g", v);
  return out;
}

std::string shortened(const std::string& name) {
  if (name.size() <= longest_name) return name;
  std::size_t end = longest_name;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)
    --end;  // not inside a UTF-8 character
  return name.substr(0, end) + "...";
}

// "all_reduce, 8 ranks, 1 node, 32 MiB": conditions in the order of their declaration.
std::string conditions(const Measurement& m) {
  std::string out = shortened(m.name);
  const auto add = [&](const std::string& part) { out += (out.empty() || part.empty() ? "" : ", ") + part; };
  const auto counted = [&](const Condition& c, const char* one, const char* many) {
    if (c) add(std::to_string(*c) + " " + (*c == 1 ? one : many));
  };
  add(m.detail);
  add(m.type);
  counted(m.ranks, "rank", "ranks");
  counted(m.nodes, "node", "nodes");
  if (m.bytes) add(text(Bytes{*m.bytes}));
  if (m.in_place == 1) add("in place");
  if (m.batch) add("batch " + std::to_string(*m.batch));
  if (m.m && m.n && m.k)
    add(std::to_string(*m.m) + " x " + std::to_string(*m.n) + " x " + std::to_string(*m.k));
  if (m.sequence) add("sequence " + std::to_string(*m.sequence));
  counted(m.layers, "layer", "layers");
  if (m.tensor) add("tensor " + std::to_string(*m.tensor));
  if (m.rank) add("rank " + std::to_string(*m.rank));
  if (m.step) add("step " + std::to_string(*m.step));
  return out;
}

std::string spread(const Measurement& m) {
  if (m.value.count == 1) return "";
  return value_text(m.what, m.value.lower_quartile) + " .. " + value_text(m.what, m.value.upper_quartile);
}

// Kernels by the time that they take in all, longest first; the rest as they came.
std::vector<const Measurement*> in_order(const Source& s) {
  std::vector<const Measurement*> rows;
  for (const Measurement& m : s.measurements) rows.push_back(&m);
  const auto total = [](const Measurement* m) {
    return static_cast<double>(m->value.count) * m->value.median;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const Measurement* a, const Measurement* b) {
    if (a->what != b->what) return a->what < b->what;
    return a->what == What::kernel && total(a) > total(b);
  });
  return rows;
}

std::string heading(const Source& s) {
  std::string out = s.file + ": " + s.format;
  for (const std::string& fact : {s.software, s.device})
    if (!fact.empty()) out += ", " + fact;
  return out + "\n";
}

std::string table_of(const Source& s, bool all) {
  Table table({"quantity", "of", ">count", ">median", ">quartiles"});
  std::array<std::size_t, what_count> shown{}, left{};
  for (const Measurement* m : in_order(s)) {
    const auto kind = static_cast<std::size_t>(m->what);
    if (!all && shown[kind] >= rows_of_a_kind) {
      ++left[kind];
      continue;
    }
    ++shown[kind];
    table.row({std::string(name(m->what)), conditions(*m), std::to_string(m->value.count),
               value_text(m->what, m->value.median), spread(*m)});
  }
  std::string out = table.text();
  for (std::size_t kind = 0; kind < what_count; ++kind)
    if (left[kind] > 0)
      out += std::to_string(left[kind]) + " more of " + std::string(name(static_cast<What>(kind))) +
             " (--all)\n";
  for (const std::string& note : s.notes) out += "note: " + note + "\n";
  return out;
}

std::string percent(double share) {
  char out[32];
  std::snprintf(out, sizeof out, "%.2f %%", 100 * share);
  return out;
}

}  // namespace

std::string profile_tables(std::span<const Source> sources, bool all) {
  std::string out;
  for (const Source& s : sources) out += (out.empty() ? "" : "\n") + heading(s) + table_of(s, all);
  return out;
}

std::string fit_table(const ImportFit& fitted) {
  Table table({"fitted", ">points", ">mean error", ">median", ">worst", ">bias"});
  for (const FitLine& line : fitted.lines) {
    const Errors& e = line.errors;
    table.row({line.what, std::to_string(e.points), percent(e.mape), percent(e.median), percent(e.worst),
               percent(e.bias)});
  }
  std::string out = "\n" + table.text();
  for (const std::string& why : fitted.left_out) out += "left out: " + why + "\n";
  return out;
}

}  // namespace orrery
