// A good plan of a problem, and soon: what an exact search starts from, and what is left where it cannot end.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>

#include "planner/exact/problem.h"

namespace orrery::exact {

// What a plan that looks better than all before, by its step in the problem, really takes; nothing: it cannot
// be.
using Judge = std::function<std::optional<Time>(const Choice&, Time step)>;

struct Annealed {
  Choice choice;
  Time step = 0;  // of the problem
  Time judged = 0;
};

// By threshold accepting (Dueck and Scheuer, J. Comp. Phys. 90, 1990): simulated annealing that takes every
// neighbour which is not much worse, ever less so. `plans`: to replay. Of the starts, which need not keep to
// the limits, the best is taken. The best as judged of those that are shorter than all before; nothing if no
// plan on the way can be. The same each time, unless stop(), asked now and then, ends it early.
std::optional<Annealed> anneal(const Problem&, const std::vector<Choice>& starts, std::size_t plans,
                               const Judge&, const std::function<bool()>& stop);

// For each strategy of the inner layers a plan that has it everywhere, or where it cannot the first there is,
// in chunks as even as can be.
std::vector<Choice> even_plans(const Problem&);

}  // namespace orrery::exact
