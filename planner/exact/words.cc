#include "planner/exact/words.h"

#include <algorithm>
#include <numeric>

namespace orrery::exact {
namespace {

constexpr double rounding = 64;  // ticks: more than sums of doubles are off by

std::size_t size(int n) { return static_cast<std::size_t>(n); }

}  // namespace

Time Words::weight(const Direction& d, std::size_t position, int strategy) const {
  const Position& at = at_[position];
  Time sum = 0;
  for (const Term& t : d) {
    if (t.chunk != at.chunk) continue;
    const Time e = additive_.entry(at.table, strategy, t.component, at.first, at.last);
    if (is_never(e)) return never;
    sum += t.count * e;
  }
  return sum;
}

// Completions of the cuts, and what follows of each limit's bytes, at least and at most.
void Words::prepare(const std::vector<Cut>& cuts) {
  const std::size_t n = at_.size();
  const auto& limits = p_.limits[size(unit_)];
  completions_.assign(cuts.size(), {});
  for (std::size_t c = 0; c < cuts.size(); ++c) {
    Completion& to = completions_[c];
    to.plain.assign(n + 1, 0);
    to.priced.assign(n + 1, 0);
    for (std::size_t i = n; i-- > 0;) {
      Time least = -never;
      double priced = 1e300;
      for (const int s : active_[i]) {
        const Time w = weight(cuts[c].direction, i, s);
        least = std::min(least, w);
        if (cuts[c].limit >= 0)
          priced = std::min(
              priced, static_cast<double>(w) + cuts[c].price * static_cast<double>(weight(
                                                                   limits[size(cuts[c].limit)].terms, i, s)));
      }
      to.plain[i] = plus(to.plain[i + 1], least);
      to.priced[i] = to.priced[i + 1] + priced;
    }
  }
  least_.assign((n + 1) * limits.size(), 0);
  most_.assign(n + 1, std::vector<std::vector<Time>>(limits.size()));
  for (std::size_t l = 0; l < limits.size(); ++l) {
    const auto& terms = limits[l].terms;
    most_[n][l].assign(terms.size() * most_states, 0);
    for (std::size_t i = n; i-- > 0;) {
      Time least = -never;
      for (const int s : active_[i]) least = std::min(least, weight(terms, i, s));
      least_[i * limits.size() + l] = least_[(i + 1) * limits.size() + l] + least;
      most_[i][l] = most_[i + 1][l];
      const auto& table = p_.tables[size(at_[i].table)];
      for (std::size_t t = 0; t < terms.size(); ++t) {
        if (terms[t].chunk != at_[i].chunk) continue;
        const Component& c = p_.components[size(terms[t].component)];
        Time after[most_states], up[most_states] = {never, never, never};
        for (int j = 0; j < c.states; ++j)
          after[j] =
              at_[i].last ? (c.final[size(j)] ? 0 : never) : most_[i + 1][l][t * most_states + size(j)];
        for (const int s : active_[i])
          for (const Transition& move : table[size(s)].transitions)
            if (move.from >= c.first && move.from < c.first + c.states)
              up[move.from - c.first] =
                  std::max(up[move.from - c.first], plus(move.time, after[move.to - c.first]));
        Time from_start = never;
        for (int j = 0; j < c.states; ++j) from_start = std::max(from_start, plus(c.start[size(j)], up[j]));
        for (int j = 0; j < c.states; ++j)
          most_[i][l][t * most_states + size(j)] = at_[i].first ? from_start : up[j];
      }
    }
  }
}

// Whether a strategy at a position, with the best of all others, could be below the upper bound.
bool Words::allowed(const std::vector<Cut>& cuts, std::size_t i, int s, Time upper) const {
  for (std::size_t c = 0; c < cuts.size(); ++c) {
    const Completion& of = completions_[c];
    const Time w = weight(cuts[c].direction, i, s);
    if (is_never(w)) continue;
    if (!is_never(of.plain[0]) && cuts[c].rest + of.plain[0] - (of.plain[i] - of.plain[i + 1]) + w >= upper)
      return false;
    if (cuts[c].limit < 0 || is_never(of.plain[0])) continue;
    const Limit& limit = p_.limits[size(unit_)][size(cuts[c].limit)];
    const double v = static_cast<double>(cuts[c].rest + w) + of.priced[0] -
                     (of.priced[i] - of.priced[i + 1]) +
                     cuts[c].price * static_cast<double>(weight(limit.terms, i, s) - limit.limit);
    if (v - rounding >= static_cast<double>(upper)) return false;
  }
  return true;
}

// The sum so far, with the open chunk's components where their trajectories are; `i` is the newest position.
Time Words::so_far(const Direction& d, const Time* values, std::size_t i) const {
  const int open = at_[i].last ? at_[i].chunk + 1 : at_[i].chunk,
            components = static_cast<int>(p_.components.size());
  const Time* states = values + size(p_.chunks_of_unit() * components);
  Time sum = 0;
  for (const Term& t : d) {
    if (t.chunk > open || (t.chunk == open && at_[i].last)) continue;
    const Time v = t.chunk < open
                       ? values[t.chunk * components + t.component]
                       : states[p_.components[size(t.component)].first + additive_.during(t.component)];
    if (is_never(v)) return never;
    sum += t.count * v;
  }
  return sum;
}

bool Words::ruled_out(const std::vector<Cut>& cuts, const Time* values, std::size_t i, Time upper) {
  for (std::size_t at = 0; at < cuts.size(); ++at) {
    const std::size_t c = order_[at];
    const Time partial = so_far(cuts[c].direction, values, i);
    const Completion& of = completions_[c];
    if (is_never(partial) || is_never(of.plain[i + 1])) continue;
    bool out = cuts[c].rest + partial + of.plain[i + 1] >= upper;
    if (!out && cuts[c].limit >= 0) {
      const Limit& limit = p_.limits[size(unit_)][size(cuts[c].limit)];
      const Time bytes = so_far(limit.terms, values, i);
      const double v = static_cast<double>(cuts[c].rest + partial) + of.priced[i + 1] +
                       cuts[c].price * static_cast<double>(bytes - limit.limit);
      out = !is_never(bytes) && v - rounding >= static_cast<double>(upper);
    }
    if (!out) continue;
    if (at > 0) std::swap(order_[at], order_[at - 1]);
    return true;
  }
  return false;
}

bool Words::over_limit(const Time* values, std::size_t i) const {
  const auto& limits = p_.limits[size(unit_)];
  for (std::size_t l = 0; l < limits.size(); ++l)
    if (so_far(limits[l].terms, values, i) + least_[(i + 1) * limits.size() + l] > limits[l].limit)
      return true;
  return false;
}

bool Words::cannot_reach(int l, const Time* values, std::size_t i) const {
  const Limit& limit = p_.limits[size(unit_)][size(l)];
  const int open = at_[i].last ? at_[i].chunk + 1 : at_[i].chunk,
            components = static_cast<int>(p_.components.size());
  const Time* states = values + size(p_.chunks_of_unit() * components);
  Time sum = 0;
  for (std::size_t t = 0; t < limit.terms.size(); ++t) {
    const Term& term = limit.terms[t];
    const Component& c = p_.components[size(term.component)];
    Time most = never;
    if (term.chunk < open)
      most = values[term.chunk * components + term.component];
    else if (term.chunk > open || at_[i].last)
      most = most_[i + 1][size(l)][t * most_states];
    else
      for (int j = 0; j < c.states; ++j)
        most = std::max(most, plus(states[c.first + j], most_[i + 1][size(l)][t * most_states + size(j)]));
    if (!is_never(most)) sum += term.count * most;
  }
  return sum <= limit.limit;
}

void Words::add_coordinates(const Direction& d, std::size_t i, int limit) {
  const int open = at_[i].last ? at_[i].chunk + 1 : at_[i].chunk,
            components = static_cast<int>(p_.components.size());
  const auto states = static_cast<std::uint32_t>(p_.chunks_of_unit() * components);
  const auto add = [&](Coordinate c) {
    const bool known = std::any_of(coordinates_.begin(), coordinates_.end(), [&](const Coordinate& x) {
      return x.terms == c.terms && x.limit == c.limit;
    });
    if (!known && !c.terms.empty()) coordinates_.push_back(std::move(c));
  };
  std::vector<Coordinate> made{{{}, limit}};
  int choices = 0;
  for (const Term& t : d) {
    if (t.chunk > open || (t.chunk == open && at_[i].last)) continue;
    if (t.chunk < open) {
      for (Coordinate& c : made)
        c.terms.push_back({static_cast<std::uint32_t>(t.chunk * components + t.component), t.count});
      continue;
    }
    const Component& k = p_.components[size(t.component)];
    const std::uint32_t first = states + static_cast<std::uint32_t>(k.first);
    const std::size_t so_many = made.size();
    const bool branch = k.states > 1 && choices < 2;
    choices += k.states > 1;
    for (std::uint32_t j = 1; j < static_cast<std::uint32_t>(k.states); ++j) {
      if (!additive_.goes_on(static_cast<std::uint32_t>(k.first) + j)) continue;
      if (!branch) {  // relative to the first state: enough for any sum
        add({{{first, -1}, {first + j, 1}}, limit});
        continue;
      }
      for (std::size_t m = 0; m < so_many; ++m) {
        made.push_back(made[m]);
        made.back().terms.push_back({first + j, t.count});
      }
    }
    for (std::size_t m = 0; m < so_many; ++m) made[m].terms.push_back({first, t.count});
  }
  for (Coordinate& c : made) add(std::move(c));
}

void Words::list_coordinates(const std::vector<Direction>& directions, std::size_t i) {
  coordinates_.clear();
  for (const Direction& d : directions) add_coordinates(d, i, -1);
  if (i + 1 == at_.size()) return;  // over_limit() has been exact
  const auto& limits = p_.limits[size(unit_)];
  for (std::size_t l = 0; l < limits.size(); ++l) add_coordinates(limits[l].terms, i, static_cast<int>(l));
}

void Words::measure(const Time* values, std::size_t i, Time* out) const {
  int free = -1;  // the limit asked about last, if no completion reaches it
  int asked = -1;
  for (std::size_t c = 0; c < coordinates_.size(); ++c) {
    const Coordinate& of = coordinates_[c];
    if (of.limit >= 0 && of.limit != asked) {
      asked = of.limit;
      free = cannot_reach(asked, values, i) ? asked : -1;
    }
    Time sum = 0;
    for (const auto& [index, count] : of.terms) {
      if (is_never(values[index])) {
        sum = never;
        break;
      }
      sum += count * values[index];
    }
    out[c] = of.limit >= 0 && of.limit == free ? never : sum;
  }
}

void Words::append(const Time* from, int before_layout, std::size_t i, int strategy, Time* to) {
  const Position& at = at_[i];
  const Strategy& s = p_.tables[size(at.table)][size(strategy)];
  const std::size_t closed = size(p_.chunks_of_unit()) * p_.components.size();
  if (at.first) {
    if (from)
      std::copy(from, from + closed, to);
    else
      std::fill(to, to + closed, 0);
    const std::vector<Time> start = start_states(p_);
    step(p_, s.transitions, start.data(), to + closed);
  } else {
    std::copy(from, from + closed, to);
    if (before_layout != s.layout) {
      scratch_.resize(size(p_.states));
      step(p_, p_.redistribution[size(before_layout * p_.layouts + s.layout)], from + closed,
           scratch_.data());
      step(p_, s.transitions, scratch_.data(), to + closed);
    } else {
      step(p_, s.transitions, from + closed, to + closed);
    }
  }
  if (!at.last) return;
  for (std::size_t k = 0; k < p_.components.size(); ++k)
    to[size(at.chunk) * p_.components.size() + k] = finish(p_.components[k], to + closed);
}

// Of the newest position's labels (from `first`), those that no other dominates.
void Words::keep_best(std::size_t first, std::size_t i) {
  const std::size_t n = next_ids_.size(), wide = coordinates_.size();
  std::vector<Time> measured(n * wide);
  std::vector<double> sum(n, 0);
  std::vector<std::uint32_t> order(n);
  for (std::size_t x = 0; x < n; ++x) {
    measure(&next_values_[x * width_], i, &measured[x * wide]);
    for (std::size_t c = 0; c < wide; ++c) sum[x] += static_cast<double>(measured[x * wide + c]);
  }
  std::iota(order.begin(), order.end(), 0u);
  const auto layout = [&](std::uint32_t x) { return at_[i].last ? 0 : labels_[first + x].layout; };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (layout(a) != layout(b)) return layout(a) < layout(b);
    return sum[a] != sum[b] ? sum[a] < sum[b] : a < b;
  });
  std::vector<std::uint32_t> kept;
  std::size_t same_layout = 0;  // where the kept ones of the layout begin
  for (const std::uint32_t x : order) {
    if (!kept.empty() && layout(kept.back()) != layout(x)) same_layout = kept.size();
    const Time* mine = &measured[x * wide];
    bool dominated = false;
    for (std::size_t k = same_layout; k < kept.size() && !dominated; ++k) {
      const Time* other = &measured[kept[k] * wide];
      std::size_t c = 0;
      while (c < wide && other[c] <= mine[c]) ++c;
      dominated = c == wide;
    }
    if (!dominated) kept.push_back(x);
  }
  values_.resize(kept.size() * width_);
  ids_.clear();
  for (std::size_t k = 0; k < kept.size(); ++k) {
    std::copy_n(&next_values_[kept[k] * width_], width_, &values_[k * width_]);
    ids_.push_back(next_ids_[kept[k]]);
  }
}

bool Words::generate(int unit, const std::vector<Position>& at, const std::vector<Cut>& cuts,
                     const std::vector<Direction>& directions, Time upper, std::size_t most_labels,
                     std::vector<Word>& out) {
  unit_ = unit;
  at_ = at;
  out.clear();
  order_.resize(cuts.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  active_.assign(at.size(), {});
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::size_t s = 0; s < p_.tables[size(at[i].table)].size(); ++s)
      active_[i].push_back(static_cast<int>(s));
  prepare(cuts);
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::erase_if(active_[i], [&](int s) { return !allowed(cuts, i, s, upper); });
    if (active_[i].empty()) return true;
  }
  prepare(cuts);
  width_ = size(p_.chunks_of_unit()) * p_.components.size() + size(p_.states);
  labels_.clear();
  values_.clear();
  ids_.clear();
  std::vector<Time> made(width_);
  for (std::size_t i = 0; i < at.size(); ++i) {
    next_values_.clear();
    next_ids_.clear();
    const std::size_t first = labels_.size();
    const auto consider = [&](const Time* from, std::uint32_t parent, int layout, int s) {
      append(from, layout, i, s, made.data());
      ++made_;
      if (over_limit(made.data(), i) || ruled_out(cuts, made.data(), i, upper)) return;
      next_ids_.push_back(static_cast<std::uint32_t>(labels_.size()));
      labels_.push_back({parent, s, p_.tables[size(at[i].table)][size(s)].layout});
      next_values_.insert(next_values_.end(), made.begin(), made.end());
    };
    for (const int s : active_[i]) {
      if (i == 0) consider(nullptr, ~0u, 0, s);
      for (std::size_t x = 0; x < ids_.size(); ++x)
        consider(&values_[x * width_], ids_[x], labels_[ids_[x]].layout, s);
    }
    if (next_ids_.size() > most_labels * 16) return false;
    list_coordinates(directions, i);
    keep_best(first, i);
    if (ids_.size() > most_labels) return false;
    if (ids_.empty()) return true;
  }
  for (std::size_t x = 0; x < ids_.size(); ++x) {
    Word w;
    w.values.assign(&values_[x * width_],
                    &values_[x * width_] + size(p_.chunks_of_unit()) * p_.components.size());
    for (std::uint32_t id = ids_[x]; id != ~0u; id = labels_[id].parent)
      w.strategies.push_back(labels_[id].strategy);
    std::reverse(w.strategies.begin(), w.strategies.end());
    out.push_back(std::move(w));
  }
  return true;
}

}  // namespace orrery::exact
