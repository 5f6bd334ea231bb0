// Small problems as a model of layers, an embedding and a head make them, with costs of no meaning.
#pragma once
#include <random>

#include "planner/exact/parts.h"
#include "sim/program/schedule.h"

namespace orrery::exact {

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

inline Costs random_costs(Random& r) {
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
  c.second_forward = r.up_to(10), c.second_backward = r.up_to(10), c.slot = r.up_to(10);
  return c;
}

// Of random_costs().
inline constexpr Most longest{true, 60, 120, 3};

inline std::vector<Strategy> random_table(Random& r, const std::vector<Component>& components, int strategies,
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
inline std::vector<Transition> random_redistribution(Random& r, const std::vector<Component>& components) {
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

inline Instance random_instance(unsigned seed) {
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

}  // namespace orrery::exact
