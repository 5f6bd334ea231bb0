// The best pipeline out of what each stage can be: which layers on which stage, and which mixture of
// strategies.
//
// With S, R the two times of a stage, a suffix of stages is known by U = sum S, Z = max_i(R_i + sum of S
// behind i), W = max_i(R_i - sum of S up to i within the suffix), and X, the stage time that c - 1
// micro-batches wait for (of the last stage, or the greatest). The step (cost.h) is the greatest of
//   max(U, Z) + (c-1) X,  max(U, Z) + (c-p) S_0,  c S_0 + max(0, R_0 - S_0)   which only grow with every S
//   and R, and c S_0 + W - S_0 (W of the stages behind the first)                        which falls with
//   some.
// So suffixes are compared in X, U and Z for a lower bound. If the bound's own plan is not as fast as the
// bound, they are compared again with equal U, and W besides: then nothing is lost either way.
#pragma once
#include <cstdint>
#include <vector>

#include "planner/galvatron/cost.h"
#include "planner/galvatron/front.h"

namespace orrery::galvatron {

// A stage of so many layers: its times, embedding and head included, and the mixture that has them.
struct Option {
  std::int64_t plain = 0, synchronised = 0;
  Mixture mixture{};
};

// Keeps those that no other is as good as; with `same_plain`, of each plain time the best synchronised one.
void keep_best(std::vector<Option>&, bool same_plain);

struct Pipeline {
  int layers = 0;
  std::int64_t micro_batches = 1;
  Bottleneck bottleneck = Bottleneck::ends;
  std::vector<std::vector<std::vector<Option>>> options;  // by stage, then layers
};

struct Best {
  std::int64_t step = never;                   // of `stages`, in ticks
  std::int64_t bound = never;                  // no pipeline of these options is below it
  std::vector<std::pair<int, Option>> stages;  // layers, option
  bool complete = true;                        // false: stopped at `most` suffixes
};

// The best below `incumbent`; `step` and `bound` stay `never` where there is none. `exact`: compare with
// equal U.
Best best_pipeline(const Pipeline&, std::int64_t incumbent, bool exact, std::size_t most);

}  // namespace orrery::galvatron
