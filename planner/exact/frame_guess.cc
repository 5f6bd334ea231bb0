// A plan from the bounds: the lengths that balance them, and words that round the relaxed ones.
#include <algorithm>

#include "planner/exact/frame.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

bool within(const Problem& p, int unit, const Word& word) {
  for (const Limit& limit : p.limits[size(unit)]) {
    Time sum = 0;
    for (const Term& t : limit.terms)
      sum += t.count * word.values[size(t.chunk) * p.components.size() + size(t.component)];
    if (sum > limit.limit) return false;
  }
  return true;
}

}  // namespace

// A word that fits, short on a direction: the relaxed one, as much of its quicker part as fits, in one piece
// or spread evenly, so that compute and collectives of unlike layers overlap. Where its bytes are bounded too
// loosely for that, the strategies of least bytes.
std::optional<Word> Frame::round(int u, std::size_t way, const Direction& whole, bool spread) const {
  const Unit& unit = units_[size(u)];
  const std::vector<Position>& at = unit.positions[way];
  Relaxed relaxed;
  if (const Time t = dual(p_, additive_, u, unit.alike[way], whole, nullptr, &relaxed); t >= infeasible)
    return {};
  Word word;
  const auto with = [&](const std::vector<int>& most, const std::vector<int>& others, Time quick) {
    std::vector<Time> used(unit.alike[way].size(), 0);
    word.strategies.clear();
    for (const Position& x : at) {
      const auto kind =
          static_cast<std::size_t>(std::find_if(unit.alike[way].begin(), unit.alike[way].end(),
                                                [&](const Alike& a) { return a.position == x; }) -
                                   unit.alike[way].begin());
      const Time n = used[kind]++, all = unit.alike[way][kind].count, many = std::min(quick, all);
      const bool quicker = spread ? (n + 1) * many / all > n * many / all : n < many;
      word.strategies.push_back(quicker ? most[kind] : others[kind]);
    }
    word.values = values_of_word(p_, at, word.strategies);
    return within(p_, u, word);
  };
  const auto as_much = [&](const std::vector<int>& most, const std::vector<int>& others) {
    Time low = 0, high = static_cast<Time>(at.size()) + 1;
    while (low + 1 < high) {
      const Time middle = (low + high) / 2;
      (with(most, others, middle) ? low : high) = middle;
    }
    return with(most, others, low);
  };
  if (relaxed.low.empty()) return {};
  if (as_much(relaxed.low, relaxed.high)) return word;
  std::vector<int> smallest;
  for (const Alike& a : unit.alike[way]) smallest.push_back(smallest_strategy(p_, additive_, u, a.position));
  if (as_much(relaxed.high, smallest)) return word;
  return {};
}

// The ways that make the greatest bound through a unit least, and of these the sum.
bool Frame::balance() {
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
  if (best.back()[n].worst >= infeasible) return false;
  way_.assign(units_.size(), 0);
  std::size_t used = n;
  for (std::size_t u = units_.size(); u-- > 0;) {
    way_[u] = best[u + 1][used].way;
    used -= size(units_[u].layers[way_[u]]);
  }
  return true;
}

std::optional<Choice> Frame::guess(Time upper) {
  if (too_many_ways_ || bound(upper) >= upper || !balance()) return {};
  std::optional<Choice> best;
  Time least = infeasible;
  for (const bool spread : {false, true}) {
    const auto choice = rounded(spread);
    if (!choice) continue;
    const Time t = replay_.run(p_, values_of(p_, *choice));
    ++counts_.replays;
    if (t < least) least = t, best = choice;
  }
  return best;
}

// The ways chosen, and for each unit a word that is short on the path that is longest through it.
std::optional<Choice> Frame::rounded(bool spread) {
  std::vector<Word> words;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    // The path that is longest through the unit may be a mean of several.
    const Cutting* critical = nullptr;
    Time longest = -1;
    for (const Cutting& c : paths_) {
      if (c.arc.empty() || c.direction[u].empty()) continue;
      const Time t = plus(c.arc[u][way_[u]], rest(c, static_cast<int>(u), units_[u].layers[way_[u]]));
      if (t > longest) longest = t, critical = &c;
    }
    if (!critical) critical = &paths_.front();
    Direction whole = critical->direction[u];
    for (Term& t : whole) t.count *= 8 * static_cast<Time>(paths_.size());
    for (const Cutting& c : paths_)  // the others break ties
      whole.insert(whole.end(), c.direction[u].begin(), c.direction[u].end());
    auto word = round(static_cast<int>(u), way_[u], merged(std::move(whole)), spread);
    if (!word) return {};
    words.push_back(std::move(*word));
  }
  chosen_.assign(units_.size(), nullptr);
  for (std::size_t u = 0; u < units_.size(); ++u) chosen_[u] = &words[u];
  return choice_of_words();
}

}  // namespace orrery::exact
