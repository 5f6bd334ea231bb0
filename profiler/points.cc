#include "profiler/points.h"

#include <charconv>
#include <optional>
#include <string>

#include "sim/base/error.h"

namespace orrery {
namespace {

// The rows of a comma-separated table, by name of column. No quoting: these tables hold numbers and plain words.
class Table {
 public:
  Table(std::string_view text, std::string_view file) : text_(text), file_(file) {
    next();
    for (std::string_view name : cells_) columns_.emplace_back(name);
  }

  bool next() {
    do {
      if (text_.empty()) return false;
      const std::size_t end = text_.find('\n');
      split(text_.substr(0, end));
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      ++line_;
    } while (cells_.empty());
    return true;
  }

  std::string_view word(std::string_view column) const {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] != column) continue;
      if (i < cells_.size()) return cells_[i];
      fail(where(), "a value of column \"" + std::string(column) + "\"");
    }
    fail(where(), "a column \"" + std::string(column) + "\" in the header");
  }

  // 1 ... most.
  std::int64_t count(std::string_view column, std::int64_t most) const {
    const std::string_view cell = word(column);
    std::int64_t v = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), v);
    if (error != std::errc() || end != cell.data() + cell.size() || v <= 0 || v > most)
      fail(where(), "a count in column \"" + std::string(column) + "\"", cell);
    return v;
  }

  Where where() const { return {std::string(file_), "", line_}; }

 private:
  void split(std::string_view line) {
    cells_.clear();
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) return;
    for (;;) {
      const std::size_t comma = line.find(',');
      cells_.push_back(line.substr(0, comma));
      if (comma == std::string_view::npos) return;
      line.remove_prefix(comma + 1);
    }
  }

  std::string_view text_, file_;
  std::vector<std::string> columns_;
  std::vector<std::string_view> cells_;
  int line_ = 0;
};

// Bounds beyond every table, small enough that products of counts stay within 64 bits.
constexpr std::int64_t most_side = 1 << 20, most_ranks = 1 << 20, most_elements = std::int64_t{1} << 40;
constexpr std::int64_t most_rate = std::int64_t{1} << 53;

std::optional<Kind> kind_of(std::string_view op) {
  if (op == "all-reduce") return Kind::all_reduce;
  if (op == "all-gather") return Kind::all_gather;
  if (op == "reduce-scatter") return Kind::reduce_scatter;
  if (op == "all-to-all") return Kind::all_to_all;
  return std::nullopt;
}

}  // namespace

std::vector<MatmulPoint> read_matmuls(std::string_view text, std::string_view file, std::string_view dtype) {
  std::vector<MatmulPoint> points;
  Table table(text, file);
  while (table.next()) {
    if (table.word("dtype") != dtype) continue;
    MatmulPoint p{table.count("b", most_side), table.count("m", most_side), table.count("n", most_side),
                  table.count("k", most_side), 0};
    p.seconds = 2.0 * static_cast<double>(p.batch * p.m * p.n) * static_cast<double>(p.k) /
                static_cast<double>(table.count("flops", most_rate));
    points.push_back(p);
  }
  return points;
}

std::vector<CollectivePoint> read_collectives(std::string_view text, std::string_view file, std::string_view device) {
  std::vector<CollectivePoint> points;
  Table table(text, file);
  while (table.next()) {
    const std::optional<Kind> kind = kind_of(table.word("op"));
    if (table.word("dev") != device || !kind) continue;
    const std::int64_t ranks = table.count("ndev", most_ranks);
    if (ranks < 2) continue;
    std::int64_t bytes = 4 * table.count("elems", most_elements);
    if (*kind == Kind::reduce_scatter) bytes *= ranks;
    points.push_back({*kind, static_cast<int>(ranks), {bytes},
                      static_cast<double>(bytes) / static_cast<double>(table.count("bw", most_rate))});
  }
  return points;
}

}  // namespace orrery
