#include "planner/exact/frame.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"

namespace orrery::exact {
namespace {

constexpr std::size_t most_prefixes = 3000;  // kept of a unit and layers used

std::size_t size(int n) { return static_cast<std::size_t>(n); }
Time times(Time t, Time count) { return is_never(t) ? never : t * count; }

Time along(const Direction& d, const Word& w, int components) {
  Time sum = 0;
  for (const Term& t : d) {
    const Time v = w.values[size(t.chunk * components + t.component)];
    if (is_never(v)) return never;
    sum += t.count * v;
  }
  return sum;
}

}  // namespace

Frame::Frame(const Problem& problem, const FrameOptions& options)
    : p_(problem),
      options_(options),
      additive_(problem),
      words_(p_, additive_),
      scale_(problem.units),
      units_(size(problem.units)) {
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

bool Frame::add(const Path& path, Time times) {
  Cutting c;
  c.constant = path.constant * times;
  c.direction.resize(size(p_.units));
  for (const Term& t : path.terms)
    c.direction[size(p_.unit_of(t.chunk))].push_back({t.chunk / p_.units, t.component, t.count * times});
  for (const Cutting& known : paths_)
    if (known.constant == c.constant && known.direction == c.direction) return false;
  paths_.push_back(std::move(c));
  counts_.paths = paths_.size();
  return true;
}

// The critical path of a plan with even chunks and the quickest strategies.
void Frame::seed_nominal() {
  if (!typical_.empty()) return;
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
  Path path;
  replay_.run(p_, typical_, &path);
  add(path, scale_);
  find_possible();
}

// Besides, the paths where each unit is slower, their sum first.
void Frame::seed() {
  if (seeded_) return;
  seeded_ = true;
  seed_nominal();
  const std::size_t width = p_.components.size();
  Path path, all;
  std::vector<Path> by_unit;
  for (int u = 0; u < p_.units; ++u) {
    Values slower = typical_;
    for (int c = u; c < p_.chunks; c += p_.units)
      for (std::size_t k = 0; k < width; ++k) {
        Time& v = slower[size(c) * width + k];
        if (!is_never(v)) v += v / 4 + 1000;
      }
    replay_.run(p_, slower, &path);
    all.constant += path.constant;
    all.terms.insert(all.terms.end(), path.terms.begin(), path.terms.end());
    by_unit.push_back(path);
  }
  all.terms = merged(std::move(all.terms));
  add(all, 1);
  for (const Path& of : by_unit) add(of, scale_);
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

// What each way adds to a path at least, by the dual or, once a pass has words, by these.
void Frame::price(Cutting& c) {
  if (c.dual.empty()) {
    c.dual.resize(units_.size());
    for (std::size_t u = 0; u < units_.size(); ++u)
      for (std::size_t w = 0; w < units_[u].lengths.size(); ++w)
        c.dual[u].push_back(units_[u].open[w]
                                ? dual(p_, additive_, static_cast<int>(u), units_[u].alike[w], c.direction[u])
                                : infeasible);
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

Time Frame::root() const {
  Time best = 0;
  for (const Cutting& c : paths_)
    if (!c.arc.empty())
      best = std::max(best, c.after[0][0] >= infeasible ? infeasible : plus(c.constant, c.after[0][0]));
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
    if (!is_never(sum)) lower_ = std::max(lower_, (sum + scale_ - 1) / scale_);
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
    if (t == 1 || t + 1 == paths_.size()) close();
    if (root() >= scaled()) break;
  }
  return raise();
}

Time Frame::quick_bound() {
  if (too_many_ways_) return bound_of_positions();
  seed_nominal();
  {
    Cutting& c = paths_.front();
    c.arc.resize(units_.size());
    for (std::size_t u = 0; u < units_.size(); ++u) {
      c.arc[u].clear();
      for (std::size_t w = 0; w < units_[u].lengths.size(); ++w)
        c.arc[u].push_back(units_[u].open[w] ? plain(p_, additive_, units_[u].alike[w], c.direction[u])
                                             : infeasible);
    }
    chain(c);
  }
  return raise();
}

// Every plan's step is at least this or the upper bound.
Time Frame::raise() {
  const Time least = root();
  lower_ = std::max(lower_, least >= infeasible ? upper_ : std::min(upper_, (least + scale_ - 1) / scale_));
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
      lower_, reach.back() >= infeasible ? upper_ : std::min(upper_, (reach.back() + scale_ - 1) / scale_));
  return lower_;
}

std::optional<Choice> Frame::guess(Time upper) {
  if (too_many_ways_ || bound(upper) >= upper) return {};
  struct Best {
    Time worst = infeasible;
    double sum = 0;
    std::size_t way = 0;
  };
  const std::size_t n = size(p_.positions());
  std::vector<std::vector<Best>> best(units_.size() + 1, std::vector<Best>(n + 1));
  best[0][0].worst = 0;
  for (std::size_t u = 0; u < units_.size(); ++u)
    for (std::size_t w = 0; w < units_[u].lengths.size(); ++w) {
      const Time t = units_[u].open[w] ? through(static_cast<int>(u), w) : infeasible;
      if (t >= infeasible) continue;
      for (std::size_t a = 0; a + size(units_[u].layers[w]) <= n; ++a) {
        if (best[u][a].worst >= infeasible) continue;
        const Best b{std::max(best[u][a].worst, t), best[u][a].sum + static_cast<double>(t), w};
        Best& to = best[u + 1][a + size(units_[u].layers[w])];
        if (b.worst < to.worst || (b.worst == to.worst && b.sum < to.sum)) to = b;
      }
    }
  if (best.back()[n].worst >= infeasible) return {};
  chosen_.assign(units_.size(), nullptr);
  way_.assign(units_.size(), 0);
  std::vector<Word> words(units_.size());
  std::size_t used = n;
  for (std::size_t u = units_.size(); u-- > 0;) {
    way_[u] = best[u + 1][used].way;
    used -= size(units_[u].layers[way_[u]]);
    const Direction& whole =
        paths_.front().direction[u].empty() ? paths_.back().direction[u] : paths_.front().direction[u];
    std::vector<Word> found;
    if (!words_.generate(static_cast<int>(u), units_[u].positions[way_[u]], {}, {whole}, infeasible,
                         options_.words, found) ||
        found.empty())
      return {};
    const auto quickest = std::min_element(found.begin(), found.end(), [&](const Word& a, const Word& b) {
      const int k = static_cast<int>(p_.components.size());
      return along(whole, a, k) < along(whole, b, k);
    });
    words[u] = std::move(*quickest);
    chosen_[u] = &words[u];
  }
  return choice_of_words();
}

Time Frame::learn(const Choice& choice) {
  Path path;
  const Time t = replay_.run(p_, values_of(p_, choice), &path);
  ++counts_.replays;
  seed();
  add(path, scale_);
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

// The words of a pass: those that no path rules out, compared on the directions of all paths.
bool Frame::generate() {
  for (Unit& unit : units_) unit.words.clear();
  for (Cutting& c : paths_) {
    price(c);
    chain(c);
  }
  close();
  std::vector<std::vector<std::vector<Word>>> made(units_.size());
  for (int u = 0; u < p_.units; ++u) {
    Unit& unit = units_[size(u)];
    std::vector<Direction> directions;
    for (const Cutting& c : paths_) {
      const Direction& d = c.direction[size(u)];
      if (!d.empty() && std::find(directions.begin(), directions.end(), d) == directions.end())
        directions.push_back(d);
    }
    made[size(u)].resize(unit.lengths.size());
    for (std::size_t w = 0; w < unit.lengths.size(); ++w) {
      if (!unit.open[w]) continue;
      if (stopped_ = stopped_ || (*stop_)(); stopped_) return false;
      std::vector<Cut> cuts;
      for (const Cutting& c : paths_) {
        Cut cut{c.direction[size(u)], rest(c, u, unit.layers[w]), -1, 0};
        const auto same = std::find_if(cuts.begin(), cuts.end(),
                                       [&](const Cut& x) { return x.direction == cut.direction; });
        if (same != cuts.end()) {
          same->rest = std::max(same->rest, cut.rest);
          continue;
        }
        dual(p_, additive_, u, unit.alike[w], cut.direction, &cut);
        cuts.push_back(std::move(cut));
      }
      if (!words_.generate(u, unit.positions[w], cuts, directions, scaled(), options_.words,
                           made[size(u)][w]))
        return false;
      if (made[size(u)][w].empty()) unit.open[w] = false;
    }
  }
  for (std::size_t u = 0; u < units_.size(); ++u) units_[u].words = std::move(made[u]);
  for (Cutting& c : paths_) {
    price_words(c);
    chain(c);
    find_most(c);
  }
  return true;
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

// Whether an earlier prefix with as many layers is no longer on any path, or only on paths where nothing that
// may follow takes it to the upper bound. Otherwise remembers the prefix.
bool Frame::is_dominated(int u, int used) {
  auto& prefixes = seen_[size(u)][size(used)];
  const std::vector<Time>& mine = sum_[size(u)];
  for (Prefix& x : prefixes) {
    for (std::size_t t = x.sum.size(); t < paths_.size(); ++t) {
      Time sum = paths_[t].constant;
      for (std::size_t k = 0; k < x.words.size(); ++k)
        sum = plus(sum, along(paths_[t].direction[k], *x.words[k], static_cast<int>(p_.components.size())));
      x.sum.push_back(sum);
    }
    std::size_t t = 0;
    while (t < paths_.size() &&
           (x.sum[t] <= mine[t] || plus(x.sum[t], paths_[t].most[size(u)][size(used)]) < scaled()))
      ++t;
    if (t == paths_.size()) return true;
  }
  if (prefixes.size() < most_prefixes) prefixes.push_back({mine, {chosen_.begin(), chosen_.begin() + u}});
  return false;
}

void Frame::leaf() {
  Path path;
  const Values values = values_of_words();
  const Time t = replay_.run(p_, values, &path);
  ++counts_.replays;
  ORRERY_CHECK(length(path, p_, values) == t);
  if (t < upper_) {
    upper_ = t;
    answer_.best = choice_of_words();
    answer_.step = t;
    improved_ = true;
  }
  if (paths_.size() < options_.paths && add(path, scale_)) {
    price_words(paths_.back());
    chain(paths_.back());
    find_most(paths_.back());
  }
}

void Frame::descend(int u, int used) {
  if (stopped_ || improved_) return;
  if (++nodes_ > options_.nodes || (nodes_ % 256 == 0 && (*stop_)())) stopped_ = true;
  ++counts_.nodes;
  if (u == p_.units) return leaf();
  const int components = static_cast<int>(p_.components.size());
  const auto sync = [&] {  // paths that were added meanwhile
    for (std::size_t t = sum_[size(u)].size(); t < paths_.size(); ++t) {
      Time sum = paths_[t].constant;
      for (int k = 0; k < u; ++k)
        sum = plus(sum, along(paths_[t].direction[size(k)], *chosen_[size(k)], components));
      sum_[size(u)].push_back(sum);
    }
  };
  sync();
  if (u > 0 && is_dominated(u, used)) return;
  struct Child {
    Time bound;
    std::size_t way;
    const Word* word;
  };
  const Unit& unit = units_[size(u)];
  const auto bound = [&](std::size_t way, const Word& word) {
    const int after = used + unit.layers[way];
    Time best = 0;
    for (std::size_t t = 0; t < paths_.size() && best < scaled(); ++t) {
      const Time follows = paths_[t].after[size(u) + 1][size(after)];
      if (follows >= infeasible) return infeasible;
      best = std::max(
          best, plus(plus(sum_[size(u)][t], along(paths_[t].direction[size(u)], word, components)), follows));
    }
    return best;
  };
  std::vector<Child> children;
  for (std::size_t w = 0; w < unit.lengths.size(); ++w) {
    if (!unit.open[w] || used + unit.layers[w] > p_.positions()) continue;
    for (const Word& word : unit.words[w])
      if (const Time b = bound(w, word); b < scaled()) children.push_back({b, w, &word});
  }
  std::stable_sort(children.begin(), children.end(),
                   [](const Child& a, const Child& b) { return a.bound < b.bound; });
  for (const Child& child : children) {
    if (stopped_ || improved_) return;
    sync();
    if (bound(child.way, *child.word) >= scaled()) continue;
    auto& sum = sum_[size(u) + 1];
    sum.resize(paths_.size());
    for (std::size_t t = 0; t < paths_.size(); ++t)
      sum[t] = plus(sum_[size(u)][t], along(paths_[t].direction[size(u)], *child.word, components));
    chosen_[size(u)] = child.word;
    way_[size(u)] = child.way;
    descend(u + 1, used + unit.layers[child.way]);
  }
}

Frame::Answer Frame::solve(Time upper, const std::function<bool()>& stop) {
  stop_ = &stop;
  stopped_ = false;
  answer_ = {};
  answer_.lower = bound(upper);
  if (answer_.lower >= upper_) {
    answer_.proven = true;
    answer_.lower = upper_;
    return answer_;
  }
  for (std::size_t pass = 0; !too_many_ways_ && pass < options_.passes; ++pass) {
    ++counts_.passes;
    std::vector<Cutting> before;  // whose directions the words are compared on
    for (const Cutting& c : paths_) before.push_back({c.constant, c.direction, {}, {}, {}, {}, {}});
    const bool whole = generate();
    counts_.labels = words_.labels();
    if (!whole) break;
    if (root() >= scaled()) {
      answer_.proven = true;
      break;
    }
    answer_.lower = std::max(answer_.lower, (root() + scale_ - 1) / scale_);
    nodes_ = 0;
    improved_ = false;
    chosen_.assign(units_.size(), nullptr);
    way_.assign(units_.size(), 0);
    sum_.assign(units_.size() + 1, {});
    seen_.assign(units_.size() + 1, std::vector<std::vector<Prefix>>(size(p_.positions()) + 1));
    descend(0, 0);
    if (stopped_) break;
    if (improved_) continue;
    const auto compared = [&](const Cutting& c) {
      for (std::size_t u = 0; u < units_.size(); ++u)
        if (!c.direction[u].empty() && std::none_of(before.begin(), before.end(), [&](const Cutting& b) {
              return b.direction[u] == c.direction[u];
            }))
          return false;
      return true;
    };
    answer_.proven = paths_.size() < options_.paths && std::all_of(paths_.begin(), paths_.end(), compared);
    if (answer_.proven || paths_.size() >= options_.paths) break;
  }
  if (answer_.proven) answer_.lower = upper_;
  answer_.lower = std::min(answer_.lower, upper_);
  for (Unit& unit : units_) unit.words.clear();
  return answer_;
}

}  // namespace orrery::exact
