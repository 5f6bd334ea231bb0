// Published plans beside the planner's, for people and as orrery.published/1.
#pragma once
#include <string>

#include "tools/published.h"

namespace orrery {

// A row a run that was compared.
Table published_table(const PublishedPlans&);
// The table, what it sums up to, and the runs that are not in it with the reason.
std::string published_text(const PublishedPlans&);
Json published_json(const PublishedPlans&, const Origin&);

}  // namespace orrery
