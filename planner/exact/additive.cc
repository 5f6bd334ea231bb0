// Additive bounds, and the Lagrangian dual on memory.
#include <algorithm>
#include <limits>

#include "planner/exact/words.h"

namespace orrery::exact {
namespace {

// The matrix of a strategy in one component.
struct Matrix {
  Time at[most_states][most_states];
  Matrix(const Strategy& s, const Component& c) {
    for (auto& row : at) std::fill(std::begin(row), std::end(row), never);
    for (const Transition& t : c.bounded < 0 ? s.transitions : s.bounds)
      if (t.from >= c.first && t.from < c.first + c.states)
        at[t.from - c.first][t.to - c.first] = std::max(at[t.from - c.first][t.to - c.first], t.time);
  }
};

struct Trajectory {
  int start = 0, during = 0, end = 0;
};

Time along(const Matrix& m, const Component& c, const Trajectory& t, bool first, bool last) {
  const int from = first ? t.start : t.during, to = last ? t.end : t.during;
  const Time time = m.at[from][to];
  return first ? plus(time, c.start[static_cast<std::size_t>(t.start)]) : time;
}

}  // namespace

// Of the trajectories that exist for every strategy, the one whose least sum over a long word is greatest.
Additive::Additive(const Problem& p)
    : components_(p.components.size()),
      during_(p.components.size(), 0),
      goes_on_(static_cast<std::size_t>(p.states), false) {
  for (const auto& table : p.tables)
    for (const Strategy& s : table)
      for (const Transition& t : s.transitions) goes_on_[t.from] = true;
  std::size_t strategies = 0;
  for (const auto& table : p.tables) {
    first_.push_back(strategies);
    strategies += table.size();
  }
  entries_.assign(strategies * components_ * 4, never);
  for (std::size_t k = 0; k < components_; ++k) {
    const Component& c = p.components[k];
    std::vector<std::vector<Matrix>> matrices;
    for (const auto& table : p.tables) {
      matrices.emplace_back();
      for (const Strategy& s : table) matrices.back().emplace_back(s, c);
    }
    const auto least = [&](const Trajectory& t, bool first, bool last) {
      Time sum = 0;
      for (const auto& table : matrices) {
        Time best = std::numeric_limits<Time>::max();
        for (const Matrix& m : table) best = std::min(best, along(m, c, t, first, last));
        sum = plus(sum, best);
      }
      return sum;
    };
    Trajectory best;
    Time value = never;
    const int from = std::max(0, c.bounded), to = c.bounded < 0 ? c.states : c.bounded + 1;
    for (int d = from; d < to; ++d)
      for (int a = 0; a < c.states; ++a)
        for (int b = 0; b < c.states; ++b) {
          if (is_never(c.start[static_cast<std::size_t>(a)]) || !c.final[static_cast<std::size_t>(b)])
            continue;
          const Trajectory t{a, d, b};
          const Time inner = least(t, false, false);
          const Time v =
              plus(plus(least(t, true, false), least(t, false, true)), is_never(inner) ? never : 8 * inner);
          if (v > value) value = v, best = t;
        }
    if (is_never(value)) continue;  // no trajectory for all strategies: no bound
    during_[k] = best.during;
    for (std::size_t table = 0; table < matrices.size(); ++table)
      for (std::size_t s = 0; s < matrices[table].size(); ++s)
        for (unsigned ends = 0; ends < 4; ++ends)
          entries_[((first_[table] + s) * components_ + k) * 4 + ends] =
              along(matrices[table][s], c, best, (ends & 1) != 0, (ends & 2) != 0);
  }
}

std::vector<Position> positions(const Problem& p, int unit, const std::vector<int>& lengths) {
  std::vector<Position> out;
  for (std::size_t n = 0; n < lengths.size(); ++n) {
    const int chunk = unit + static_cast<int>(n) * p.units, length = lengths[n];
    for (int i = 0; i < length; ++i) {
      const bool first = i == 0, last = i + 1 == length;
      // The middle of a model is alike: only its ends have tables of their own.
      const int table = chunk == 0 && first             ? p.table_of.front()
                        : chunk + 1 == p.chunks && last ? p.table_of.back()
                                                        : p.table_of[p.table_of.size() > 2 ? 1 : 0];
      out.push_back({table, static_cast<int>(n), first, last});
    }
  }
  return out;
}

std::vector<Time> values_of_word(const Problem& p, const std::vector<Position>& at,
                                 const std::vector<int>& strategies) {
  const std::size_t width = p.components.size();
  std::vector<Time> out(static_cast<std::size_t>(p.chunks_of_unit()) * width, 0), x,
      y(static_cast<std::size_t>(p.states));
  int before = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Strategy& s =
        p.tables[static_cast<std::size_t>(at[i].table)][static_cast<std::size_t>(strategies[i])];
    if (at[i].first) {
      x = start_states(p);
    } else if (before != s.layout) {
      step(p, p.redistribution[static_cast<std::size_t>(before * p.layouts + s.layout)], x.data(), y.data());
      x.swap(y);
    }
    step(p, s.transitions, x.data(), y.data());
    x.swap(y);
    before = s.layout;
    if (!at[i].last) continue;
    for (std::size_t k = 0; k < width; ++k)
      out[static_cast<std::size_t>(at[i].chunk) * width + k] = finish(p.components[k], x.data());
  }
  return out;
}

std::vector<Alike> alike(const std::vector<Position>& all) {
  std::vector<Alike> out;
  for (const Position& x : all) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const Alike& y) { return y.position == x; });
    if (same != out.end())
      ++same->count;
    else
      out.push_back({x, 1});
  }
  return out;
}

namespace {

// Positions alike, with the weights of each strategy.
struct Kind {
  Position position;
  Time count = 0;
  std::vector<Time> time, bytes;
};

Time weight(const Additive& a, const std::vector<Term>& terms, const Position& at, int strategy) {
  Time sum = 0;
  for (const Term& t : terms)
    if (t.chunk == at.chunk) {
      const Time e = a.entry(at.table, strategy, t.component, at.first, at.last);
      if (is_never(e)) return never;
      sum += t.count * e;
    }
  return sum;
}

std::vector<Kind> kinds(const Problem& p, const Additive& a, const std::vector<Alike>& at,
                        const Direction& d) {
  std::vector<Kind> out;
  for (const Alike& x : at) {
    Kind& k = out.emplace_back(Kind{x.position, x.count, {}, {}});
    const std::size_t strategies = p.tables[static_cast<std::size_t>(x.position.table)].size();
    for (std::size_t s = 0; s < strategies; ++s)
      k.time.push_back(weight(a, d, x.position, static_cast<int>(s)));
  }
  return out;
}

// The relaxed problem at one price: its value without the limit's part, and the bytes of a best choice.
struct AtPrice {
  double value = 0;
  Time bytes = 0;
};

AtPrice relax(const std::vector<Kind>& all, double price, std::vector<int>* solution = nullptr) {
  AtPrice out;
  if (solution) solution->clear();
  for (const Kind& k : all) {
    double best = std::numeric_limits<double>::infinity();
    Time bytes = 0;
    std::size_t at = 0;
    for (std::size_t s = 0; s < k.time.size(); ++s) {
      const double v = static_cast<double>(k.time[s]) + price * static_cast<double>(k.bytes[s]);
      if (v < best || (v == best && k.bytes[s] < bytes)) best = v, bytes = k.bytes[s], at = s;
    }
    if (solution) solution->push_back(static_cast<int>(at));
    out.value += static_cast<double>(k.count) * best;
    out.bytes += k.count * bytes;
  }
  return out;
}

}  // namespace

namespace {

Time least_sum(const std::vector<Kind>& all) {
  Time sum = 0;
  for (const Kind& k : all) {
    const Time least = *std::min_element(k.time.begin(), k.time.end());
    if (is_never(least)) return never;
    sum += k.count * least;
  }
  return sum;
}

}  // namespace

double value_of(const Additive& a, const std::vector<Alike>& at, const Relaxed& word, int chunk,
                int component) {
  double sum = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Position& x = at[i].position;
    if (x.chunk != chunk) continue;
    const Time low = a.entry(x.table, word.low[i], component, x.first, x.last),
               high = a.entry(x.table, word.high[i], component, x.first, x.last);
    if (is_never(low) || is_never(high)) return static_cast<double>(never);
    sum += static_cast<double>(at[i].count) *
           (word.share * static_cast<double>(low) + (1 - word.share) * static_cast<double>(high));
  }
  return sum;
}

namespace {

// Of each kind the quickest strategy; of equals the one of least bytes.
std::vector<int> quickest(const Additive& a, const std::vector<Kind>& all, const std::vector<Limit>& limits) {
  std::vector<int> out;
  for (const Kind& k : all) {
    std::pair<Time, Time> best{-never, 0};
    out.push_back(0);
    for (std::size_t s = 0; s < k.time.size(); ++s) {
      std::pair<Time, Time> cost{k.time[s], 0};
      for (const Limit& limit : limits) {
        const Time bytes = weight(a, limit.terms, k.position, static_cast<int>(s));
        if (!is_never(bytes)) cost.second += bytes;
      }
      if (cost < best) best = cost, out.back() = static_cast<int>(s);
    }
  }
  return out;
}

}  // namespace

int smallest_strategy(const Problem& p, const Additive& a, int unit, const Position& at) {
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int s = 0; s < static_cast<int>(p.tables[static_cast<std::size_t>(at.table)].size()); ++s) {
    double part = 0;
    for (const Limit& limit : p.limits[static_cast<std::size_t>(unit)]) {
      double bytes = 0;  // of what is known
      for (const Term& t : limit.terms)
        if (const Time w = weight(a, {t}, at, s); !is_never(w)) bytes += static_cast<double>(w);
      part = std::max(part, bytes / static_cast<double>(limit.limit));
    }
    if (part < least) least = part, best = s;
  }
  return best;
}

bool can_fit(const Problem& p, const Additive& a, int unit, const std::vector<Alike>& at) {
  for (const Limit& limit : p.limits[static_cast<std::size_t>(unit)]) {
    const Time least = least_sum(kinds(p, a, at, limit.terms));
    if (!is_never(least) && least > limit.limit) return false;
  }
  return true;
}

Time dual(const Problem& p, const Additive& a, int unit, const std::vector<Alike>& at,
          const Direction& direction, Cut* cut, Relaxed* relaxed) {
  std::vector<Kind> all = kinds(p, a, at, direction);
  Time best = least_sum(all);
  if (is_never(best)) return never;
  const auto& limits = p.limits[static_cast<std::size_t>(unit)];
  if (relaxed) relaxed->low = relaxed->high = quickest(a, all, limits), relaxed->share = 0;
  for (std::size_t l = 0; l < limits.size(); ++l) {
    Time least = 0;
    for (Kind& k : all) {
      k.bytes.clear();
      for (std::size_t s = 0; s < k.time.size(); ++s) {
        const Time bytes = weight(a, limits[l].terms, k.position, static_cast<int>(s));
        k.bytes.push_back(is_never(bytes) ? 0 : bytes);
      }
      least += k.count * *std::min_element(k.bytes.begin(), k.bytes.end());
    }
    if (least > limits[l].limit) return infeasible;
    if (relax(all, 0).bytes <= limits[l].limit) continue;
    double low = 0, high = 1;  // the best price lies between
    while (relax(all, high).bytes > limits[l].limit && high < 1e9) high *= 8;
    for (int i = 0; i < 24; ++i) {
      const double middle = 0.5 * (low + high);
      (relax(all, middle).bytes > limits[l].limit ? low : high) = middle;
    }
    const double value = relax(all, high).value - high * static_cast<double>(limits[l].limit);
    const Time bound = static_cast<Time>(value) - 64;  // sums of doubles
    if (bound <= best) continue;
    best = bound;
    if (cut) cut->limit = static_cast<int>(l), cut->price = high;
    if (relaxed) {
      const Time more = relax(all, low, &relaxed->low).bytes, less = relax(all, high, &relaxed->high).bytes;
      relaxed->share =
          more > less ? static_cast<double>(limits[l].limit - less) / static_cast<double>(more - less) : 0;
    }
  }
  return best;
}

}  // namespace orrery::exact
