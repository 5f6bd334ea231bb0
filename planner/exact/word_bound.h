// A close bound on problems of one chunk, whose plans are words of a given length.
//
// Frame::bound() knows of a word what is a sum over its strategies. A component of several states is more:
// how strategies follow each other decides what the data stream hides. Here the one that matters most is
// followed state by state. Paths and words play a game (game.h): to a mixture of paths, and of prices for the
// bytes of limits, a label program over positions answers with the word that is shortest under it; to a
// mixture of words, the replay with the longest path. Whatever the mixture of paths and prices, its shortest
// word is no longer than any plan's step: the Lagrangian dual.
#pragma once
#include <cstddef>
#include <functional>

#include "planner/exact/problem.h"

namespace orrery::exact {

struct WordBoundOptions {
  int rounds = 40;              // words that the game looks at
  std::size_t labels = 4'000;  // of words of one length, at once; a round of more ends the search
};

// Every plan that keeps to the limits takes at least this, or at least `upper`; not less than `lower`, which
// is known. `near`: a good plan, which tells what matters. stop() is asked between rounds. Requires one
// chunk.
Time bound_of_words(const Problem&, const Choice& near, Time lower, Time upper, const WordBoundOptions&,
                    const std::function<bool()>& stop);

}  // namespace orrery::exact
