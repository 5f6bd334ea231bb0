// The answer of a search under Galvatron's cost model for people and as orrery.galvatron/1.
#pragma once
#include <optional>
#include <string>

#include "planner/galvatron/search.h"
#include "tools/galvatron_profiles.h"

namespace orrery {

struct GalvatronAnswer {
  FoundProfile found;
  galvatron::Options options;
  std::int64_t batch = 0;
  galvatron::Result result;
  std::optional<std::pair<galvatron::Plan, galvatron::Price>> given;  // a plan to compare with
};

std::string galvatron_text(const GalvatronAnswer&);
Json galvatron_json(const GalvatronAnswer&);

}  // namespace orrery
