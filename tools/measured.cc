#include "tools/measured.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "tools/table.h"

namespace orrery {
namespace {

struct Entry {
  std::uint32_t id = 0;
  std::int64_t start = 0, end = 0;
};

constexpr double seconds_a_tick = 1e-12;

// When the last member of each instruction's meeting had started; its own start if it is in none.
std::vector<Tick> begins(const Program& p, const Timeline& t) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Tick> meetings;
  for_each_instruction(p, [&](const Instruction& i) {
    if (!is_meeting(i.kind)) return;
    Tick& latest = meetings[{i.group, i.sequence}];
    latest = std::max(latest, t.start[i.id.i]);
  });
  std::vector<Tick> out(t.start);
  for_each_instruction(p, [&](const Instruction& i) {
    if (is_meeting(i.kind)) out[i.id.i] = meetings[{i.group, i.sequence}];
  });
  return out;
}

std::string class_name(const Instruction& i) {
  if (i.kind == Kind::compute) return std::string(name(i.tags.op)) + " " + std::string(name(i.tags.pass));
  if (is_meeting(i.kind)) return std::string(name(i.kind)) + " " + std::string(name(i.role));
  return std::string(name(i.kind));
}

}  // namespace

std::string pack(const Issues& issues, const Timeline& t) {
  std::string out(issues.list.size() * sizeof(Entry), '\0');
  for (std::size_t i = 0; i < issues.list.size() && i < t.start.size(); ++i) {
    const Entry e{issues.list[i].id, t.start[i].v, t.end[i].v};
    std::memcpy(out.data() + i * sizeof(Entry), &e, sizeof e);
  }
  return out;
}

Timeline unpack(const Program& p, const std::vector<std::string>& by_rank) {
  Timeline out;
  out.start.resize(p.size());
  out.end.resize(p.size());
  std::int64_t first = INT64_MAX;
  std::vector<Entry> entries;
  for (const std::string& text : by_rank) {
    for (std::size_t at = 0; at + sizeof(Entry) <= text.size(); at += sizeof(Entry)) {
      Entry& e = entries.emplace_back();
      std::memcpy(&e, text.data() + at, sizeof e);
      if (e.start > 0) first = std::min(first, e.start);
    }
  }
  // Instructions without work (a fetch of tokens on the host) have no time of their own.
  for (const Entry& e : entries) {
    out.start[e.id] = {std::max<std::int64_t>(e.start - first, 0)};
    out.end[e.id] = {std::max(out.start[e.id].v, e.end - first)};
  }
  return out;
}

std::vector<ClassTimes> by_class(const Program& p, const Timeline& predicted, const Timeline& measured) {
  const std::vector<Tick> begin_predicted = begins(p, predicted), begin_measured = begins(p, measured);
  std::map<std::string, ClassTimes> classes;
  const double ranks = p.players();
  for_each_instruction(p, [&](const Instruction& i) {
    ClassTimes& c = classes[class_name(i)];
    ++c.count;
    c.predicted +=
        static_cast<double>((predicted.end[i.id.i] - begin_predicted[i.id.i]).v) * seconds_a_tick / ranks;
    c.measured +=
        static_cast<double>((measured.end[i.id.i] - begin_measured[i.id.i]).v) * seconds_a_tick / ranks;
  });
  std::vector<ClassTimes> out;
  for (auto& [name, times] : classes) {
    times.name = name;
    out.push_back(times);
  }
  std::sort(out.begin(), out.end(), [](const ClassTimes& a, const ClassTimes& b) {
    const double x = std::max(a.predicted, a.measured), y = std::max(b.predicted, b.measured);
    return x != y ? x > y : a.name < b.name;
  });
  return out;
}

Json to_json(const std::vector<ClassTimes>& classes) {
  Json out = Json::array();
  for (const ClassTimes& c : classes) {
    Json entry = Json::object();
    entry.set("class", c.name)
        .set("count", static_cast<std::int64_t>(c.count))
        .set("predicted_seconds", c.predicted)
        .set("measured_seconds", c.measured);
    out.push(std::move(entry));
  }
  return out;
}

std::string text(const std::vector<ClassTimes>& classes, std::size_t most) {
  std::string out = fmt::format("  {:<34} {:>7} {:>12} {:>12} {:>9}\n", "instructions, mean of ranks",
                                "count", "predicted", "measured", "error");
  for (std::size_t i = 0; i < classes.size() && i < most; ++i) {
    const ClassTimes& c = classes[i];
    const std::string error =
        c.measured > 0 ? fmt::format("{:+.1f} %", (c.predicted / c.measured - 1) * 100) : "";
    out += fmt::format("  {:<34} {:>7} {:>9.3f} ms {:>9.3f} ms {:>9}\n", c.name, c.count, c.predicted * 1e3,
                       c.measured * 1e3, error);
  }
  return out;
}

}  // namespace orrery
