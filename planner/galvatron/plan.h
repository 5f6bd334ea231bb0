// A plan as Galvatron has it, and its price. The layers of a model are equal and the model charges nothing
// where neighbours differ, so that their order in a stage is free.
#pragma once
#include <cstdint>
#include <vector>

#include "planner/galvatron/cost.h"

namespace orrery::galvatron {

struct Plan {
  Division division;
  Strategy beside;               // of embedding and head
  std::vector<Strategy> layers;  // of every layer, by depth
  std::vector<int> cuts;         // layers of each stage
  bool operator==(const Plan&) const = default;
};

struct Price {
  Tick step{}, step_seen{};  // by Galvatron's formula; where any stage may be the slowest
  std::vector<StageTime> stages;
  std::vector<std::int64_t> memory;  // MB of a GPU of each stage, as Galvatron rounds: up by layer
  bool operator==(const Price&) const = default;
};

// Galvatron's own cuts: equal ones, what is left over on the last stage.
std::vector<int> even_cuts(int layers, int stages);

// The largest split among layers and embedding if one is tensor-parallel, for which all stages keep a buffer;
// else 0.
int buffered_split(const Plan&);

// Whether all sequences are priced: a data-parallel degree that doesn't divide the micro-batch is priced as
// if the rest were not there.
bool counts_every_sequence(const Plan&);

// Requires strategies that the model knows, of stages * split * cp * dp == gpus.
Price price(const CostModel&, const Plan&);

// Times of costs as integers. Ends in fail() on those that no profile has, negative or of hours.
StageTime layer_time(const CostModel&, const Division&, const Strategy&);
Tick beside_time(const CostModel&, const Division&, const Strategy&, int stage);
// MB, rounded up.
std::int64_t memory_of(const Cost&);

}  // namespace orrery::galvatron
