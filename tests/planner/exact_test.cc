// The path-cut search against brute force on small random problems: every way to cut the model and every
// word, played through the same graph. Their optima are equal to the last digit.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "planner/exact/frame.h"
#include "planner/exact/parts.h"

namespace orrery::exact {
namespace {

// A small problem as a model of layers, an embedding and a head make it, with costs of no meaning.
struct Instance {
  Problem problem;
  Schedule schedule = Schedule::one_f_one_b;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  Time up_to(Time most) { return static_cast<Time>(engine_() % static_cast<std::uint64_t>(most + 1)); }
  bool once_in(Time n) { return up_to(n - 1) == 0; }

 private:
  std::mt19937_64 engine_;
};

Costs random_costs(Random& r) {
  Costs c;
  c.forward = 10 + r.up_to(90);
  for (std::size_t t = 0; t < 3; ++t) {
    c.backward[t] = c.forward + 20 + r.up_to(100);
    c.message[t] = c.backward[t] - r.up_to(20);
    c.entry[t] = c.backward[t] + r.up_to(5);
  }
  if (r.once_in(3)) c.gather_forward = 1 + r.up_to(60), c.gather_backward = 1 + r.up_to(60), c.sharded = true;
  c.unread = r.up_to(3);
  c.tail = r.up_to(3);
  if (c.sharded || r.once_in(4)) c.reduce[0] = c.reduce[1] = 1 + r.up_to(80);
  c.reduce[2] = r.once_in(4) ? c.reduce[1] : 1 + r.up_to(120);
  if (c.reduce[0] > 0 && !r.once_in(4)) c.slots = true;
  for (std::size_t t = 0; t < 3; ++t) c.written[t] = c.backward[t] - 3 - r.up_to(20);
  if (!c.sharded && r.once_in(2)) c.parameters = 1 + r.up_to(90);
  if (r.once_in(2)) c.late_base = r.up_to(9), c.late = r.up_to(50);
  c.tensor_sum = r.up_to(3), c.norm = r.up_to(4), c.update = r.up_to(20);
  c.persistent = 5 + r.up_to(60), c.stash = 1 + r.up_to(20);
  c.peak_forward = c.stash + r.up_to(20), c.peak_backward = c.stash + r.up_to(30);
  c.second_forward = r.up_to(10), c.second_backward = r.up_to(10);
  return c;
}

// Of random_costs().
constexpr Most longest{true, 60, 120, 3};

std::vector<Strategy> random_table(Random& r, const std::vector<Component>& components, int strategies,
                                   int layouts, int edge) {
  std::vector<Strategy> out;
  Costs first = random_costs(r), last = random_costs(r);
  first.sharded = last.sharded = first.slots = last.slots = false;
  for (int s = 0; s < strategies; ++s) {
    Strategy made = strategy(components, random_costs(r), longest, edge != 1);
    if (edge == -1)
      made = then(strategy(components, first, longest, false),
                  strategy(components, random_costs(r), longest, true));
    if (edge == 1)
      made = then(strategy(components, random_costs(r), longest, false),
                  strategy(components, last, longest, true));
    made.layout = static_cast<int>(r.up_to(layouts - 1));
    out.push_back(std::move(made));
  }
  return out;
}

// Redistribution lengthens whatever computes, and nothing in memory.
std::vector<Transition> random_redistribution(Random& r, const std::vector<Component>& components) {
  const Time f = r.up_to(20), b = r.up_to(20);
  std::vector<Transition> out;
  for (int k = 0; k < memory_part::count; ++k)
    for (int j = 0; j < components[static_cast<std::size_t>(k)].states; ++j) {
      const auto at = static_cast<std::uint8_t>(components[static_cast<std::size_t>(k)].first + j);
      const bool backward = k >= part::backward && k < part::late_reduce && j == 0 && k % 2 == 1;
      out.push_back({at, at, k == part::forward ? f : backward ? b : 0});
    }
  return out;
}

Instance random_instance(unsigned seed) {
  Random r(seed);
  Instance out;
  Problem& p = out.problem;
  const bool interleaved = r.once_in(4);
  p.units = interleaved ? 2 : static_cast<int>(1 + r.up_to(2));
  p.chunks = interleaved ? 4 : p.units;
  const int layers = static_cast<int>(p.chunks + r.up_to(interleaved ? 2 : 6 - p.chunks));
  out.schedule = interleaved ? Schedule::interleaved : r.once_in(3) ? Schedule::gpipe : Schedule::one_f_one_b;
  p.components = step_components({r.up_to(5), r.up_to(5), r.up_to(5)});
  p.states = state_count(p.components);
  p.layouts = static_cast<int>(1 + r.up_to(1));
  const int strategies = static_cast<int>(1 + r.up_to(layers > 4 ? 1 : 3));
  for (const int edge : {-1, 0, 1})
    p.tables.push_back(random_table(r, p.components, strategies, p.layouts, edge));
  if (layers == 1) p.tables[0] = random_table(r, p.components, strategies, p.layouts, 0);
  p.table_of.assign(static_cast<std::size_t>(layers), 1);
  p.table_of.back() = 2;
  p.table_of.front() = 0;
  for (int i = 0; i < p.layouts * p.layouts; ++i)
    p.redistribution.push_back(random_redistribution(r, p.components));

  StepShape shape;
  shape.units = p.units;
  shape.chunks = p.chunks;
  shape.micro_batches = static_cast<std::uint32_t>(interleaved ? 2 * (1 + r.up_to(1)) : 1 + r.up_to(4));
  Plan plan;
  plan.pp = p.units;
  plan.virtual_stages = p.chunks_of_unit();
  plan.schedule = out.schedule;
  plan.receive_ahead = shape.receive_ahead = static_cast<int>(r.up_to(1));
  plan.send_slots = shape.send_slots = static_cast<int>(1 + r.up_to(1));
  if (!Linearizer().run(plan, shape.micro_batches, shape.steps).empty())
    plan.send_slots = 0;  // a deadlock: none of these has one
  shape.late_reduction = r.once_in(2);
  shape.sharded = true;
  for (int u = 0; u < p.units; ++u)
    shape.activation.push_back(r.up_to(15)), shape.gradient.push_back(r.up_to(15));
  shape.unpack = r.up_to(3), shape.forward_tail = r.up_to(5), shape.backward_tail = r.up_to(5);
  shape.loose = r.up_to(3), shape.tokens = r.up_to(9), shape.world = r.up_to(9);
  if (r.once_in(2)) shape.tied = 1 + r.up_to(9);
  p.graph = step_graph(shape);

  p.limits.resize(static_cast<std::size_t>(p.units));
  const Time room = 130 + r.up_to(100) + r.up_to(120) * layers / p.units;
  for (auto& limits : p.limits)
    for (int row = 0; row < 2; ++row) {
      Limit limit;
      limit.limit = room;
      for (int n = 0; n < p.chunks_of_unit(); ++n) {
        limit.terms.push_back({n, memory_part::persistent, 1});
        limit.terms.push_back({n, memory_part::stash, 1 + r.up_to(2)});
        if (n == row % p.chunks_of_unit())
          limit.terms.push_back({n, row == 0 ? memory_part::peak_forward : memory_part::peak_backward, 1});
      }
      limits.push_back(std::move(limit));
    }
  return out;
}

struct Best {
  Time step = infeasible;
  std::size_t plans = 0;
};

void try_words(const Problem& p, Choice& choice, Best& best, Replay& replay) {
  if (choice.strategies.size() < p.table_of.size()) {
    const auto table = static_cast<std::size_t>(p.table_of[choice.strategies.size()]);
    for (std::size_t s = 0; s < p.tables[table].size(); ++s) {
      choice.strategies.push_back(static_cast<int>(s));
      try_words(p, choice, best, replay);
      choice.strategies.pop_back();
    }
    return;
  }
  ++best.plans;
  const Values values = values_of(p, choice);
  if (fits(p, values)) best.step = std::min(best.step, replay.run(p, values));
}

void try_cuts(const Problem& p, int left, Choice& choice, Best& best, Replay& replay) {
  const int chunks = p.chunks - static_cast<int>(choice.lengths.size());
  if (chunks == 0) {
    if (left == 0) try_words(p, choice, best, replay);
    return;
  }
  for (int n = chunks == 1 ? left : 1; n >= 1 && n + chunks - 1 <= left; ++n) {
    choice.lengths.push_back(n);
    try_cuts(p, left - n, choice, best, replay);
    choice.lengths.pop_back();
  }
}

unsigned instances() { return std::getenv("ORRERY_TEST_ALL") ? 10'000 : 2'000; }

TEST(PathCuts, EqualBruteForce) {
  std::size_t interleaved = 0, impossible = 0, several_passes = 0, plans = 0;
  for (unsigned seed = 0; seed < instances(); ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    Best brute;
    Choice choice;
    Replay replay;
    try_cuts(p, p.positions(), choice, brute, replay);
    plans += brute.plans;
    interleaved += instance.schedule == Schedule::interleaved;
    Frame frame(p);
    const Time bound = frame.bound();
    EXPECT_LE(bound, brute.step) << seed;
    const Frame::Answer answer = frame.solve(infeasible);
    ASSERT_TRUE(answer.proven) << seed;
    ASSERT_EQ(answer.best.has_value(), brute.step < infeasible) << seed;
    several_passes += frame.counts().passes > 1;
    if (!answer.best) {
      ++impossible;
      continue;
    }
    ASSERT_EQ(answer.step, brute.step) << seed;
    const Values values = values_of(p, *answer.best);
    EXPECT_TRUE(fits(p, values)) << seed;
    EXPECT_EQ(replay.run(p, values), answer.step) << seed;
  }
  RecordProperty("plans", static_cast<int>(plans));
  RecordProperty("interleaved", static_cast<int>(interleaved));
  RecordProperty("several_passes", static_cast<int>(several_passes));
  RecordProperty("impossible", static_cast<int>(impossible));
  EXPECT_GT(interleaved, instances() / 5);
  EXPECT_GT(several_passes, instances() / 4);
  EXPECT_LT(impossible, instances() / 2);
}

TEST(PathCuts, FindNothingBelowTheBest) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Instance instance = random_instance(seed);
    Frame frame(instance.problem);
    const Frame::Answer best = frame.solve(infeasible);
    if (!best.best) continue;
    const Frame::Answer none = frame.solve(best.step);
    EXPECT_TRUE(none.proven);
    EXPECT_FALSE(none.best);
    EXPECT_EQ(none.lower, best.step);
    const Frame::Answer again = Frame(instance.problem).solve(best.step + 1);
    ASSERT_TRUE(again.best);
    EXPECT_EQ(again.step, best.step);
  }
}

TEST(PathCuts, GuessIsAPlanThatFits) {
  std::size_t found = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    Frame frame(instance.problem);
    const auto guess = frame.guess();
    if (!guess) continue;
    ++found;
    EXPECT_TRUE(fits(instance.problem, values_of(instance.problem, *guess))) << seed;
    EXPECT_GE(frame.learn(*guess), frame.bound()) << seed;
  }
  EXPECT_GT(found, 150u);
}

TEST(PathCuts, ASpentBudgetLeavesALowerBound) {
  std::size_t stopped = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Instance instance = random_instance(seed);
    const Frame::Answer whole = Frame(instance.problem).solve(infeasible);
    int looks = 0;
    const Frame::Answer part = Frame(instance.problem).solve(infeasible, [&] { return ++looks > 2; });
    stopped += !part.proven;
    if (whole.best) {
      EXPECT_LE(part.lower, whole.step) << seed;
    }
    if (part.best) {
      EXPECT_GE(part.step, whole.step) << seed;
    }
  }
  EXPECT_GT(stopped, 20u);
}

// Where chunks can have too many lengths, positions alone bound the step.
TEST(PathCuts, AFrameOfTooManyLengthsIsBounded) {
  double tightness = 0;
  std::size_t count = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    if (instance.problem.positions() == instance.problem.chunks) continue;  // one way
    const Frame::Answer whole = Frame(instance.problem).solve(infeasible);
    if (!whole.best) continue;
    FrameOptions few;
    few.lengths = 0;
    const Time bound = Frame(instance.problem, few).bound();
    EXPECT_LE(bound, whole.step) << seed;
    tightness += static_cast<double>(bound) / static_cast<double>(whole.step);
    ++count;
  }
  EXPECT_GT(count, 100u);
  EXPECT_GT(tightness / static_cast<double>(count), 0.3);
}

// A critical path's length is the step, and no path is longer than the step of any plan.
TEST(Paths, BoundEveryPlanFromBelow) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Instance instance = random_instance(seed);
    const Problem& p = instance.problem;
    Random r(seed);
    std::vector<Path> paths;
    Replay replay;
    for (int plan = 0; plan < 12; ++plan) {
      Choice choice;
      choice.lengths.assign(static_cast<std::size_t>(p.chunks), 1);
      for (int extra = p.positions() - p.chunks; extra > 0; --extra)
        ++choice.lengths[static_cast<std::size_t>(r.up_to(p.chunks - 1))];
      for (const int table : p.table_of)
        choice.strategies.push_back(static_cast<int>(
            r.up_to(static_cast<Time>(p.tables[static_cast<std::size_t>(table)].size()) - 1)));
      const Values values = values_of(p, choice);
      Path path;
      const Time step = replay.run(p, values, &path);
      EXPECT_EQ(length(path, p, values), step);
      for (const Path& other : paths) EXPECT_LE(length(other, p, values), step);
      paths.push_back(path);
    }
  }
}

}  // namespace
}  // namespace orrery::exact
