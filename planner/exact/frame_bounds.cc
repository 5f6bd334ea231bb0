// Bounds on all plans of a frame, and on those with one way to cut a unit: by paths, and by means of paths.
#include <algorithm>
#include <numeric>

#include "planner/exact/frame.h"
#include "planner/exact/game.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }
Time times(Time t, Time count) { return is_never(t) ? never : t * count; }
bool is_never(double t) { return t <= static_cast<double>(never) / 2; }

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

// Of paths that are no means themselves; `weights` by path.
Frame::Cutting Frame::mean(const std::vector<double>& weights) const {
  Cutting out;
  out.mixed = true;
  out.direction.resize(units_.size());
  Time left = scale;
  const auto heaviest =
      static_cast<std::size_t>(std::max_element(weights.begin(), weights.end()) - weights.begin());
  std::vector<Time> weight;
  for (const double w : weights) weight.push_back(static_cast<Time>(w * scale)), left -= weight.back();
  weight[heaviest] += left;
  for (std::size_t t = 0; t < weight.size(); ++t) {
    if (weight[t] == 0) continue;
    out.constant += paths_[t].constant / scale * weight[t];
    for (std::size_t u = 0; u < units_.size(); ++u)
      for (const Term& x : paths_[t].direction[u])
        out.direction[u].push_back({x.chunk, x.component, x.count / scale * weight[t]});
  }
  for (Direction& d : out.direction) d = merged(std::move(d));
  return out;
}

// A plan that is shortest on a path or a mean, in fractions; nothing: there is none, or nothing is known of
// it.
std::optional<Frame::RelaxedPlan> Frame::relaxed(const Cutting& c) const {
  RelaxedPlan out;
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
    if (way == unit.lengths.size()) return {};
    used += size(unit.layers[way]);
    out.way.push_back(way);
    out.word.emplace_back();
    if (is_never(dual(p_, additive_, static_cast<int>(u), unit.alike[way], c.direction[u], nullptr,
                      &out.word.back())))
      return {};
  }
  return out;
}

std::vector<double> Frame::values_of_relaxed(const RelaxedPlan& plan) const {
  const std::size_t width = p_.components.size();
  std::vector<double> out(size(p_.chunks) * width, 0);
  for (std::size_t u = 0; u < units_.size(); ++u)
    for (int n = 0; n < p_.chunks_of_unit(); ++n)
      for (std::size_t k = 0; k < width; ++k)
        out[(size(n) * units_.size() + u) * width + k] =
            value_of(additive_, units_[u].alike[plan.way[u]], plan.word[u], n, static_cast<int>(k));
  return out;
}

// A path that such a plan has not is as good as none.
double Frame::length_of(const Cutting& c, const std::vector<double>& values) const {
  double sum = static_cast<double>(c.constant);
  for (std::size_t u = 0; u < units_.size(); ++u)
    for (const Term& t : c.direction[u]) {
      const double v = values[(size(t.chunk) * units_.size() + u) * p_.components.size() + size(t.component)];
      if (is_never(v)) return 0;
      sum += static_cast<double>(t.count) * v;
    }
  return sum;
}

// A mean of paths bounds every plan too, and where paths pull in different directions, better than each. The
// best mean and the best mixture of relaxed plans are those of a game, path against plan, of which more and
// more picks are looked at: the plan that is shortest on the mean, the path that is longest through the
// mixture.
void Frame::mix() {
  std::erase_if(paths_, [](const Cutting& c) { return c.mixed; });
  relaxed_.clear();
  share_.clear();
  std::vector<std::vector<double>> plans;  // components of relaxed_
  std::vector<double> weights(paths_.size(), 0);
  const std::size_t known = paths_.size();
  std::size_t best = 0;
  for (std::size_t t = 0; t < paths_.size(); ++t)
    if (root(paths_[t]) > root(paths_[best])) best = t;
  weights[best] = 1;
  Time highest = root();
  std::optional<Cutting> kept;
  std::vector<double> kept_weights;
  for (int i = 0; i < options_.mixtures && highest < scaled(); ++i) {
    Cutting c = mean(weights);
    price(c);
    chain(c);
    std::optional<RelaxedPlan> plan = relaxed(c);
    if (root(c) > highest) highest = root(c), kept = std::move(c), kept_weights = weights;
    if (!plan) break;
    plans.push_back(values_of_relaxed(*plan));
    relaxed_.push_back(std::move(*plan));
    Mixture game;
    for (bool more = true; more;) {
      std::vector<std::vector<double>> payoff;
      for (const Cutting& x : paths_) {
        payoff.emplace_back();
        for (const auto& values : plans) payoff.back().push_back(length_of(x, values));
      }
      game = solve_game(payoff);
      Values mixture(plans.front().size(), 0);
      for (std::size_t k = 0; k < mixture.size(); ++k) {
        double sum = 0;
        for (std::size_t j = 0; j < plans.size(); ++j)
          if (game.columns[j] > 0) sum += game.columns[j] * plans[j][k];
        mixture[k] = static_cast<Time>(sum);
      }
      Path path;
      const Time longest = replay_.run(p_, mixture, &path);
      more = static_cast<double>(longest) > game.value / scale * (1 + 1e-5) &&
             paths_.size() < options_.paths && add(cutting(path));
    }
    weights = std::move(game.rows);
    share_ = std::move(game.columns);
    if (game.value <= static_cast<double>(highest) * (1 + 1e-5)) break;
  }
  // Of the paths that were met on the way, those of the mean.
  kept_weights.resize(paths_.size(), 0);
  std::size_t at = 0;
  std::erase_if(paths_, [&](const Cutting&) { return at++ >= known && kept_weights[at - 1] == 0; });
  for (std::size_t t = known; t < paths_.size(); ++t) {
    price(paths_[t]);
    chain(paths_[t]);
  }
  if (kept) paths_.push_back(std::move(*kept));
  counts_.paths = paths_.size();
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
