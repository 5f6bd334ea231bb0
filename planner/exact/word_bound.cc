#include "planner/exact/word_bound.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "planner/exact/game.h"
#include "planner/exact/words.h"
#include "sim/base/error.h"

namespace orrery::exact {
namespace {

constexpr Time scale = 256;  // of mixtures, so that they are integers
constexpr double of_overflow =
    20;  // steps that a word costs in the game which needs twice the bytes there are
constexpr double converged = 1e-4;    // of the game's value
constexpr double most_weight = 2e16;  // of all bytes that there are
constexpr double negligible = 1e-6;   // of a mixture
constexpr std::size_t most_paths = 100;
constexpr std::size_t most_followed = 4;  // components, one after the other

std::size_t size(int n) { return static_cast<std::size_t>(n); }

Time measure(const std::vector<Term>& direction, const std::vector<Time>& values) {
  Time sum = 0;
  for (const Term& t : direction) {
    const Time v = values[size(t.component)];
    sum = plus(sum, is_never(v) ? never : t.count * v);
  }
  return sum;
}

class WordGame {
 public:
  WordGame(const Problem& p, const Choice& near, Time lower, const WordBoundOptions& options)
      : p_(p),
        options_(options),
        additive_(p),
        at_(positions(p, 0, {p.positions()})),
        near_(near.strategies),
        lower_(lower) {}

  Time run(Time upper, const std::function<bool()>& stop) {
    add(near_);
    for (std::size_t i = 0; i <= most_followed; ++i) {
      for (int round = 0; round < options_.rounds; ++round) {
        if (lower_ >= upper || stop()) return lower_;
        play();
        if (game_.value <= static_cast<double>(lower_) * (1 + converged) || !answer(game_.rows)) break;
      }
      if (!follow_another()) break;
    }
    return lower_;
  }

 private:
  struct FoundWord {
    std::vector<int> strategies;
    std::vector<Time> values;
  };

  // The sums of a word, and what it really is of the component that is followed.
  std::vector<Time> values(const std::vector<int>& word) const {
    std::vector<Time> out(p_.components.size(), 0);
    for (std::size_t i = 0; i < word.size(); ++i)
      for (std::size_t k = 0; k < out.size(); ++k)
        out[k] = plus(out[k],
                      additive_.entry(at_[i].table, word[i], static_cast<int>(k), at_[i].first, at_[i].last));
    if (followed_ >= 0) out[size(followed_)] = values_of_word(p_, at_, word)[size(followed_)];
    return out;
  }

  // On the path that really is the longest through the mixture of words that the game ended with, the
  // component of which sums miss most. False: there is none that was not followed yet.
  bool follow_another() {
    followed_ = -1;
    std::vector<double> real(p_.components.size(), 0), sums = real;
    for (std::size_t j = 0; j < game_.columns.size(); ++j) {
      if (game_.columns[j] <= negligible) continue;
      const std::vector<int>& word = words_[j].strategies;
      const std::vector<Time> r = values_of_word(p_, at_, word), s = values(word);
      for (std::size_t k = 0; k < r.size(); ++k) {
        real[k] += game_.columns[j] * static_cast<double>(r[k]);
        sums[k] += game_.columns[j] * static_cast<double>(s[k]);
      }
    }
    Path path;
    replay_.run(p_, Values(real.begin(), real.end()), &path);
    double most = 0;
    for (const Term& t : path.terms) {
      const std::size_t k = size(t.component);
      const double missed = static_cast<double>(t.count) * (real[k] - sums[k]);
      if (missed > most && std::find(tried_.begin(), tried_.end(), t.component) == tried_.end())
        most = missed, followed_ = t.component;
    }
    if (followed_ < 0) return false;
    tried_.push_back(followed_);
    for (FoundWord& w : words_) w.values = values(w.strategies);
    return true;
  }

  void add(const std::vector<int>& word) {
    words_.push_back({word, values(word)});
    add_longest(words_.back().values);
  }

  // The longest path through components; false: it is known.
  bool add_longest(const Values& v) {
    Path path;
    longest_ = replay_.run(p_, v, &path);
    if (paths_.size() >= most_paths || std::find(paths_.begin(), paths_.end(), path) != paths_.end())
      return false;
    paths_.push_back(std::move(path));
    return true;
  }

  // Rows: paths, then limits. At the bound's own step a limit costs what its overflow does.
  void play() {
    do {
      std::vector<std::vector<double>> payoff;
      for (const Path& path : paths_) {
        payoff.emplace_back();
        for (const auto& w : words_) {
          const Time t = measure(path.terms, w.values);
          payoff.back().push_back(is_never(t) ? 0 : static_cast<double>(t + path.constant));
        }
      }
      for (const Limit& limit : p_.limits[0]) {
        payoff.emplace_back();
        for (const auto& w : words_)
          payoff.back().push_back(static_cast<double>(lower_) *
                                  (1 + of_overflow * overflow(limit, w.values)));
      }
      game_ = solve_game(payoff);
    } while (add_longest(mean(game_.columns)) &&
             static_cast<double>(longest_) > game_.value * (1 + converged / 10));
    const std::size_t limits = p_.limits[0].size();  // a path may have been added since
    game_.rows.insert(game_.rows.end() - static_cast<std::ptrdiff_t>(limits),
                      paths_.size() + limits - game_.rows.size(), 0);
  }

  static double overflow(const Limit& limit, const std::vector<Time>& word) {
    return static_cast<double>(measure(limit.terms, word)) / static_cast<double>(limit.limit) - 1;
  }

  Values mean(const std::vector<double>& weights) const {
    Values out(p_.components.size());
    for (std::size_t k = 0; k < out.size(); ++k) {
      double sum = 0;
      for (std::size_t j = 0; j < words_.size(); ++j)
        if (weights[j] > 0) sum += weights[j] * static_cast<double>(words_[j].values[k]);
      out[k] = static_cast<Time>(sum);
    }
    return out;
  }

  // A mixture of paths and of limits' prices: its length is constant + direction . word.
  struct Weighted {
    std::vector<Term> direction;
    Time constant = 0;
    void add(const std::vector<Term>& terms, Time offset, Time times) {
      for (const Term& x : terms) direction.push_back({0, x.component, x.count * times});
      constant += offset * times;
    }
  };

  // Nothing: of next to no paths, or of prices at which bytes would not be integers.
  std::optional<Weighted> weighted(const std::vector<double>& rows) const {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(paths_.size());
    const double of_paths = std::accumulate(rows.begin(), end, 0.0);
    if (of_paths < negligible) return {};
    Weighted out;
    Time left = scale;
    for (std::size_t t = 0; t < paths_.size(); ++t) {
      const Time w = static_cast<Time>(rows[t] / of_paths * scale);
      out.add(paths_[t].terms, paths_[t].constant, w);
      left -= w;
    }
    const Path& heaviest =
        paths_[static_cast<std::size_t>(std::max_element(rows.begin(), end) - rows.begin())];
    out.add(heaviest.terms, heaviest.constant, left);
    for (std::size_t l = 0; l < p_.limits[0].size(); ++l) {
      const double of_all =
          rows[paths_.size() + l] / of_paths * of_overflow * static_cast<double>(lower_) * scale;
      if (of_all > most_weight) return {};
      const Limit& limit = p_.limits[0][l];
      out.add(limit.terms, -limit.limit, static_cast<Time>(of_all / static_cast<double>(limit.limit)));
    }
    out.direction = merged(std::move(out.direction));
    std::erase_if(out.direction, [](const Term& t) { return t.count == 0; });
    return out;
  }

  // The shortest word under a mixture, as a bound and for the game. False: there is none to be found.
  bool answer(const std::vector<double>& rows) {
    const auto mixture = weighted(rows);
    const auto word = mixture ? shortest(mixture->direction) : std::nullopt;
    if (!word) return false;
    add(word->strategies);
    const Time least = measure(mixture->direction, words_.back().values);
    if (is_never(least)) return false;  // a path that the word does not have says nothing of it
    lower_ = std::max(lower_, (least + mixture->constant) / scale);
    return true;
  }

  // Transitions of the followed component, whose first state is 1.
  std::vector<Transition> followed(const std::vector<Transition>& all) const {
    const Component& c = p_.components[size(followed_)];
    std::vector<Transition> out;
    for (const Transition& t : all)
      if (t.from >= c.first && t.from < c.first + c.states)
        out.push_back({static_cast<std::uint8_t>(t.from - c.first + 1),
                       static_cast<std::uint8_t>(t.to - c.first + 1), t.time});
    return out;
  }

  // At a place, what a strategy adds to a direction but for the followed component, as the transition of
  // state 0; never: nothing is known.
  Transition others(const std::vector<Term>& direction, const Position& at, int strategy) const {
    Time sum = 0;
    for (const Term& t : direction) {
      if (t.component == followed_) continue;
      const Time e = additive_.entry(at.table, strategy, t.component, at.first, at.last);
      sum = plus(sum, is_never(e) ? never : e * t.count);
    }
    return {0, 0, sum};
  }

  // A problem of two components: the followed one, if it is on the direction, and all else.
  std::optional<Word> shortest(const std::vector<Term>& direction) const {
    Problem two;
    two.components.resize(1);
    two.layouts = p_.layouts;
    two.limits.resize(1);
    std::vector<Term> of{{0, 0, 1}};
    for (const Term& t : direction) {
      if (t.component != followed_) continue;
      two.components.push_back(p_.components[size(followed_)]);
      two.components.back().first = 1;
      of.push_back({0, 1, t.count});
    }
    const bool follows = of.size() > 1;
    two.states = follows ? 1 + two.components.back().states : 1;
    std::vector<Position> places;  // that differ: each has its table
    for (const Position& at : at_) {
      const auto place = std::find(places.begin(), places.end(), at);
      two.table_of.push_back(static_cast<int>(place - places.begin()));
      if (place != places.end()) continue;
      places.push_back(at);
      two.tables.emplace_back();
      const auto& table = p_.tables[size(at.table)];
      for (std::size_t s = 0; s < table.size(); ++s) {
        Strategy made;
        made.layout = table[s].layout;
        if (follows)
          made.transitions = followed(table[s].transitions), made.bounds = followed(table[s].bounds);
        made.transitions.push_back(others(direction, at, static_cast<int>(s)));
        if (is_never(made.transitions.back().time)) return {};
        two.tables.back().push_back(std::move(made));
      }
    }
    for (const auto& between : p_.redistribution) {
      two.redistribution.push_back(follows ? followed(between) : std::vector<Transition>{});
      two.redistribution.back().push_back({0, 0, 0});
    }
    const Additive additive(two);
    Words words(two, additive);
    std::vector<Word> best;
    const bool whole =
        words.generate(0, positions(two, 0, {two.positions()}), {}, {of}, infeasible, options_.labels, best);
    if (!whole || best.empty()) return {};
    return std::move(best.front());
  }

  const Problem& p_;
  const WordBoundOptions& options_;
  const Additive additive_;
  const std::vector<Position> at_;
  const std::vector<int> near_;
  Time lower_;
  int followed_ = -1;
  Replay replay_;
  Time longest_ = 0;  // of the last replay
  std::vector<Path> paths_;
  std::vector<FoundWord> words_;
  Mixture game_;            // the last
  std::vector<int> tried_;  // components that were followed
};

}  // namespace

Time bound_of_words(const Problem& problem, const Choice& near, Time lower, Time upper,
                    const WordBoundOptions& options, const std::function<bool()>& stop) {
  ORRERY_CHECK(problem.chunks == 1);
  return WordGame(problem, near, lower, options).run(upper, stop);
}

}  // namespace orrery::exact
