// The exact search in one frame, by path cuts.
//
// Every path of the graph bounds every plan from below, and a replayed plan gives the path that bounds it
// exactly. So keep a set of paths; for each unit and length of its chunks, bound the words (words.h) with
// what the other units add at least; search depth-first over the units, and replay what no path rules out: it
// is a better plan, or its critical path is a new cut. A pass whose words were compared on every direction of
// the paths that it ends with has ruled out or replayed every plan: the frame is proven. Else the next pass
// compares on the new ones too.
//
// Complexity: small in practice, exponential at worst; a budget of labels and nodes ends it with a lower
// bound.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "planner/exact/reduce.h"
#include "planner/exact/words.h"

namespace orrery::exact {

struct FrameOptions {
  std::size_t labels = 20'000;    // of a unit's words of one length, at once
  std::size_t nodes = 2'000'000;  // of a pass
  std::size_t paths = 400;
  std::size_t passes = 100;
  std::size_t lengths = 4'000;  // ways to give a unit's chunks their lengths; a frame of more is only bounded
  int mixtures = 24;            // of paths, that bound() tries
};

struct FrameCounts {
  std::size_t passes = 0, labels = 0, nodes = 0, replays = 0, paths = 0;
};

class Frame {
 public:
  // The problem must outlive the frame.
  explicit Frame(const Problem&, const FrameOptions& = {});

  // Every plan's step is at least this, or at least `upper`; `infeasible` if none keeps to the limits. A
  // frame of too many lengths is bounded by what its positions add at least, whatever their chunks.
  Time bound(Time upper = infeasible);
  // After bound(): what it found to be the best mixture of relaxed plans, rounded. It may be too large for
  // the limits. Nothing if the bound leaves no plan.
  std::optional<Choice> guess();
  // Adds the critical path of a plan to the cuts, for a tighter bound(). Returns its step.
  Time learn(const Choice&);

  struct Answer {
    bool proven = false;         // no plan is below `lower`
    Time lower = 0;              // if proven: the best plan's step, or the upper bound if none was below it
    std::optional<Choice> best;  // below the upper bound
    Time step = 0;
  };
  // The best plan below `upper`. stop() is asked now and then.
  Answer solve(
      Time upper, const std::function<bool()>& stop = [] { return false; });

  const FrameCounts& counts() const { return counts_; }

 private:
  struct Unit {
    std::vector<std::vector<int>> lengths;  // ways, and by way:
    std::vector<int> layers;                // their sum
    std::vector<std::vector<Position>> positions;
    std::vector<std::vector<Alike>> alike;
    std::vector<bool> possible;            // fits its limits
    std::vector<bool> open;                // may be part of a plan below the upper bound
    std::vector<std::vector<Word>> words;  // of the pass
  };
  struct Cutting {  // a path, or a mean of paths, times scale
    Time constant = 0;
    std::vector<Direction> direction;     // by unit
    bool mixed = false;                   // a mean: it bounds, but tells no words apart that paths don't
    std::vector<std::vector<Time>> dual;  // by unit and way: what it adds at least, by the dual
    std::vector<std::vector<Time>> arc;   // the same as far as is known now
    std::vector<std::vector<Time>> before,
        after;                            // by unit and layers used: the least so far, the least from here
    std::vector<std::vector<Time>> most;  // the greatest from here, of the pass's words
  };
  struct RelaxedPlan {  // by unit
    std::vector<std::size_t> way;
    std::vector<Relaxed> word;
  };
  struct Prefix {  // of a depth-first search, by path
    std::vector<Time> sum;
    std::vector<const Word*> words;
  };

  // frame.cc
  void list_ways(int unit, std::vector<int>& lengths, int left);
  void seed();
  void find_typical();
  Cutting cutting(const Path&) const;
  bool add(Cutting);  // false: it is known
  void find_possible();
  void set_upper(Time);
  Values values_of_words() const;
  Choice choice_of_words() const;

  // frame_bounds.cc
  Time bound_of_positions();
  Time least_of(const Cutting&, int table, Time count) const;
  void price(Cutting&);
  void price_words(Cutting&);
  void close();
  void chain(Cutting&);  // before, after from arc
  void mix();
  Cutting mean(const std::vector<double>& weights) const;
  std::optional<RelaxedPlan> relaxed(const Cutting&) const;
  std::vector<double> values_of_relaxed(const RelaxedPlan&) const;
  double length_of(const Cutting&, const std::vector<double>& values) const;
  Time raise();  // lower_, by the paths that are priced
  Time root() const;
  Time root(const Cutting&) const;
  Time rest(const Cutting&, int unit, int layers) const;
  Time through(int unit, std::size_t way) const;  // the bound on plans that use the way
  void find_most(Cutting&) const;

  // frame_guess.cc
  std::vector<int> mixed_lengths() const;
  std::vector<double> mixed_shares(int unit, const Position&) const;

  // frame_search.cc
  bool generate();
  void compact_problem();
  bool generate_words(int unit, std::size_t way, const std::vector<Direction>&, std::vector<Word>&);
  std::vector<Cut> cuts_of(int unit, std::size_t way) const;
  void descend(int unit, int used);
  void follow(int unit, int used);  // the children of a node
  bool is_dominated(int unit, int used);
  void leaf();

  static constexpr Time scale = 256;  // of paths, so that their means are integers
  Time scaled() const { return upper_ >= infeasible / scale ? infeasible : upper_ * scale; }

  const Problem& p_;
  FrameOptions options_;
  Additive additive_;
  Replay replay_;
  FrameCounts counts_;
  std::vector<Unit> units_;
  std::vector<Cutting> paths_;
  std::vector<RelaxedPlan> relaxed_;  // the last bound()'s best mixture,
  std::vector<double> share_;         // as much of each
  bool too_many_ways_ = false;
  Values typical_;  // of even chunks and the quickest strategies
  Time lower_ = 0;  // the last bound()
  Time upper_ = infeasible;

  // Of solve():
  const std::function<bool()>* stop_ = nullptr;
  bool stopped_ = false, improved_ = false;
  std::size_t nodes_ = 0;
  Compact compact_;  // of the pass
  std::unique_ptr<Additive> compact_additive_;
  std::vector<const Word*> chosen_;  // by unit
  std::vector<std::size_t> way_;
  std::vector<std::vector<Time>> sum_;                  // by depth and path
  std::vector<std::vector<std::vector<Prefix>>> seen_;  // by unit and layers used
  Answer answer_;
};

// What a word adds to a path; never: a component that it names has no such path.
Time along(const Direction&, const Word&, int components);

}  // namespace orrery::exact
