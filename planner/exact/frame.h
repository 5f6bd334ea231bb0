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
#include <optional>

#include "planner/exact/words.h"

namespace orrery::exact {

struct FrameOptions {
  WordLimits words;
  std::size_t nodes = 2'000'000;  // of a pass
  std::size_t paths = 400;
  std::size_t passes = 100;
  std::size_t lengths = 4'000;  // ways to give a unit's chunks their lengths; a frame of more is only bounded
};

struct FrameCounts {
  std::size_t passes = 0, labels = 0, nodes = 0, replays = 0, paths = 0;
};

class Frame {
 public:
  // The problem must outlive the frame.
  explicit Frame(const Problem&, const FrameOptions& = {});

  // Every plan's step is at least this, or at least `upper`; `infeasible` if none keeps to the limits.
  // quick_bound() leaves memory out and takes two paths only. A frame of too many lengths is bounded by what
  // its positions add at least, whatever their chunks.
  Time bound(Time upper = infeasible);
  Time quick_bound();
  // A plan: the lengths that balance the bounds, each unit's word of least time. Nothing if the bounds leave
  // none below `upper`.
  std::optional<Choice> guess(Time upper = infeasible);
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
  struct Cutting {  // a path, times scale_
    Time constant = 0;
    std::vector<Direction> direction;     // by unit
    std::vector<std::vector<Time>> dual;  // by unit and way: what it adds at least, by the dual
    std::vector<std::vector<Time>> arc;   // the same as far as is known now
    std::vector<std::vector<Time>> before,
        after;                            // by unit and layers used: the least so far, the least from here
    std::vector<std::vector<Time>> most;  // the greatest from here, of the pass's words
  };
  struct Prefix {  // of a depth-first search, by path
    std::vector<Time> sum;
    std::vector<const Word*> words;
  };

  Time bound_of_positions();
  void list_ways(int unit, std::vector<int>& lengths, int left);
  void seed_nominal();
  void seed();
  bool add(const Path&, Time times);  // false: it is known
  void find_possible();
  void set_upper(Time);
  void price(Cutting&);
  void price_words(Cutting&);
  void close();
  void chain(Cutting&);  // before, after from arc
  Time least_of(const Cutting&, int table, Time count) const;
  Time raise();  // lower_, by the paths that are priced
  Time root() const;
  Time rest(const Cutting&, int unit, int layers) const;
  Time through(int unit, std::size_t way) const;  // the bound on plans that use the way
  void find_most(Cutting&) const;
  bool generate();
  void descend(int unit, int used);
  bool is_dominated(int unit, int used);
  void leaf();
  Values values_of_words() const;
  Choice choice_of_words() const;
  Time scaled() const { return upper_ >= infeasible / scale_ ? infeasible : upper_ * scale_; }

  const Problem& p_;
  FrameOptions options_;
  Additive additive_;
  Words words_;
  Replay replay_;
  FrameCounts counts_;
  Time scale_;  // units: so that sums of their paths have integer means
  std::vector<Unit> units_;
  std::vector<Cutting> paths_;
  bool too_many_ways_ = false, seeded_ = false;
  Values typical_;  // of even chunks and the quickest strategies
  Time lower_ = 0;  // the last bound()

  // Of solve():
  Time upper_ = infeasible;
  const std::function<bool()>* stop_ = nullptr;
  bool stopped_ = false, improved_ = false;
  std::size_t nodes_ = 0;
  std::vector<const Word*> chosen_;  // by unit
  std::vector<std::size_t> way_;
  std::vector<std::vector<Time>> sum_;                  // by depth and path
  std::vector<std::vector<std::vector<Prefix>>> seen_;  // by unit and layers used
  Answer answer_;
};

}  // namespace orrery::exact
