// The same problem with fewer components: a pass over words costs as much as the components that it follows.
#pragma once
#include "planner/exact/problem.h"

namespace orrery::exact {

// Points the graph and the limits to one of each set of components that no word tells apart.
void merge_alike_components(Problem&);

// Drops strategies than which another of the same table and layout has no greater time or bytes anywhere.
// `kept` by table: those that stay.
void drop_dominated_strategies(Problem&, std::vector<std::vector<int>>& kept);

// The tables, components and limits that words of some components need; without table_of and graph.
struct Compact {
  Problem problem;
  std::vector<int> at;  // by component of the whole problem: its place, -1 if it was dropped
};
// `used` by component. Those of limits stay in any case.
Compact compact(const Problem&, std::vector<bool> used);

}  // namespace orrery::exact
