// The answer of a search for people and as orrery.search/1.
#pragma once
#include <string>

#include "planner/by_hand.h"
#include "planner/search.h"
#include "sim/base/json.h"
#include "tools/table.h"

namespace orrery {

// The best plans in the column order that the field publishes (Megatron-Bridge).
Table plan_table(const SearchResult&);
// Whole: question, table, evidence, what was rejected and by how much. `show`: rejected plans to list.
std::string search_text(const Scenario&, const SearchResult&, std::size_t show);
// The best plan of the search beside those made by hand, a line each.
std::string by_hand_text(const SearchResult&, const std::vector<ByHand>&);
// `by_hand`: none, if they were not asked for.
Json search_json(const Scenario&, const SearchResult&, const std::vector<ByHand>& by_hand, const Origin&);

}  // namespace orrery
