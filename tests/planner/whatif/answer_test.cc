#include "planner/whatif/answer.h"

#include <gtest/gtest.h>

#include <random>

namespace orrery {
namespace {

std::vector<Answer> drawn(std::mt19937& random, std::size_t n) {
  std::vector<Answer> out;
  const auto small = [&] { return static_cast<double>(random() % 6 + 1); };  // many ties
  for (std::size_t i = 0; i < n; ++i) {
    Answer a;
    a.gpus = static_cast<int>(8 * small());
    a.step = {small()};
    a.run = {small() * 86400};
    a.cost = {small()};
    a.tokens_per_second = small();
    if (random() % 8 == 0) a.outcome = Outcome::nothing_fits;
    if (random() % 8 == 0) a.cost = {};
    out.push_back(a);
  }
  return out;
}

TEST(Front, IsWhatNothingDominates) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    const std::vector<Answer> all = drawn(random, random() % 12);
    for (const auto& [m, n] :
         {std::pair(Measure::days, Measure::dollars), std::pair(Measure::gpus, Measure::tokens_per_second)}) {
      std::vector<std::size_t> expected;
      const auto cost = [](const Answer& a, Measure k) {
        return measured(a, k) ? std::optional((more_is_better(k) ? -1 : 1) * *measured(a, k)) : std::nullopt;
      };
      for (std::size_t i = 0; i < all.size(); ++i) {
        bool best = cost(all[i], m) && cost(all[i], n);
        for (const Answer& other : all)
          if (best && cost(other, m) && cost(other, n))
            best = !(*cost(other, m) <= *cost(all[i], m) && *cost(other, n) <= *cost(all[i], n) &&
                     (*cost(other, m) < *cost(all[i], m) || *cost(other, n) < *cost(all[i], n)));
        if (best) expected.push_back(i);
      }
      std::vector<std::size_t> found = pareto_front(all, m, n);
      for (std::size_t i = 1; i < found.size(); ++i)
        EXPECT_LE(*cost(all[found[i - 1]], m), *cost(all[found[i]], m));
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, expected);
    }
  }
}

TEST(Smallest, IsTheFewestGpusThenTheCheapest) {
  std::mt19937 random(8);
  for (int round = 0; round < 500; ++round) {
    const std::vector<Answer> all = drawn(random, random() % 12);
    Targets t;
    t.run = {static_cast<double>(random() % 6) * 86400};
    t.cost = {static_cast<double>(random() % 6)};
    const auto found = smallest(all, t);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!meets(all[i], t)) continue;
      ASSERT_TRUE(found);
      EXPECT_TRUE(meets(all[*found], t));
      EXPECT_LE(all[*found].gpus, all[i].gpus);
      if (all[*found].gpus == all[i].gpus) {
        EXPECT_LE(all[*found].cost, all[i].cost);
      }
    }
  }
}

TEST(Smallest, WhatIsUnknownMeetsNoLimit) {
  Answer a;
  a.step = {1};
  EXPECT_TRUE(meets(a, {}));
  EXPECT_FALSE(meets(a, {.run = {86400}}));
  EXPECT_FALSE(meets(a, {.cost = {1e9}}));
  a.outcome = Outcome::memory;
  EXPECT_FALSE(meets(a, {}));
}

TEST(Outcomes, HaveNamesThatReadBack) {
  for (int i = 0; i < 6; ++i) EXPECT_EQ(outcome_of(name(static_cast<Outcome>(i))), static_cast<Outcome>(i));
  EXPECT_FALSE(outcome_of("fine"));
}

}  // namespace
}  // namespace orrery
