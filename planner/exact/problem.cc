#include "planner/exact/problem.h"

#include <algorithm>

namespace orrery::exact {

std::vector<Time> start_states(const Problem& p) {
  std::vector<Time> x(static_cast<std::size_t>(p.states), never);
  for (const Component& c : p.components)
    for (int j = 0; j < c.states; ++j)
      x[static_cast<std::size_t>(c.first + j)] = c.start[static_cast<std::size_t>(j)];
  return x;
}

void step(const Problem& p, const std::vector<Transition>& transitions, const Time* x, Time* y) {
  std::fill(y, y + p.states, never);
  for (const Transition& t : transitions)
    if (!is_never(x[t.from])) y[t.to] = std::max(y[t.to], x[t.from] + t.time);
}

Time finish(const Component& c, const Time* states) {
  Time best = never;
  for (int j = 0; j < c.states; ++j)
    if (c.final[static_cast<std::size_t>(j)]) best = std::max(best, states[c.first + j]);
  return best;
}

void values_of_chunk(const Problem& p, int first, int length, const std::vector<int>& strategies, Time* out) {
  std::vector<Time> x = start_states(p), y(static_cast<std::size_t>(p.states));
  const auto at = [&](int i) -> const Strategy& {
    return p.tables[static_cast<std::size_t>(p.table_of[static_cast<std::size_t>(i)])]
                   [static_cast<std::size_t>(strategies[static_cast<std::size_t>(i)])];
  };
  for (int i = first; i < first + length; ++i) {
    const Strategy& strategy = at(i);
    if (const int before = i > first ? at(i - 1).layout : strategy.layout; before != strategy.layout) {
      step(p, p.redistribution[static_cast<std::size_t>(before * p.layouts + strategy.layout)], x.data(),
           y.data());
      x.swap(y);
    }
    step(p, strategy.transitions, x.data(), y.data());
    x.swap(y);
  }
  for (const Component& c : p.components) *out++ = finish(c, x.data());
}

Values values_of(const Problem& p, const Choice& choice) {
  Values out(choice.lengths.size() * p.components.size());
  int first = 0;
  for (std::size_t chunk = 0; chunk < choice.lengths.size(); first += choice.lengths[chunk++])
    values_of_chunk(p, first, choice.lengths[chunk], choice.strategies, &out[chunk * p.components.size()]);
  return out;
}

bool fits(const Problem& p, const Values& values) {
  for (int u = 0; u < p.units; ++u)
    for (const Limit& limit : p.limits[static_cast<std::size_t>(u)]) {
      Time sum = 0;
      for (const Term& t : limit.terms)
        sum += t.count * values[(static_cast<std::size_t>(u + t.chunk * p.units)) * p.components.size() +
                                static_cast<std::size_t>(t.component)];
      if (sum > limit.limit) return false;
    }
  return true;
}

Time length(const Path& path, const Problem& p, const Values& values) {
  Time sum = path.constant;
  for (const Term& t : path.terms) {
    const Time v = values[static_cast<std::size_t>(t.chunk) * p.components.size() +
                          static_cast<std::size_t>(t.component)];
    if (is_never(v)) return never;
    sum += t.count * v;
  }
  return sum;
}

std::vector<Term> merged(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end());
  std::size_t kept = 0;
  for (const Term& t : terms) {
    if (kept > 0 && terms[kept - 1].chunk == t.chunk && terms[kept - 1].component == t.component)
      terms[kept - 1].count += t.count;
    else
      terms[kept++] = t;
  }
  terms.resize(kept);
  return terms;
}

Time Replay::run(const Problem& p, const Values& values, Path* path) {
  const Graph& g = p.graph;
  const std::size_t nodes = g.first_edge.size() - 1, width = p.components.size();
  value_.resize(nodes);
  by_.resize(nodes);
  const auto cost = [&](const Edge& e) {
    return e.chunk < 0 ? e.constant
                       : plus(e.constant, values[static_cast<std::size_t>(e.chunk) * width +
                                                 static_cast<std::size_t>(e.component)]);
  };
  for (std::size_t n = 0; n < nodes; ++n) {
    Time best = 0;
    int by = -1;
    for (int i = g.first_edge[n]; i < g.first_edge[n + 1]; ++i) {
      const Edge& e = g.edges[static_cast<std::size_t>(i)];
      const Time t = plus(e.from < 0 ? 0 : value_[static_cast<std::size_t>(e.from)], cost(e));
      if (by < 0 ? !is_never(t) : t > best) best = t, by = i;
    }
    value_[n] = best;
    by_[n] = by;
  }
  if (path) {
    *path = {};
    for (int n = static_cast<int>(nodes) - 1; n >= 0 && by_[static_cast<std::size_t>(n)] >= 0;) {
      const Edge& e = g.edges[static_cast<std::size_t>(by_[static_cast<std::size_t>(n)])];
      path->constant += e.constant;
      if (e.chunk >= 0) path->terms.push_back({e.chunk, e.component, 1});
      n = e.from;
    }
    path->terms = merged(std::move(path->terms));
  }
  return value_.back();
}

}  // namespace orrery::exact
