#include "planner/exact/frame.h"

#include <algorithm>
#include <numeric>

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

}  // namespace

Time along(const Direction& d, const Word& w, int components) {
  Time sum = 0;
  for (const Term& t : d) {
    const Time v = w.values[size(t.chunk * components + t.component)];
    if (is_never(v)) return never;
    sum += t.count * v;
  }
  return sum;
}

Frame::Frame(const Problem& problem, const FrameOptions& options)
    : p_(problem), options_(options), additive_(problem), units_(size(problem.units)) {
  for (int u = 0; u < p_.units; ++u) {
    std::vector<int> lengths;
    list_ways(u, lengths, p_.positions() - (p_.chunks - p_.chunks_of_unit()));
  }
  for (Unit& unit : units_)
    if (too_many_ways_) unit.lengths.clear();
  for (int u = 0; u < p_.units && !too_many_ways_; ++u) {
    Unit& unit = units_[size(u)];
    for (const auto& lengths : unit.lengths) {
      unit.layers.push_back(std::accumulate(lengths.begin(), lengths.end(), 0));
      unit.positions.push_back(positions(p_, u, lengths));
      unit.alike.push_back(exact::alike(unit.positions.back()));
    }
    unit.open.assign(unit.lengths.size(), true);
  }
}

// All lengths of a unit's chunks, of at least one layer each.
void Frame::list_ways(int u, std::vector<int>& lengths, int left) {
  Unit& unit = units_[size(u)];
  if (too_many_ways_) return;
  const int chunks_left = p_.chunks_of_unit() - static_cast<int>(lengths.size());
  if (chunks_left == 0) {
    // A unit that is alone holds all.
    if (p_.units == 1 && left != 0) return;
    unit.lengths.push_back(lengths);
    too_many_ways_ = unit.lengths.size() > options_.lengths;
    return;
  }
  for (int n = 1; n + chunks_left - 1 <= left; ++n) {
    lengths.push_back(n);
    list_ways(u, lengths, left - n);
    lengths.pop_back();
  }
}

Frame::Cutting Frame::cutting(const Path& path) const {
  Cutting c;
  c.constant = path.constant * scale;
  c.direction.resize(size(p_.units));
  for (const Term& t : path.terms)
    c.direction[size(p_.unit_of(t.chunk))].push_back({t.chunk / p_.units, t.component, t.count * scale});
  return c;
}

bool Frame::add(Cutting c) {
  for (const Cutting& known : paths_)
    if (known.constant == c.constant && known.direction == c.direction) return false;
  paths_.push_back(std::move(c));
  counts_.paths = paths_.size();
  return true;
}

// Of even chunks and the quickest strategies.
void Frame::find_typical() {
  const std::size_t width = p_.components.size();
  const int even = std::max(1, p_.positions() / p_.chunks);
  for (int c = 0; c < p_.chunks; ++c) {
    const std::vector<Position> at =
        positions(p_, c % p_.units, std::vector<int>(size(p_.chunks_of_unit()), even));
    for (std::size_t k = 0; k < width; ++k) {
      Time sum = 0;
      for (const Position& x : at) {
        if (x.chunk != c / p_.units) continue;
        Time least = -never;
        for (std::size_t s = 0; s < p_.tables[size(x.table)].size(); ++s)
          least = std::min(
              least, additive_.entry(x.table, static_cast<int>(s), static_cast<int>(k), x.first, x.last));
        sum = plus(sum, least);
      }
      typical_.push_back(sum);
    }
  }
}

// The critical path of a typical plan, and of the same with each unit so slow that all wait for it: once for
// all that it does, once for what is not on that path.
void Frame::seed() {
  if (!typical_.empty()) return;
  find_typical();
  find_possible();
  const std::size_t width = p_.components.size();
  Path path;
  replay_.run(p_, typical_, &path);
  add(cutting(path));
  const auto slow = [&](int u, const auto& which) {
    Values slower = typical_;
    for (int c = u; c < p_.chunks; c += p_.units)
      for (std::size_t k = 0; k < width; ++k) {
        Time& v = slower[size(c) * width + k];
        if (!is_never(v) && which(c, static_cast<int>(k))) v = v * 16 + 1000;
      }
    replay_.run(p_, slower, &path);
    add(cutting(path));
  };
  for (int u = 0; u < p_.units; ++u) {
    slow(u, [](int, int) { return true; });
    const Path whole = path;
    slow(u, [&](int c, int k) {
      return std::none_of(whole.terms.begin(), whole.terms.end(),
                          [&](const Term& t) { return t.chunk == c && t.component == k; });
    });
  }
}

// A way that keeps to its unit's limits at all: longer chunks hold no fewer bytes.
void Frame::find_possible() {
  for (int u = 0; u < p_.units; ++u) {
    Unit& unit = units_[size(u)];
    unit.possible.assign(unit.lengths.size(), false);
    for (std::size_t w = 0; w < unit.lengths.size(); ++w) {
      unit.possible[w] = can_fit(p_, additive_, u, unit.alike[w]);
      if (!unit.possible[w] && p_.chunks_of_unit() == 1) break;
    }
    unit.open = unit.possible;
  }
}

void Frame::set_upper(Time upper) {
  seed();
  if (upper > upper_) {  // what was closed for a lower one may count
    for (Unit& unit : units_) unit.open = unit.possible;
    for (Cutting& c : paths_) c.dual.clear();
  }
  upper_ = upper;
}

Time Frame::learn(const Choice& choice) {
  Path path;
  const Time t = replay_.run(p_, values_of(p_, choice), &path);
  ++counts_.replays;
  seed();
  add(cutting(path));
  return t;
}

Values Frame::values_of_words() const {
  const std::size_t width = p_.components.size();
  Values out(size(p_.chunks) * width);
  for (int c = 0; c < p_.chunks; ++c)
    std::copy_n(
        chosen_[size(c % p_.units)]->values.begin() + static_cast<std::ptrdiff_t>(size(c / p_.units) * width),
        width, out.begin() + static_cast<std::ptrdiff_t>(size(c) * width));
  return out;
}

Choice Frame::choice_of_words() const {
  Choice out;
  for (int c = 0; c < p_.chunks; ++c) {
    const Unit& unit = units_[size(c % p_.units)];
    const std::vector<int>& lengths = unit.lengths[way_[size(c % p_.units)]];
    const int n = c / p_.units, first = std::accumulate(lengths.begin(), lengths.begin() + n, 0);
    out.lengths.push_back(lengths[size(n)]);
    const auto& word = chosen_[size(c % p_.units)]->strategies;
    out.strategies.insert(out.strategies.end(), word.begin() + first,
                          word.begin() + first + lengths[size(n)]);
  }
  return out;
}

}  // namespace orrery::exact
