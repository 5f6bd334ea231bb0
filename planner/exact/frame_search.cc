// Words that no path rules out, and the depth-first search over units.
#include <algorithm>

#include "planner/exact/frame.h"
#include "sim/base/error.h"

namespace orrery::exact {
namespace {

constexpr std::size_t most_prefixes = 3000;  // kept of a unit and layers used

std::size_t size(int n) { return static_cast<std::size_t>(n); }

Direction renumbered(Direction d, const std::vector<int>& at) {
  for (Term& t : d) t.component = at[size(t.component)];
  return d;
}

}  // namespace

// The components that the pass's paths name.
void Frame::compact_problem() {
  std::vector<bool> used(p_.components.size(), false);
  for (const Cutting& c : paths_)
    for (const Direction& d : c.direction)
      for (const Term& t : d) used[size(t.component)] = true;
  compact_ = compact(p_, std::move(used));
  compact_additive_ = std::make_unique<Additive>(compact_.problem);
}

std::vector<Cut> Frame::cuts_of(int u, std::size_t w) const {
  std::vector<Cut> cuts;
  for (const Cutting& c : paths_) {
    Cut cut{c.direction[size(u)], rest(c, u, units_[size(u)].layers[w]), -1, 0};
    const auto same =
        std::find_if(cuts.begin(), cuts.end(), [&](const Cut& x) { return x.direction == cut.direction; });
    if (same != cuts.end()) {
      same->rest = std::max(same->rest, cut.rest);
      continue;
    }
    dual(p_, additive_, u, units_[size(u)].alike[w], cut.direction, &cut);
    cuts.push_back(std::move(cut));
  }
  for (Cut& cut : cuts) cut.direction = renumbered(std::move(cut.direction), compact_.at);
  return cuts;
}

bool Frame::generate_words(int u, std::size_t w, const std::vector<Direction>& directions,
                           std::vector<Word>& out) {
  const Unit& unit = units_[size(u)];
  Words words(compact_.problem, *compact_additive_);
  const bool whole =
      words.generate(u, unit.positions[w], cuts_of(u, w), directions, scaled(), options_.labels, out);
  counts_.labels += words.labels();
  for (Word& word : out) word.values = values_of_word(p_, unit.positions[w], word.strategies);
  return whole;
}

// The words of a pass: those that no path rules out, compared on the directions of all paths.
bool Frame::generate() {
  for (Unit& unit : units_) unit.words.clear();
  for (Cutting& c : paths_) {
    price(c);
    chain(c);
  }
  close();
  compact_problem();
  std::vector<std::vector<std::vector<Word>>> made(units_.size());
  for (int u = 0; u < p_.units; ++u) {
    Unit& unit = units_[size(u)];
    std::vector<Direction> directions;
    for (const Cutting& c : paths_) {
      Direction d = renumbered(c.direction[size(u)], compact_.at);
      if (!c.mixed && !d.empty() && std::find(directions.begin(), directions.end(), d) == directions.end())
        directions.push_back(std::move(d));
    }
    made[size(u)].resize(unit.lengths.size());
    for (std::size_t w = 0; w < unit.lengths.size(); ++w) {
      if (!unit.open[w]) continue;
      if (stopped_ = stopped_ || (*stop_)(); stopped_) return false;
      if (!generate_words(u, w, directions, made[size(u)][w])) return false;
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
  if (paths_.size() < options_.paths && add(cutting(path))) {
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
  // Paths that were added meanwhile.
  for (std::size_t t = sum_[size(u)].size(); t < paths_.size(); ++t) {
    Time sum = paths_[t].constant;
    for (int k = 0; k < u; ++k)
      sum = plus(sum, along(paths_[t].direction[size(k)], *chosen_[size(k)],
                            static_cast<int>(p_.components.size())));
    sum_[size(u)].push_back(sum);
  }
  if (u > 0 && is_dominated(u, used)) return;
  follow(u, used);
}

void Frame::follow(int u, int used) {
  const int components = static_cast<int>(p_.components.size());
  const auto through_paths = [&](std::size_t way, const Word& word, std::vector<Time>& sum) {
    const int after = used + units_[size(u)].layers[way];
    Time best = 0;
    for (std::size_t t = 0; t < paths_.size() && best < scaled(); ++t) {
      const Time follows = paths_[t].after[size(u) + 1][size(after)];
      if (follows >= infeasible) return infeasible;
      if (t >= sum_[size(u)].size()) {  // added since
        Time before = paths_[t].constant;
        for (int k = 0; k < u; ++k)
          before = plus(before, along(paths_[t].direction[size(k)], *chosen_[size(k)], components));
        sum_[size(u)].push_back(before);
      }
      sum[t] = plus(sum_[size(u)][t], along(paths_[t].direction[size(u)], word, components));
      best = std::max(best, plus(sum[t], follows));
    }
    return best;
  };
  struct Child {
    Time bound;
    std::size_t way;
    const Word* word;
  };
  std::vector<Child> children;
  std::vector<Time> sum(paths_.size());
  const Unit& unit = units_[size(u)];
  for (std::size_t w = 0; w < unit.lengths.size(); ++w) {
    if (!unit.open[w] || used + unit.layers[w] > p_.positions()) continue;
    for (const Word& word : unit.words[w])
      if (const Time b = through_paths(w, word, sum); b < scaled()) children.push_back({b, w, &word});
  }
  std::stable_sort(children.begin(), children.end(),
                   [](const Child& a, const Child& b) { return a.bound < b.bound; });
  for (const Child& child : children) {
    if (stopped_ || improved_) return;
    sum.resize(paths_.size());
    if (through_paths(child.way, *child.word, sum) >= scaled()) continue;
    sum_[size(u) + 1] = sum;
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
    std::vector<std::vector<Direction>> before;  // on which the words are compared
    for (const Cutting& c : paths_)
      if (!c.mixed) before.push_back(c.direction);
    if (!generate()) break;
    if (root() >= scaled()) {
      answer_.proven = true;
      break;
    }
    answer_.lower = std::max(answer_.lower, (root() + scale - 1) / scale);
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
        if (!c.mixed && !c.direction[u].empty() &&
            std::none_of(before.begin(), before.end(), [&](const auto& b) { return b[u] == c.direction[u]; }))
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
