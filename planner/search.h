// The search for the best plan. The interface is that of an exact search with a certificate; this first one is
// exhaustive over uniform plans (space.h): legality by violation(), memory by the ledger without prices, then the
// step as if nothing were shared, which bounds the simulated step from below. Plans are simulated in order of their
// bounds until no bound is left below the worst of the answers. What is minimised is the simulated step itself, and
// the answers are proven to be the best of the space.
//
// A scenario that asks for a strategy for each layer has its best plan looked for among those too (layered.h), from
// the best of the uniform plans on.
//
// Results don't depend on the number of threads: candidates are evaluated in rounds of fixed size and stored by
// index, ties go to the smaller index. A Watch that stops the search is asked between rounds only; then `complete`
// is false and the best found so far is given.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "planner/layered.h"
#include "sim/base/interfaces.h"
#include "sim/evaluate.h"
#include "sim/scenario.h"

namespace orrery {

struct Found {
  Plan plan;
  Report report;
  bool operator==(const Found&) const = default;
};

// Why a plan of the space is no answer: the first thing that it breaks.
enum class Rejection : std::uint8_t {
  illegal,       // violation(): `message`
  unsupported,   // a legal plan that nothing here models yet: `message`
  memory,        // stage `stage` needs `excess` more than the limit
  slow           // it fits, but a step, the run or its cost is above the objective's limit: `message`
};

struct Rejected {
  Plan plan;
  Rejection why = Rejection::illegal;
  std::string message;               // with the amount
  std::size_t stage = 0;
  Bytes excess{};
  std::optional<Plan> remedy;        // of `memory`: the plan that fits and differs least
  Tick remedy_bound{};               // its step takes at least this
  bool operator==(const Rejected&) const = default;
};

// Of the search over a strategy for each layer and uneven stages, under static replay.
struct LayeredCertificate {
  LayeredCounts counts;
  Tick step{}, lower{};              // static: the best plan's, and what no plan of its space is below
  double static_gap = 0;             // (step - lower) / step: 0 is proven
  double gap = 0;                    // the same of the best plan as simulated, where links may be shared
  bool operator==(const LayeredCertificate&) const = default;
};

struct Certificate {
  std::size_t plans = 0;             // in the space
  std::size_t evaluated = 0;         // of these: all, unless the search was stopped
  std::size_t illegal = 0, unsupported = 0, memory = 0, slow = 0;  // rejected
  std::size_t simulated = 0;         // of those that fit; the others' bounds are above the answers
  double gap = 0;                    // (best - lower bound) / best: 0 is proven, 1 says nothing
  std::optional<LayeredCertificate> layered;  // if a strategy for each layer was asked for
  bool operator==(const Certificate&) const = default;
};

struct SearchResult {
  std::vector<Found> best;           // by the objective, Search::top at most
  std::vector<Rejected> rejected;    // memory by excess, then slow, unsupported and illegal in order of the space
  Seconds lower_bound{};             // of the objective's step time over the space; 0: none is known
  Certificate certificate;
  bool complete = true;              // false: stopped early
  bool operator==(const SearchResult&) const = default;
};

// `origin` goes into every report. Ends in fail() when something can't be priced.
SearchResult search(const Scenario&, const Calibration&, const Origin& origin, Executor&, Watch&);

}  // namespace orrery
