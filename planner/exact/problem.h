// The problem of a frame: where the order of operations is fixed, which plan of its chunks' words is fastest?
//
// A model is a row of positions, cut into consecutive chunks; unit u runs chunks u, u + units, u + 2 units
// ... A plan gives each chunk its length and each position a strategy; a chunk's strategies are its word.
// What a step knows of a word is a few components, each a weighted automaton over (max, +): from state values
// x, a strategy leads to y[to] = max over its transitions (x[from] + time), and the component is the greatest
// value of a final state at the word's end. Sums have one state; collectives that run beside compute, or
// memory peaks, two or three.
//
// The step is the longest path through a fixed graph whose edges cost a component or a constant. So it is a
// maximum, over paths, of sums of components, and the counts of one path bound the step of every plan from
// below.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace orrery::exact {

using Time = std::int64_t;  // ticks; of memory components bytes

// No such path. Sums that reach it stay there, so that counts cannot overflow.
inline constexpr Time never = -(Time{1} << 60);
constexpr bool is_never(Time t) { return t <= never / 2; }
constexpr Time plus(Time a, Time b) { return is_never(a) || is_never(b) ? never : a + b; }

// States of a component are [first, first + states) of all states. State `first` is never `never`.
inline constexpr int most_states = 6;
struct Component {
  int first = 0, states = 1;
  std::array<Time, most_states> start{0, never, never, never, never, never};
  std::array<bool, most_states> final{true, true, true, true, true, true};
  int bounded = -1;  // additive bounds stay in this state, by Strategy::bounds; -1: in the best one
  bool operator==(const Component&) const = default;
};

// Both states belong to the same component.
struct Transition {
  std::uint8_t from = 0, to = 0;
  Time time = 0;
  bool operator==(const Transition&) const = default;
};

struct Strategy {
  int layout = 0;  // of the activations that it takes and leaves
  std::vector<Transition> transitions;
  // Of components with a state `bounded`, into it, in it and out of it: a word's step is at least what these
  // add, though its own transitions may take longer to get there.
  std::vector<Transition> bounds;
  bool operator==(const Strategy&) const = default;
};

// Bytes of a unit: the sum of count * component over its chunks (`chunk`: the n-th of the unit) is at most
// `limit`.
struct Term {
  int chunk = 0, component = 0;
  Time count = 0;
  auto operator<=>(const Term&) const = default;
};
struct Limit {
  std::vector<Term> terms;  // sorted
  Time limit = 0;
};

// The step: the last node's value. A node's value is the greatest over its edges, 0 without any; edges come
// from earlier nodes.
struct Edge {
  int from = 0;
  int chunk = -1, component = 0;  // chunk -1: none
  Time constant = 0;
};
struct Graph {
  std::vector<int> first_edge{0};  // by node; and one more
  std::vector<Edge> edges;         // `from` -1: the beginning

  int begin_node() { return static_cast<int>(first_edge.size()) - 1; }  // the node that end_node() completes
  int end_node() {
    first_edge.push_back(static_cast<int>(edges.size()));
    return static_cast<int>(first_edge.size()) - 2;
  }
};

struct Problem {
  int units = 1, chunks = 1;                  // chunks: a multiple of units
  std::vector<int> table_of;                  // by position: its table; as long as the model
  std::vector<std::vector<Strategy>> tables;  // strategies to choose from
  // Between neighbouring positions of a chunk with layouts a and b, if they differ: redistribution[a *
  // layouts + b] is applied as a strategy is. Chunks begin and end in one canonical layout.
  int layouts = 1;
  std::vector<std::vector<Transition>> redistribution;
  std::vector<Component> components;
  int states = 0;                          // of all components
  std::vector<std::vector<Limit>> limits;  // by unit
  Graph graph;

  int positions() const { return static_cast<int>(table_of.size()); }
  int unit_of(int chunk) const { return chunk % units; }
  int chunks_of_unit() const { return chunks / units; }
};

// A plan of the problem.
struct Choice {
  std::vector<int> lengths;     // by chunk
  std::vector<int> strategies;  // by position: into its table
  bool operator==(const Choice&) const = default;
};

// Components of every chunk: value[chunk * components + k].
using Values = std::vector<Time>;
Values values_of(const Problem&, const Choice&);
// Those of one chunk, of positions `first` on; `out` gets one a component.
void values_of_chunk(const Problem&, int first, int length, const std::vector<int>& strategies, Time* out);
// Whether the units' limits hold.
bool fits(const Problem&, const Values&);

// A path through the graph: its length is constant + sum of count * component.
struct Path {
  Time constant = 0;
  std::vector<Term> terms;  // sorted; `chunk` of all chunks
  bool operator==(const Path&) const = default;
};
Time length(const Path&, const Problem&, const Values&);
// Sorted, counts of one chunk and component added.
std::vector<Term> merged(std::vector<Term>);

// The longest path's length; `path`: one of the longest.
class Replay {
 public:
  Time run(const Problem&, const Values&, Path* path = nullptr);

 private:
  std::vector<Time> value_;
  std::vector<int> by_;  // the edge that gave a node its value; -1: none
};

// The states at a word's beginning, one strategy on (from `x` to `y`; y is overwritten), and the components
// at its end.
std::vector<Time> start_states(const Problem&);
void step(const Problem&, const std::vector<Transition>&, const Time* x, Time* y);
Time finish(const Component&, const Time* states);

}  // namespace orrery::exact
