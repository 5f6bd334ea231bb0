// Published runs' own plans beside the best that the search finds for their model, cluster and batch, both under
// the simulation: what a published configuration leaves to gain, and what the planner would miss.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "planner/search.h"
#include "profiler/validate.h"
#include "sim/base/json.h"
#include "tools/table.h"

namespace orrery {

struct PublishedPlan {
  MeasuredRun run;
  std::string reason;         // why it is not simulated; empty: it is
  Plan plan;                  // as published
  Tick step{};                // its predicted step
  Bytes excess{};             // of memory by prediction; 0: it fits
  std::optional<Found> best;  // nothing fits, or the search was stopped before
  Certificate certificate;    // of the search
  double times() const { return static_cast<double>(step.v) / static_cast<double>(best->report.step.v); }
};

struct PublishedPlans {
  std::vector<PublishedPlan> plans;
  // Of plans that were compared: as many as there are, as many as fit and are faster than the best found.
  std::size_t compared() const;
  std::size_t faster() const;
};

// In order of the runs. `each_layer`: also a strategy for each layer. A search serves all runs that differ in
// their degrees, micro-batch, schedule, ZeRO and recomputation alone, and has `budget` seconds (0: until done).
PublishedPlans compare_published(std::span<const MeasuredRun>, const ValidationInputs&, bool each_layer,
                                 double budget, const Origin&, Executor&, Watch&);

}  // namespace orrery
