// The search over plans with a strategy for each layer and uneven stages, in every frame of a scenario's
// space: the degrees, schedule, virtual stages and micro-batch of its uniform plans. What is minimised is the
// static replay.
//
// Frames are measured, then bounded and guessed at, the most promising first; those that the best plan known
// does not rule out are solved in order of their bounds (planner/exact). docs/planner.md: the algorithm, its
// proof and what it presumes.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

#include "sim/base/interfaces.h"
#include "sim/evaluate.h"
#include "sim/scenario.h"

namespace orrery {

struct LayeredCounts {
  double log10_plans = 0;        // of all frames
  std::size_t frames = 0;        // of which
  std::size_t bounded_away = 0;  // no plan is below the best
  std::size_t solved = 0;        // searched to the end
  std::size_t open = 0;          // what a budget left: bounded only
  std::size_t simulated = 0;     // plans compiled and replayed
  std::size_t exact = 0;         // of these, whose step the frame's problem gave to a nanosecond
  std::size_t below_bound = 0;   // of these, faster than a bound says is possible: then nothing is proven
  bool operator==(const LayeredCounts&) const = default;
};

struct Layered {
  std::optional<Plan> best;  // if it is better than the plan that was known
  Tick step{};               // static, of the best or the known plan
  Tick lower{};              // no plan of the space has a shorter static step; 0: nothing is known
  LayeredCounts counts;
  bool complete = true;  // false: stopped early
};

// Whether the search has anything to say: one kind of layers on one kind of devices, more than one layer.
bool has_layers_to_choose(const Scenario&);

// What is known of uniform plans that fit: static steps.
struct KnownSteps {
  std::optional<Tick> best;       // of one that is an answer: an upper bound
  std::span<const Tick> uniform;  // in the order of uniform_plans(), 0 if it does not fit; none if not known.
                                  // Frames are looked at in their order.
};

// Results do not depend on the number of threads. The Watch is asked between rounds and inside a frame's search, there from the Executor's
// threads; what is bounded by then bounds the answer.
Layered search_layers(const Scenario&, const Calibration&, const Topology&, const KnownSteps&, Executor&,
                      Watch&);

}  // namespace orrery
