#include "planner/exact/frame_model.h"

#include <algorithm>

#include "planner/exact/probe.h"
#include "planner/exact/reduce.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

using Constants = Measured::Constants;

class Modelling {
 public:
  Modelling(const orrery::Problem& problem, const Plan& base, const Measurements& measured,
            std::optional<Zero> edges, double share)
      : p_(problem),
        base_(base),
        measured_(measured),
        edges_(edges),
        share_(share),
        probe_(problem, base),
        chunks_(base.pp * base.virtual_stages),
        one_(chunks_ == 1),
        lump_(one_ && problem.model.tied) {
    out_.base = base;
    for (const Measured& m : measured) out_.strategies.push_back(m.strategy);
  }

  FrameModel run() {
    bases();
    tables();
    limits();
    out_.problem.graph = step_graph(shape());
    merge_alike_components(out_.problem);
    drop_dominated_strategies(out_.problem, out_.in_table);
    return std::move(out_);
  }

 private:
  struct Row {
    std::vector<int> held;  // other stashes, by chunk of the unit
    int current = 0;
    bool backward = false;
    Time constant = 0;
    bool covers(const Row& o) const {
      if (current != o.current || backward != o.backward || constant < o.constant) return false;
      for (std::size_t i = 0; i < held.size(); ++i)
        if (held[i] < o.held[i]) return false;
      return true;
    }
  };

  void bases();
  void tables();
  void limits();
  std::vector<std::vector<Row>> rows() const;
  Time room(int unit) const;
  StepShape shape();
  Time least(Time Measured::*member) const {
    Time best = -never;
    for (const Measured& m : measured_) best = std::min(best, m.*member);
    return best;
  }

  const orrery::Problem& p_;
  const Plan base_;
  const Measurements& measured_;
  std::optional<Zero> edges_;
  double share_;
  FrameModel out_;
  mutable Probe probe_;
  int chunks_;
  bool one_, lump_;
  std::vector<orrery::Step> steps_;
};

void Modelling::bases() {
  Bases least{-never, -never, -never};
  for (const Measured& m : measured_) {
    least.tensor_sum = std::min(least.tensor_sum, m.base.tensor_sum);
    least.norm = std::min(least.norm, m.base.norm);
    least.update = std::min(least.update, m.base.update);
  }
  // A rank with several chunks has one norm and one update.
  if (base_.virtual_stages > 1) least.norm = least.update = 0;
  out_.problem.components = step_components(least);
  out_.problem.states = state_count(out_.problem.components);
}

void Modelling::tables() {
  Problem& p = out_.problem;
  p.units = base_.pp;
  p.chunks = chunks_;
  p.tables.resize(3);
  out_.in_table.resize(3);
  p.table_of.assign(size(p_.model.depth()), 1);
  p.table_of.front() = 0;
  p.table_of.back() = 2;
  for (std::size_t s = 0; s < measured_.size(); ++s) {
    const Measured& m = measured_[s];
    const Strategy layer = strategy(p.components, m.layer, m.most, true);
    const auto add = [&](std::size_t table, Strategy made) {
      if (table != 1 && edges_ && m.strategy.zero != *edges_) return;
      p.tables[table].push_back(std::move(made));
      out_.in_table[table].push_back(static_cast<int>(s));
    };
    add(0, then(strategy(p.components, m.first, m.most, false), layer));
    add(1, layer);
    add(2, lump_ ? layer
                 : then(strategy(p.components, m.layer, m.most, false),
                        strategy(p.components, m.last, m.most, true)));
  }
}

// The bytes that a rank may hold in the ledger: with fragments and constants they keep to the limit.
Time Modelling::room(int unit) const {
  const Calibration& c = p_.calibration;
  const RankId rank{static_cast<std::uint32_t>(unit * (base_.ranks() / base_.pp))};
  const double limit = static_cast<double>(node_of(p_.cluster, rank).device.memory.v) * share_;
  int communicators = (base_.tp > 1) + (base_.cp > 1) + (base_.dp * base_.cp > 1) + (base_.ranks() > 1);
  if (base_.pp > 1) {
    const bool inner = base_.virtual_stages > 1 || (unit > 0 && unit + 1 < base_.pp);
    communicators += inner ? 4 : 2;
    communicators += p_.model.tied && (unit == 0 || unit + 1 == base_.pp);
  }
  const Time constants = (c.context + c.workspace + c.communicator * communicators).v;
  return static_cast<Time>((limit - static_cast<double>(constants)) / (1 + c.fragmentation)) + 1;
}

// What is held when a pass begins, call by call in the schedule's order: by unit, the rows that no other
// covers.
std::vector<std::vector<Modelling::Row>> Modelling::rows() const {
  const int units = base_.pp;
  const auto net = [&](bool gradients, std::uint32_t slot) {
    return probe_.bytes(probe_.message_block(gradients), slot).net;
  };
  const Time sent[] = {units > 1 ? net(false, 0) : 0, units > 1 ? net(true, 0) : 0};
  const Time received[] = {units > 1 ? net(false, 1) : 0, units > 1 ? net(true, 1) : 0};
  const auto constants = [&](int chunk) {
    Constants best{-never, -never};
    for (const Measured& m : measured_) {
      const Constants only{m.at_last.forward, -m.at_last.forward};  // a pass and its reverse leave nothing
      const Constants& c = one_                   ? only
                           : chunk == 0           ? m.at_first
                           : chunk + 1 == chunks_ ? m.at_last
                                                  : m.middle;
      best.forward = std::min(best.forward, c.forward);
      best.backward = std::min(best.backward, c.backward);
    }
    return best;
  };
  std::vector<std::vector<Row>> out(size(units));
  std::vector<std::vector<int>> held(size(units), std::vector<int>(size(base_.virtual_stages), 0));
  std::vector<Time> live(size(units), 0);
  for (const orrery::Step& step : steps_) {
    const int chunk = static_cast<int>(step.action.virtual_stage), u = chunk % units, n = chunk / units;
    if (step.message) {
      const bool g = step.action.backward;
      live[size((g ? chunk + 1 : chunk - 1) % units)] += sent[g];
      live[size(u)] += received[g];
      continue;
    }
    const bool backward = step.action.backward;
    int& stashes = held[size(u)][size(n)];
    stashes -= backward;
    Row row{held[size(u)], n, backward, live[size(u)]};
    auto& kept = out[size(u)];
    if (std::none_of(kept.begin(), kept.end(), [&](const Row& r) { return r.covers(row); })) {
      std::erase_if(kept, [&](const Row& r) { return row.covers(r); });
      kept.push_back(std::move(row));
    }
    const Constants c = constants(chunk);
    live[size(u)] += backward ? c.backward : c.forward;
    stashes += !backward;
  }
  return out;
}

void Modelling::limits() {
  Linearizer linearizer;
  linearizer.run(base_, probe_.micro_batches(), steps_);
  out_.problem.limits.resize(size(base_.pp));
  const auto all = rows();
  for (int u = 0; u < base_.pp; ++u) {
    for (const Row& row : all[size(u)]) {
      Limit limit;
      limit.limit = room(u) - row.constant;
      for (int n = 0; n < base_.virtual_stages; ++n) {
        limit.terms.push_back({n, memory_part::persistent, 1});
        if (row.held[size(n)] > 0) limit.terms.push_back({n, memory_part::stash, row.held[size(n)]});
        if (n == row.current)
          limit.terms.push_back(
              {n, row.backward ? memory_part::peak_backward : memory_part::peak_forward, 1});
      }
      // A backward pass begins with its own stash, which its peak counts.
      out_.problem.limits[size(u)].push_back(std::move(limit));
    }
  }
}

StepShape Modelling::shape() {
  StepShape s;
  s.units = base_.pp;
  s.chunks = chunks_;
  s.micro_batches = probe_.micro_batches();
  s.steps = steps_;
  s.sharded = std::any_of(measured_.begin(), measured_.end(), [](const Measured& m) {
    return m.layer.slots || m.layer.gather_backward > 0 || m.strategy.zero >= Zero::gradients;
  });
  s.late_reduction = !base_.overlap_gradients && base_.dp * base_.cp > 1;
  s.receive_ahead = base_.receive_ahead;
  s.send_slots = base_.send_slots;
  for (int u = 0; u < base_.pp; ++u) {
    s.activation.push_back(base_.pp > 1 ? probe_.message(false, static_cast<std::uint32_t>(u)) : 0);
    s.gradient.push_back(base_.pp > 1 ? probe_.message(true, static_cast<std::uint32_t>(u)) : 0);
  }
  s.unpack = one_ ? 0 : least(&Measured::unpack);
  s.loose = measured_.front().loose;
  s.forward_tail = least(&Measured::forward_tail);
  s.backward_tail = least(&Measured::backward_tail);
  const std::vector<LayerStrategy> word{out_.strategies.front(), out_.strategies.front()};
  const Probe::Chunk first = probe_.chunk({true, one_}, word);
  s.tokens = probe_.tokens_copy(first);
  if (p_.model.tied && base_.pp > 1) {
    Time tied = -never;
    for (const LayerStrategy& x : out_.strategies)
      if (!edges_ || x.zero == *edges_)
        tied =
            std::min(tied, probe_.tied(probe_.chunk({true, false}, {x}), probe_.chunk({false, true}, {x})));
    s.tied = tied;
  }
  s.world = probe_.world();
  return s;
}

}  // namespace

Plan FrameModel::plan(const Choice& choice) const {
  Plan out = base;
  out.stage_layers = choice.lengths;
  out.layers.clear();
  for (std::size_t i = 0; i < choice.strategies.size(); ++i)
    out.layers.push_back(strategies[size(in_table[size(problem.table_of[i])][size(choice.strategies[i])])]);
  return out;
}

FrameModel frame_model(const orrery::Problem& problem, const Plan& base, const Measurements& measured,
                       std::optional<Zero> edges, double share_of_memory) {
  return Modelling(problem, base, measured, edges, share_of_memory).run();
}

}  // namespace orrery::exact
