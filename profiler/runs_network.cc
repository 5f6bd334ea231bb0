#include "profiler/runs_network.h"

#include <string>
#include <vector>

#include "profiler/runs_stacks.h"

namespace orrery {
namespace {

// A number of a clause and the word right after it: 8 "x", 200 "gb/s".
struct Figure {
  double value = 0;
  std::string unit;
};

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/'; }

std::vector<Figure> figures(std::string_view clause) {
  std::vector<Figure> out;
  std::size_t end = 0;  // of the last figure
  for (std::size_t i = 0; i < clause.size();) {
    const bool inside_word =
        i > end && (letter(clause[i - 1]) || clause[i - 1] == '-');  // the 7 of ConnectX-7
    if (!digit(clause[i]) || inside_word) {
      ++i;
      continue;
    }
    Figure f;
    while (i < clause.size() && digit(clause[i])) f.value = 10 * f.value + (clause[i++] - '0');
    if (i < clause.size() && clause[i] == ' ') ++i;
    while (i < clause.size() && letter(clause[i])) f.unit += clause[i++];
    end = i;
    out.push_back(std::move(f));
  }
  return out;
}

// Bits: "GB/s" are the bytes of something else.
bool is_rate(const Figure& f) {
  return f.unit == "Gb/s" || f.unit == "Gb/Sec" || f.unit == "Gb/sec" || f.unit == "Gbps";
}

std::vector<std::string> clauses(std::string_view text) {
  std::vector<std::string> out(1);
  for (char c : text) {
    if (c == ',' || c == ';')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

// NICs that the clause prints, none if it has no rate. A count before the rate makes it the rate of one NIC.
std::optional<Nics> read_clause(std::string_view clause, int gpus, int usual) {
  int count = 0;
  double rate = 0;
  bool count_first = false;
  for (const Figure& f : figures(clause)) {
    if (is_rate(f) && rate == 0) {
      rate = f.value;
      count_first = count > 0;
    } else if (f.unit == "x" && count == 0 && f.value >= 1 && f.value <= 64) {
      count = static_cast<int>(f.value);
    }
  }
  if (rate <= 0) return {};
  if (!count_first && contains(clause, "per gpu")) return Nics{gpus, {rate / 8 * 1e9}, {}};
  constexpr double fastest_nic = 800;  // Gb/s; more is the sum of a node
  const bool total = !count_first && (contains(clause, "per node") || rate > fastest_nic);
  const int nics = count > 0 ? count : total ? usual : 1;
  return Nics{nics, {rate / 8 * 1e9 / (total ? nics : 1)}, {}};
}

}  // namespace

std::optional<Nics> printed_network(std::string_view text, int gpus_per_node, int usual) {
  std::optional<Nics> best;
  for (const std::string& clause : clauses(text)) {
    if (contains(clause, "storage:") || contains(clause, "management")) continue;
    const std::optional<Nics> nics = read_clause(clause, gpus_per_node, usual);
    if (nics && (!best || nics->count * nics->bandwidth.v > best->count * best->bandwidth.v)) best = nics;
  }
  return best;
}

}  // namespace orrery
