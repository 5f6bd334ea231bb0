#include "planner/exact/reduce.h"

#include <algorithm>
#include <tuple>

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

// The transitions of one component, relative to its first state.
std::vector<Transition> of(const Component& c, const std::vector<Transition>& all) {
  std::vector<Transition> out;
  for (const Transition& t : all)
    if (t.from >= c.first && t.from < c.first + c.states)
      out.push_back(
          {static_cast<std::uint8_t>(t.from - c.first), static_cast<std::uint8_t>(t.to - c.first), t.time});
  std::sort(out.begin(), out.end(), [](const Transition& a, const Transition& b) {
    return std::tuple(a.from, a.to, a.time) < std::tuple(b.from, b.to, b.time);
  });
  return out;
}

bool alike(const Problem& p, const Component& a, const Component& b) {
  if (a.states != b.states || a.start != b.start || a.final != b.final || a.bounded != b.bounded)
    return false;
  for (const auto& table : p.tables)
    for (const Strategy& s : table)
      if (of(a, s.transitions) != of(b, s.transitions) || of(a, s.bounds) != of(b, s.bounds)) return false;
  return std::all_of(p.redistribution.begin(), p.redistribution.end(),
                     [&](const auto& t) { return of(a, t) == of(b, t); });
}

// No transition of `a` is longer than the same of `b`, and it has no other.
bool no_longer(const std::vector<Transition>& a, const std::vector<Transition>& b) {
  return std::all_of(a.begin(), a.end(), [&](const Transition& x) {
    return std::any_of(b.begin(), b.end(), [&](const Transition& y) {
      return y.from == x.from && y.to == x.to && y.time >= x.time;
    });
  });
}

}  // namespace

void merge_alike_components(Problem& p) {
  std::vector<int> to(p.components.size());
  for (std::size_t k = 0; k < to.size(); ++k) {
    to[k] = static_cast<int>(k);
    for (std::size_t j = 0; j < k && to[k] == static_cast<int>(k); ++j)
      if (to[j] == static_cast<int>(j) && alike(p, p.components[j], p.components[k]))
        to[k] = static_cast<int>(j);
  }
  for (Edge& e : p.graph.edges)
    if (e.chunk >= 0) e.component = to[size(e.component)];
  for (auto& limits : p.limits)
    for (Limit& limit : limits) {
      for (Term& t : limit.terms) t.component = to[size(t.component)];
      limit.terms = merged(std::move(limit.terms));
    }
}

void drop_dominated_strategies(Problem& p, std::vector<std::vector<int>>& kept) {
  for (std::size_t table = 0; table < p.tables.size(); ++table) {
    auto& all = p.tables[table];
    std::vector<Strategy> left;
    std::vector<int> which;
    for (std::size_t s = 0; s < all.size(); ++s) {
      const bool dominated = [&] {
        for (std::size_t o = 0; o < all.size(); ++o) {
          if (o == s || all[o].layout != all[s].layout || !no_longer(all[o].transitions, all[s].transitions))
            continue;
          if (o < s || !no_longer(all[s].transitions, all[o].transitions)) return true;
        }
        return false;
      }();
      if (dominated) continue;
      left.push_back(all[s]);
      which.push_back(kept[table][s]);
    }
    all = std::move(left);
    kept[table] = std::move(which);
  }
}

Compact compact(const Problem& p, std::vector<bool> used) {
  used.resize(p.components.size());
  for (const auto& limits : p.limits)
    for (const Limit& limit : limits)
      for (const Term& t : limit.terms) used[size(t.component)] = true;
  Compact out;
  Problem& to = out.problem;
  to.units = p.units, to.chunks = p.chunks, to.layouts = p.layouts;
  std::vector<int> state(size(p.states), -1);
  for (std::size_t k = 0; k < p.components.size(); ++k) {
    out.at.push_back(used[k] ? static_cast<int>(to.components.size()) : -1);
    if (!used[k]) continue;
    to.components.push_back(p.components[k]);
    to.components.back().first = to.states;
    for (int j = 0; j < p.components[k].states; ++j) state[size(p.components[k].first + j)] = to.states++;
  }
  const auto narrow = [&](const std::vector<Transition>& all) {
    std::vector<Transition> left;
    for (const Transition& t : all)
      if (state[t.from] >= 0)
        left.push_back(
            {static_cast<std::uint8_t>(state[t.from]), static_cast<std::uint8_t>(state[t.to]), t.time});
    return left;
  };
  for (const auto& table : p.tables) {
    to.tables.emplace_back();
    for (const Strategy& s : table)
      to.tables.back().push_back({s.layout, narrow(s.transitions), narrow(s.bounds)});
  }
  for (const auto& t : p.redistribution) to.redistribution.push_back(narrow(t));
  to.limits = p.limits;
  for (auto& limits : to.limits)
    for (Limit& limit : limits)
      for (Term& t : limit.terms) t.component = out.at[size(t.component)];
  return out;
}

}  // namespace orrery::exact
