// The words of one unit that can be part of a best plan: labels over its positions, pruned by bounds and
// dominance.
//
// Additive bounds. A component of several states is at least what any one trajectory through its states
// gives, and the trajectory that stays in one state between a word's ends is a sum over its strategies:
// entry(). With it every direction (counts of components) has a least completion, with memory priced by a
// multiplier where that is tighter.
//
// Dominance. A label rules out another of the same layout if, on each direction that is asked about and each
// choice of one open state a component, it is no longer: then no completion is longer either, whatever it is.
// Memory limits are directions too, and drop out where no completion can reach them.
#pragma once
#include <cstdint>
#include <vector>

#include "planner/exact/problem.h"

namespace orrery::exact {

// Of one unit: `chunk` is the n-th of the unit.
using Direction = std::vector<Term>;

// No word w is of use with rest + direction . w >= the upper bound, nor if it is so with price * (memory -
// limit) added.
struct Cut {
  Direction direction;
  Time rest = 0;
  int limit = -1;    // of the unit; -1: memory is not priced
  double price = 0;  // ticks a byte
};

struct Word {
  std::vector<Time> values;     // by chunk of the unit and component
  std::vector<int> strategies;  // by position of the unit, chunk by chunk
};

// What holds for all units: strategies as matrices, and the trajectories of additive bounds.
class Additive {
 public:
  explicit Additive(const Problem&);

  // Of `component`, of a strategy at the first, the last or another position of its chunk, such that a
  // chunk's sum is at most the component; with the component's start in its first position. never: the
  // strategy allows no such sum.
  Time entry(int table, int strategy, int component, bool first, bool last) const {
    return entries_[index(table, strategy, component) + (first ? 1u : 0u) + (last ? 2u : 0u)];
  }
  int during(int component) const {
    return during_[static_cast<std::size_t>(component)];
  }                                                                    // state, from `first`
  bool goes_on(std::uint32_t state) const { return goes_on_[state]; }  // some strategy leads on from it

 private:
  std::size_t index(int table, int strategy, int component) const {
    return ((first_[static_cast<std::size_t>(table)] + static_cast<std::size_t>(strategy)) * components_ +
            static_cast<std::size_t>(component)) *
           4;
  }
  std::size_t components_;
  std::vector<std::size_t> first_;  // by table
  std::vector<Time> entries_;
  std::vector<int> during_;
  std::vector<bool> goes_on_;
};

// A position of a unit's words.
struct Position {
  int table = 0, chunk = 0;          // chunk: the n-th of the unit
  bool first = false, last = false;  // of its chunk
  bool operator==(const Position&) const = default;
};
std::vector<Position> positions(const Problem&, int unit, const std::vector<int>& lengths);

// The components of a unit's chunks under these strategies, chunk by chunk.
std::vector<Time> values_of_word(const Problem&, const std::vector<Position>&,
                                 const std::vector<int>& strategies);

// Positions whose strategies add the same.
struct Alike {
  Position position;
  Time count = 0;
};
std::vector<Alike> alike(const std::vector<Position>&);

// The greatest lower bound on direction . w over the words of a unit that keep to its limits, by the
// Lagrangian dual on one limit at a time; `cut` gets the multiplier. never: no bound; infeasible: no word
// keeps to the limits.
inline constexpr Time infeasible = Time{1} << 60;
// `relaxed`: the word, in fractions, that is that short.
struct Relaxed {
  std::vector<int> low, high;  // by positions alike: strategies that hold too much, and that fit
  double share = 0;            // of `low`
};
Time dual(const Problem&, const Additive&, int unit, const std::vector<Alike>&, const Direction&,
          Cut* cut = nullptr, Relaxed* relaxed = nullptr);

// A component of such a word's n-th chunk, at least; never: nothing is known.
double value_of(const Additive&, const std::vector<Alike>&, const Relaxed&, int chunk, int component);

// The strategy of the smallest part of a limit.
int smallest_strategy(const Problem&, const Additive&, int unit, const Position&);

// Whether some word may keep to the limits.
bool can_fit(const Problem&, const Additive&, int unit, const std::vector<Alike>&);

class Words {
 public:
  Words(const Problem& problem, const Additive& additive) : p_(problem), additive_(additive) {}

  // All words that no cut rules out and no other word dominates on the directions. False if there were more
  // than `most_labels` of some length at once: then `out` is empty.
  bool generate(int unit, const std::vector<Position>&, const std::vector<Cut>&,
                const std::vector<Direction>&, Time upper, std::size_t most_labels, std::vector<Word>& out);

  std::size_t labels() const { return made_; }  // made so far

 private:
  struct Label {
    std::uint32_t parent;
    int strategy, layout;
  };
  struct Completion {  // of a cut, by position: the least of what follows
    std::vector<Time> plain;
    std::vector<double> priced;
  };
  // A direction's counts as a sum of states: of closed chunks their components, of the open one a state each.
  struct Coordinate {
    std::vector<std::pair<std::uint32_t, Time>> terms;  // index into a label's values, count
    int limit = -1;                                     // it measures this limit's bytes
  };

  void prepare(const std::vector<Cut>&);
  bool allowed(const std::vector<Cut>&, std::size_t position, int strategy, Time upper) const;
  Time weight(const Direction&, std::size_t position, int strategy) const;
  Time so_far(const Direction&, const Time* values, std::size_t position) const;
  bool ruled_out(const std::vector<Cut>&, const Time* values, std::size_t position, Time upper);
  bool over_limit(const Time* values, std::size_t position) const;
  bool cannot_reach(int limit, const Time* values, std::size_t position) const;
  void list_coordinates(const std::vector<Direction>&, std::size_t position);
  void add_coordinates(const Direction&, std::size_t position, int limit);
  void append(const Time* from, int before_layout, std::size_t position, int strategy, Time* to);
  void keep_best(std::size_t first, std::size_t position);
  void measure(const Time* values, std::size_t position, Time* out) const;

  const Problem& p_;
  const Additive& additive_;
  int unit_ = 0;
  std::vector<Position> at_;
  std::vector<std::vector<int>> active_;              // strategies by position
  std::vector<Completion> completions_;               // by cut
  std::vector<std::vector<std::vector<Time>>> most_;  // by position, limit, then term * most_states + state
  std::vector<Time> least_;                           // by position and limit: bytes that follow at least
  std::vector<Coordinate> coordinates_;
  std::vector<std::size_t> order_;                    // of cuts: those that rule out most come first
  std::size_t width_ = 0;                             // values a label
  std::vector<Label> labels_;                         // of all positions, as parents
  std::vector<Time> values_, next_values_, scratch_;  // of the newest position's labels
  std::vector<std::uint32_t> ids_, next_ids_;         // into labels_
  std::size_t made_ = 0;
};

}  // namespace orrery::exact
