// Bounds on all plans of a frame, and on those with one way to cut a unit: by paths, and by means of paths.
#include <algorithm>
#include <numeric>

#include "planner/exact/frame.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }
Time times(Time t, Time count) { return is_never(t) ? never : t * count; }

}  // namespace

// What each way adds to a path at least, by the dual or, once a pass has words, by these.
void Frame::price(Cutting& c) {
  if (c.dual.empty()) {
    c.dual.resize(units_.size());
    for (std::size_t u = 0; u < units_.size(); ++u) {
      // Most paths look at a unit as others do.
      const auto same = std::find_if(paths_.begin(), paths_.end(), [&](const Cutting& x) {
        return !x.dual.empty() && &x != &c && x.direction[u] == c.direction[u];
      });
      if (same != paths_.end()) {
        c.dual[u] = same->dual[u];
        continue;
      }
      for (std::size_t w = 0; w < units_[u].lengths.size(); ++w)
        c.dual[u].push_back(units_[u].open[w]
                                ? dual(p_, additive_, static_cast<int>(u), units_[u].alike[w], c.direction[u])
                                : infeasible);
    }
  }
  c.arc = c.dual;
}

void Frame::price_words(Cutting& c) {
  c.arc.resize(units_.size());
  for (std::size_t u = 0; u < units_.size(); ++u) {
    c.arc[u].assign(units_[u].lengths.size(), infeasible);
    for (std::size_t w = 0; w < units_[u].lengths.size(); ++w)
      for (const Word& word : units_[u].words[w])
        c.arc[u][w] =
            std::min(c.arc[u][w], along(c.direction[u], word, static_cast<int>(p_.components.size())));
  }
}

// Closes ways that no plan below the upper bound takes.
void Frame::close() {
  for (bool closed = true; closed;) {
    closed = false;
    for (int u = 0; u < p_.units; ++u)
      for (std::size_t w = 0; w < units_[size(u)].lengths.size(); ++w)
        if (units_[size(u)].open[w] && through(u, w) >= scaled())
          units_[size(u)].open[w] = false, closed = true;
    for (Cutting& c : paths_)
      if (closed && !c.arc.empty()) chain(c);
  }
}

void Frame::chain(Cutting& c) {
  const std::size_t n = size(p_.positions()), units = units_.size();
  c.before.assign(units + 1, std::vector<Time>(n + 1, infeasible));
  c.after.assign(units + 1, std::vector<Time>(n + 1, infeasible));
  c.before[0][0] = c.constant;
  c.after[units][n] = 0;
  std::vector<std::vector<Time>> least(units, std::vector<Time>(n + 1, infeasible));
  for (std::size_t u = 0; u < units; ++u)
    for (std::size_t w = 0; w < units_[u].lengths.size(); ++w) {
      Time& to = least[u][size(units_[u].layers[w])];
      if (units_[u].open[w]) to = std::min(to, c.arc[u][w]);
    }
  for (std::size_t u = 0; u < units; ++u)
    for (std::size_t k = 1; k <= n; ++k) {
      if (least[u][k] >= infeasible) continue;
      for (std::size_t a = 0; a + k <= n; ++a)
        if (c.before[u][a] < infeasible)
          c.before[u + 1][a + k] = std::min(c.before[u + 1][a + k], plus(c.before[u][a], least[u][k]));
    }
  for (std::size_t u = units; u-- > 0;)
    for (std::size_t k = 1; k <= n; ++k) {
      if (least[u][k] >= infeasible) continue;
      for (std::size_t a = 0; a + k <= n; ++a)
        if (c.after[u + 1][a + k] < infeasible)
          c.after[u][a] = std::min(c.after[u][a], plus(least[u][k], c.after[u + 1][a + k]));
    }
}

Time Frame::root(const Cutting& c) const {
  if (c.arc.empty()) return 0;
  return c.after[0][0] >= infeasible ? infeasible : plus(c.constant, c.after[0][0]);
}

Time Frame::root() const {
  Time best = 0;
  for (const Cutting& c : paths_) best = std::max(best, root(c));
  return best;
}

Time Frame::rest(const Cutting& c, int u, int layers) const {
  Time best = infeasible;
  for (std::size_t a = 0; a + size(layers) <= size(p_.positions()); ++a) {
    const Time x = c.before[size(u)][a], y = c.after[size(u) + 1][a + size(layers)];
    if (x < infeasible && y < infeasible) best = std::min(best, plus(x, y));
  }
  return best;
}

Time Frame::through(int u, std::size_t way) const {
  Time best = 0;
  for (const Cutting& c : paths_) {
    if (c.arc.empty()) continue;
    const Time arc = c.arc[size(u)][way],
               others = arc >= infeasible ? infeasible : rest(c, u, units_[size(u)].layers[way]);
    if (others >= infeasible) return infeasible;
    best = std::max(best, plus(others, arc));
  }
  return best;
}

// For any lengths: every position adds to a path at least what it adds in the chunk where that is least.
Time Frame::bound_of_positions() {
  seed();
  std::vector<Time> count(p_.tables.size(), 0);
  for (const int table : p_.table_of) ++count[size(table)];
  for (const Cutting& c : paths_) {
    Time sum = c.constant;
    for (std::size_t table = 0; table < p_.tables.size(); ++table)
      if (count[table] > 0)
        sum = plus(sum, is_never(sum) ? never : least_of(c, static_cast<int>(table), count[table]));
    if (!is_never(sum)) lower_ = std::max(lower_, (sum + scale - 1) / scale);
  }
  return lower_;
}

// What `count` positions of a table add to a path at least; never: it knows no bound.
Time Frame::least_of(const Cutting& c, int table, Time count) const {
  Time least = infeasible;
  for (const Direction& direction : c.direction)
    for (int chunk = 0; chunk < p_.chunks_of_unit(); ++chunk)
      for (std::size_t s = 0; s < p_.tables[size(table)].size(); ++s)
        for (const bool first : {false, true})
          for (const bool last : {false, true}) {
            Time sum = 0;
            for (const Term& t : direction)
              if (t.chunk == chunk)
                sum = plus(sum, times(additive_.entry(table, static_cast<int>(s), t.component, first, last),
                                      t.count));
            least = std::min(least, sum);
          }
  return is_never(least) ? never : least * count;
}

Time Frame::bound(Time upper) {
  if (too_many_ways_) return bound_of_positions();
  set_upper(upper);
  for (Unit& unit : units_) unit.words.clear();
  for (Cutting& c : paths_) c.arc.clear();
  for (std::size_t t = 0; t < paths_.size(); ++t) {
    price(paths_[t]);
    chain(paths_[t]);
    if (root(paths_[t]) >= scaled()) return raise();
  }
  close();
  if (raise() < upper_) mix();
  return raise();
}

Frame::Cutting Frame::mean(const std::vector<std::size_t>& picks) const {
  std::vector<Time> weight(paths_.size(), 0);
  Time left = scale;
  for (const std::size_t t : picks) ++weight[t];
  for (Time& w : weight) w = w * scale / static_cast<Time>(picks.size()), left -= w;
  weight[picks.back()] += left;
  Cutting out;
  out.mixed = true;
  out.direction.resize(units_.size());
  for (std::size_t t = 0; t < paths_.size(); ++t) {
    if (weight[t] == 0) continue;
    out.constant += paths_[t].constant / scale * weight[t];
    for (std::size_t u = 0; u < units_.size(); ++u)
      for (const Term& x : paths_[t].direction[u])
        out.direction[u].push_back({x.chunk, x.component, x.count / scale * weight[t]});
  }
  for (Direction& d : out.direction) d = merged(std::move(d));
  return out;
}

// Of the relaxed plan that is shortest on a mean, the path that is longest.
std::size_t Frame::most_violated(const Cutting& c) const {
  std::vector<Time> length;
  for (const Cutting& x : paths_) length.push_back(x.mixed ? 0 : x.constant);
  std::size_t used = 0;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    std::size_t way = unit.lengths.size();
    for (std::size_t w = 0; w < unit.lengths.size() && way == unit.lengths.size(); ++w) {
      const std::size_t to = used + size(unit.layers[w]);
      if (unit.open[w] && c.arc[u][w] < infeasible && to <= size(p_.positions()) &&
          c.after[u + 1][to] < infeasible && plus(c.arc[u][w], c.after[u + 1][to]) == c.after[u][used])
        way = w;
    }
    if (way == unit.lengths.size()) break;
    used += size(unit.layers[way]);
    Relaxed solution;
    dual(p_, additive_, static_cast<int>(u), unit.alike[way], c.direction[u], nullptr, &solution);
    for (std::size_t t = 0; t < paths_.size(); ++t)
      if (!paths_[t].mixed)
        length[t] = plus(length[t], length_of(additive_, unit.alike[way], solution, paths_[t].direction[u]));
  }
  return static_cast<std::size_t>(std::max_element(length.begin(), length.end()) - length.begin());
}

// A mean of paths bounds every plan too, and where paths pull in different directions, better than each. The
// best mean is found by fictitious play: each step adds the path that the plan which is shortest on the mean
// so far violates most.
void Frame::mix() {
  std::vector<std::size_t> picks;
  std::size_t best = 0, violated = 0;
  for (std::size_t t = 0; t < paths_.size(); ++t)
    if (!paths_[t].mixed && root(paths_[t]) > root(paths_[best])) best = t;
  picks.push_back(best);
  violated = most_violated(paths_[best]);
  Time highest = root();
  std::optional<Cutting> kept;
  for (int i = 0; i < options_.mixtures && highest < scaled(); ++i) {
    picks.push_back(violated);
    Cutting c = mean(picks);
    price(c);
    chain(c);
    violated = most_violated(c);
    if (root(c) > highest) highest = root(c), kept = std::move(c);
  }
  if (!kept) return;
  std::erase_if(paths_, [](const Cutting& c) { return c.mixed; });
  paths_.push_back(std::move(*kept));
  close();
}

// Every plan's step is at least this or the upper bound.
Time Frame::raise() {
  const Time least = root();
  lower_ = std::max(lower_, least >= infeasible ? upper_ : std::min(upper_, (least + scale - 1) / scale));
  if (lower_ >= upper_) return lower_;
  // The least step at which the units' ways, each as good as it can be, hold all layers: a min-max over
  // lengths.
  std::vector<Time> reach(size(p_.positions()) + 1, infeasible), next;
  reach[0] = 0;
  for (int u = 0; u < p_.units; ++u) {
    next.assign(reach.size(), infeasible);
    for (std::size_t w = 0; w < units_[size(u)].lengths.size(); ++w) {
      const Time t = units_[size(u)].open[w] ? through(u, w) : infeasible;
      for (std::size_t a = 0; t < infeasible && a + size(units_[size(u)].layers[w]) < reach.size(); ++a)
        next[a + size(units_[size(u)].layers[w])] =
            std::min(next[a + size(units_[size(u)].layers[w])], std::max(reach[a], t));
    }
    reach.swap(next);
  }
  lower_ = std::max(
      lower_, reach.back() >= infeasible ? upper_ : std::min(upper_, (reach.back() + scale - 1) / scale));
  return lower_;
}

void Frame::find_most(Cutting& c) const {
  const std::size_t n = size(p_.positions()), units = units_.size();
  c.most.assign(units + 1, std::vector<Time>(n + 1, never));
  c.most[units][n] = 0;
  for (std::size_t u = units; u-- > 0;)
    for (std::size_t w = 0; w < units_[u].lengths.size(); ++w) {
      Time most = never;
      for (const Word& word : units_[u].words[w])
        most = std::max(most, along(c.direction[u], word, static_cast<int>(p_.components.size())));
      for (std::size_t a = 0; a + size(units_[u].layers[w]) <= n; ++a)
        c.most[u][a] = std::max(c.most[u][a], plus(most, c.most[u + 1][a + size(units_[u].layers[w])]));
    }
}

}  // namespace orrery::exact
