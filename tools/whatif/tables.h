// What people read of a what-if: the table of points with the Pareto front marked, the tornado, shadow
// prices.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "planner/whatif/hardware.h"
#include "planner/whatif/variants.h"
#include "tools/table.h"

namespace orrery {

// `points`: of the grid, that the answers are of. `front`: answers to mark; empty: no column for it.
Table points_table(const Grid&, std::span<const std::size_t> points, std::span<const Answer>,
                   std::span<const std::size_t> front);
// Why some points have no answer, a line each, the first ones.
std::string notes(std::span<const std::size_t> points, std::span<const Answer>);
// Where a link of more bandwidth gives a longer step, all else equal, along axes that set one: how often and
// the worst case. Empty: nowhere.
std::string faster_link_notes(const Grid&, std::span<const Answer>);
std::string hurting_notes(std::span<const Effect>, const Answer& base);
Table tornado_table(std::span<const Effect>, const Answer& base);
Table shadow_table(std::span<const ShadowPrice>, const Scenario&);

// "cluster.nodes 8, bandwidth 200 Gb/s": the setting of a point by the last names of its paths.
std::string setting(const Grid&, std::size_t point);

}  // namespace orrery
