// What one stage can be made of: the multisets of n layers, each with one of a few strategies, of which no
// other is as good in every coordinate. Exact, with memory in whole MB as the model rounds it and no grid.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace orrery::galvatron {

// A layer with one strategy on one stage: what it adds. Times in ticks, memory in MB.
struct Choice {
  int strategy = 0;
  std::int64_t memory = 0, plain = 0, synchronised = 0;
};

// Puts those that no other is as good as, in memory and both times, first and by memory; gives their number.
std::size_t dominated_last(std::vector<Choice>&);

// The least time of layers that take `memory` on average, if layers could be mixed in fractions: the lower
// convex hull of the choices. A lower bound of every mixture.
class Hull {
 public:
  // Of plain or synchronised times; `choices` by memory.
  Hull(std::span<const Choice>, std::int64_t Choice::*time);
  // Of n layers in `memory` together; infinite if they don't fit.
  std::int64_t bound(int n, std::int64_t memory) const;
  // n choices that fit and whose plain time is near the bound: indices of choices, none if they don't fit.
  std::vector<int> rounded(int n, std::int64_t memory) const;

 private:
  struct Corner {
    std::int64_t memory, time;
    int choice;
  };
  std::vector<Corner> corners_;
  std::size_t above(int n,
                    std::int64_t memory) const;  // the first corner that n layers in `memory` can't all have
};

inline constexpr std::int64_t never = std::int64_t{1} << 62;

// A mixture in a front; counts are recovered through `back`.
struct Mixture {
  std::int64_t memory = 0, plain = 0, synchronised = 0;
  std::uint32_t back = 0;
};

// What decides which mixtures are kept.
struct Keep {
  std::int64_t memory = 0;  // at most
  bool same_plain = false;  // a mixture stands in only for those of the same plain time (see search.h)
  std::size_t most = 0;     // mixtures of all fronts together
};

class Fronts {
 public:
  // Of 1 ... n layers. `hopeless(mixture, layers)` says that nothing better than what is known can come of
  // it.
  template <class Hopeless>
  Fronts(std::span<const Choice> choices, int n, const Keep& keep, const Hopeless& hopeless);
  std::span<const Mixture> of(int layers) const { return fronts_[static_cast<std::size_t>(layers)]; }
  // How many layers have each of the choices.
  std::vector<int> counts(const Mixture&) const;
  bool complete() const { return complete_; }  // false: there were more than Keep::most
  std::size_t size() const { return steps_.size(); }

 private:
  struct Step {
    std::uint32_t before;
    int choice;
  };
  void reduce(std::vector<Mixture>&, bool same_plain) const;
  std::vector<std::vector<Mixture>> fronts_;
  std::vector<Step> steps_{{0, -1}};
  std::size_t choices_;
  bool complete_ = true;
};

// Front of n with choices 0 ... s is that of n with 0 ... s - 1, and that of n - 1 with 0 ... s and one more
// s.
template <class Hopeless>
Fronts::Fronts(std::span<const Choice> choices, int n, const Keep& keep, const Hopeless& hopeless)
    : fronts_(static_cast<std::size_t>(n) + 1), choices_(choices.size()) {
  fronts_[0].push_back({});
  for (std::size_t s = 0; s < choices.size(); ++s) {
    const Choice& c = choices[s];
    for (std::size_t layers = 1; layers < fronts_.size(); ++layers) {
      std::vector<Mixture>& front = fronts_[layers];
      const std::size_t old = front.size();
      for (const Mixture& m : fronts_[layers - 1]) {
        const Mixture more{m.memory + c.memory, m.plain + c.plain, m.synchronised + c.synchronised,
                           static_cast<std::uint32_t>(steps_.size())};
        if (more.memory > keep.memory || hopeless(more, static_cast<int>(layers))) continue;
        if (steps_.size() >= keep.most) {
          complete_ = false;
          return;
        }
        front.push_back(more);
        steps_.push_back({m.back, static_cast<int>(s)});
      }
      if (front.size() > old) reduce(front, keep.same_plain);
    }
  }
}

}  // namespace orrery::galvatron
