// One step: static replay if that is exact, else shared replay.
//
// Static replay is exact if, in its own Timeline, no link is over-full at any moment and no compute runs beside a
// communication that slows it: then the event-driven replay takes the same steps, by induction over its events.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/engine/replay.h"
#include "sim/engine/shared.h"

namespace orrery {

enum class Replay : std::uint8_t { automatic, static_only, shared };
enum class Chosen : std::uint8_t {
  static_asked_for,       // whatever it neglects
  static_nothing_shared,  // no link can be full and nothing slows compute, whatever the times
  static_no_overlap,      // nothing that could share does so in this step
  shared_asked_for,
  shared_cores,           // ranks of a node compute and communicate on the same cores
  shared_link,            // two transfers overlap on a link
  shared_compute          // compute runs beside a communication that slows it
};
constexpr bool is_shared(Chosen c) { return c >= Chosen::shared_asked_for; }
std::string_view reason(Chosen);     // a sentence

struct Simulation {
  Tick makespan{};
  Chosen chosen = Chosen::static_nothing_shared;
  SharedCount count;                 // of shared replay
  bool exact = true;                 // but for what was asked to be neglected; see SharedInput::alike
};

struct SimulationWorkspace {
  Workspace fixed;
  SharedWorkspace shared;
};

// Fills `out` and returns what was done.
Simulation simulate(const Program&, std::span<const Price>, const SharedInput&, Replay, SimulationWorkspace&, Timeline& out);

// The first reason why a static Timeline is not exact: shared_link, shared_compute, or static_no_overlap if it is.
Chosen find_overlap(const Program&, std::span<const Price>, const SharedInput&, const Timeline&);

}  // namespace orrery
