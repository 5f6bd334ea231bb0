// The answer of a search for people and as orrery.search/1.
#pragma once
#include <string>

#include "planner/search.h"
#include "sim/base/json.h"
#include "tools/table.h"

namespace orrery {

// The best plans in the column order that the field publishes (Megatron-Bridge).
Table plan_table(const SearchResult&);
// Whole: question, table, evidence, what was rejected and by how much. `show`: rejected plans to list.
std::string search_text(const Scenario&, const SearchResult&, std::size_t show);
Json search_json(const Scenario&, const SearchResult&, const Origin&);

}  // namespace orrery
