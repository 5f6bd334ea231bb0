#include "planner/exact/frame_model.h"

#include <algorithm>

#include "planner/exact/probe.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }
constexpr Turn turns[] = {Turn::first, Turn::middle, Turn::last};

// What a chunk's bytes have besides its layers'.
struct Constants {
  Time forward = 0, backward = 0;  // left by a pass beyond the stashes
};

class Modelling {
 public:
  Modelling(const orrery::Problem& problem, const Plan& base, const std::vector<LayerStrategy>& strategies,
            std::optional<Zero> edges, double share)
      : p_(problem),
        base_(base),
        edges_(edges),
        share_(share),
        probe_(problem, base),
        chunks_(base.pp * base.virtual_stages),
        one_(chunks_ == 1),
        lump_(one_ && problem.model.tied) {
    out_.base = base;
    out_.strategies = strategies;
    // A word as long as a chunk can be: for prices that grow with it.
    longest_ = size(std::max(2, problem.model.depth() - chunks_ + 1));
  }

  FrameModel run() {
    for (const LayerStrategy& s : out_.strategies) measure(s);
    share_slots();
    bases();
    tables();
    limits();
    out_.problem.graph = step_graph(shape());
    return std::move(out_);
  }

 private:
  struct Measured {
    LayerStrategy strategy;
    Costs layer, first, last;  // first: the embedding's, last: the head's
    Time unpack = 0, loose = 0, forward_tail = 0, backward_tail = 0;
    Bases base;
    Constants middle, at_first, at_last;
  };
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

  void measure(const LayerStrategy&);
  void measure_end(Measured&, const Probe::Chunk& one, const Probe::Chunk& at, bool last);
  void measure_both_ends(Measured&, const Probe::Chunk& two);
  void grow(Measured&, const Probe::Chunk& one);
  void share_slots();
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
  std::optional<Zero> edges_;
  double share_;
  FrameModel out_;
  mutable Probe probe_;
  int chunks_;
  bool one_, lump_;
  std::size_t longest_;
  std::vector<Measured> measured_;
  std::vector<orrery::Step> steps_;
};

// A price of n units, at least base + n * each, if it grows ever more slowly: the secant's.
struct Line {
  Time base = 0, each = 0;
};
Line secant(Time one, Time many, std::size_t n) {
  const Time each = std::max<Time>(0, (many - one) / static_cast<Time>(n - 1) - (n > 2 ? 1 : 0));
  return {std::max<Time>(0, one - each - 2), each};  // rounding to ticks
}

void Modelling::measure(const LayerStrategy& s) {
  Measured m;
  m.strategy = s;
  Costs& c = m.layer;
  const Probe::Chunk one = probe_.chunk({}, {s}), two = probe_.chunk({}, {s, s});
  const Time f1 = probe_.compute(one.blocks->forward);
  c.forward = probe_.compute(two.blocks->forward) - f1;
  m.unpack = f1 - c.forward;
  for (const Turn t : turns) {
    const auto i = static_cast<std::size_t>(t);
    c.entry[i] = probe_.compute(one.backward(t));
    c.backward[i] = probe_.compute(two.backward(t)) - c.entry[i];
    c.message[i] = probe_.compute(one.backward(t), one.backward(t).input_row);
    // A receive that blocks holds up recomputation too.
    if (base_.receive_ahead == 0)
      c.message[i] = std::max(c.message[i], probe_.compute(one.backward(t), one.backward(t).first_compute));
    const DataTimes d = probe_.data(one.backward(t).block);
    c.gather_backward = d.gathers;
    c.reduce[i] = d.reductions;
    if (d.reductions > 0) c.tail = probe_.after_gradients(one.backward(t));
  }
  c.unread =
      std::max<Time>(0, probe_.before_parameters(one.backward(Turn::first)) - (c.entry[0] - c.backward[0]));
  c.gather_forward = probe_.data(one.blocks->forward.block).gathers;
  c.parameters = base_.overlap_parameters ? probe_.total(probe_.begin_block(one), Stream::data) : 0;
  m.forward_tail = probe_.compute(one.blocks->forward, one.blocks->forward.output_begin);
  m.backward_tail = probe_.compute(one.backward(Turn::first), one.backward(Turn::first).output_begin);
  grow(m, one);

  const Probe::Bytes f = probe_.bytes(one.blocks->forward.block),
                     ff = probe_.bytes(two.blocks->forward.block);
  const Probe::Bytes b = probe_.bytes(one.backward(Turn::first).block),
                     bb = probe_.bytes(two.backward(Turn::first).block);
  c.sharded = s.zero == Zero::full && s.reshard && base_.dp * base_.cp > 1;
  c.persistent = probe_.persistent(one);
  c.stash = ff.net - f.net;
  c.peak_forward = std::min(f.peak, ff.peak - c.stash);
  c.peak_backward = c.stash + std::min(b.peak, bb.peak);
  c.second_forward = c.sharded ? std::max<Time>(0, ff.peak - c.stash - c.peak_forward) : 0;
  c.second_backward = c.sharded ? std::max<Time>(0, bb.peak + c.stash - c.peak_backward) : 0;
  m.middle = {f.net - c.stash, b.net + c.stash};

  if (lump_) {
    measure_both_ends(m, probe_.chunk({true, true}, {s, s}));
  } else {
    measure_end(m, one, probe_.chunk({true, false}, {s}), false);
    measure_end(m, one, probe_.chunk({false, true}, {s}), true);
  }
  measured_.push_back(std::move(m));
}

// Prices that depend on how many layers there are: the least that one more adds.
void Modelling::grow(Measured& m, const Probe::Chunk& one) {
  Costs& c = m.layer;
  const Probe::Chunk many = probe_.units({}, std::vector<LayerStrategy>(longest_, m.strategy));
  const auto line = [&](auto&& of) { return secant(of(one), of(many), longest_); };
  const Line late =
      line([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::data); });
  const Line sums =
      line([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::tensor); });
  const Line norms =
      line([&](const Probe::Chunk& x) { return probe_.total(probe_.norm(x).block, Stream::compute); });
  const Line updates = line([&](const Probe::Chunk& x) {
    const std::uint32_t block = probe_.update(x).block;
    return probe_.total(block, Stream::compute) + probe_.total(block, Stream::data);
  });
  c.late = late.each, c.late_base = late.base;
  c.tensor_sum = sums.each, c.norm = norms.each, c.update = updates.each;
  m.base = {sums.base, norms.base, updates.base};
  // Buckets of several layers: a layer's share of the collectives of as many.
  const std::int64_t in_bucket =
      (base_.bucket_parameters + probe_.layer_elements() - 1) / probe_.layer_elements();
  if (in_bucket <= 1) return;
  const std::size_t n = std::min(longest_, size(static_cast<int>(in_bucket)));
  const Probe::Chunk bucket = probe_.chunk({}, std::vector<LayerStrategy>(n, m.strategy));
  for (const Turn t : turns) {
    Time& reduce = c.reduce[static_cast<std::size_t>(t)];
    reduce = std::min(reduce, probe_.data(bucket.backward(t).block).reductions / static_cast<Time>(n));
  }
  if (c.parameters > 0)
    c.parameters =
        std::min(c.parameters, probe_.total(probe_.begin_block(bucket), Stream::data) / static_cast<Time>(n));
}

// The embedding or the head: what a chunk with it has beyond one without.
void Modelling::measure_end(Measured& m, const Probe::Chunk& one, const Probe::Chunk& at, bool last) {
  Costs& c = last ? m.last : m.first;
  const Costs& layer = m.layer;
  c.forward = probe_.compute(at.blocks->forward) - layer.forward;
  if (last) {
    m.loose = probe_.loose(at.blocks->forward);
    c.forward += m.loose - (one_ ? 0 : m.unpack);
  }
  const auto more = [](Time a, Time b) { return std::max<Time>(0, a - b); };
  for (const Turn t : turns) {
    const auto i = static_cast<std::size_t>(t);
    const Time whole = probe_.compute(at.backward(t));
    const DataTimes data = probe_.data(at.backward(t).block), others = probe_.data(one.backward(t).block);
    c.reduce[i] = more(data.reductions, others.reductions);
    c.gather_backward = more(data.gathers, others.gathers);
    c.backward[i] = c.entry[i] = c.message[i] = last ? whole - layer.backward[i] : whole - layer.entry[i];
  }
  // The head's gradients are whole, and its parameters read, somewhere in its part: when does not matter.
  c.tail = c.unread = last ? *std::min_element(std::begin(c.entry), std::end(c.entry)) : 0;
  c.gather_forward = more(probe_.data(at.blocks->forward.block).gathers, layer.gather_forward);
  if (base_.overlap_parameters)
    c.parameters = more(probe_.total(probe_.begin_block(at), Stream::data),
                        probe_.total(probe_.begin_block(one), Stream::data));
  const auto beyond = [&](auto&& of) { return more(of(at), of(one)); };
  c.late =
      beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::data); });
  c.tensor_sum =
      beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::tensor); });
  c.norm = beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.norm(x).block, Stream::compute); });
  c.update = beyond([&](const Probe::Chunk& x) {
    const std::uint32_t block = probe_.update(x).block;
    return probe_.total(block, Stream::compute) + probe_.total(block, Stream::data);
  });

  const Probe::Bytes f = probe_.bytes(at.blocks->forward.block),
                     b = probe_.bytes(at.backward(Turn::first).block);
  const Time output = probe_.output(one);
  Constants& constants = last ? m.at_last : m.at_first;
  constants.forward = m.middle.forward - (last ? output : 0);
  c.persistent = probe_.persistent(at) - layer.persistent;
  c.stash = f.net - layer.stash - constants.forward;
  constants.backward = b.net + layer.stash + c.stash;
  c.peak_forward = last ? f.peak - layer.stash : c.stash;
  c.peak_backward = last ? c.stash + b.peak : 0;
}

// One stage whose embedding is its head too: both are where they delay least.
void Modelling::measure_both_ends(Measured& m, const Probe::Chunk& two) {
  Costs& c = m.first;
  const Costs& layer = m.layer;
  m.loose = probe_.loose(two.blocks->forward);
  c.forward = probe_.compute(two.blocks->forward) + m.loose - 2 * layer.forward;
  const Probe::Chunk pair = probe_.chunk({}, {m.strategy, m.strategy});
  const auto more = [](Time a, Time b) { return std::max<Time>(0, a - b); };
  for (const Turn t : turns) {
    const auto i = static_cast<std::size_t>(t);
    c.backward[i] = probe_.compute(two.backward(t)) - layer.entry[i] - layer.backward[i];
    c.reduce[i] =
        more(probe_.data(two.backward(t).block).reductions, probe_.data(pair.backward(t).block).reductions);
    c.gather_backward = more(probe_.data(two.backward(t).block).gathers, 2 * layer.gather_backward);
  }
  c.gather_forward = more(probe_.data(two.blocks->forward.block).gathers, 2 * layer.gather_forward);
  const auto beyond = [&](auto&& of) { return more(of(two), of(pair)); };
  if (base_.overlap_parameters)
    c.parameters =
        beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.begin_block(x), Stream::data); });
  c.late =
      beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::data); });
  c.tensor_sum =
      beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.reductions(x).block, Stream::tensor); });
  c.norm = beyond([&](const Probe::Chunk& x) { return probe_.total(probe_.norm(x).block, Stream::compute); });
  c.update = beyond([&](const Probe::Chunk& x) {
    const std::uint32_t block = probe_.update(x).block;
    return probe_.total(block, Stream::compute) + probe_.total(block, Stream::data);
  });
  const Probe::Bytes f = probe_.bytes(two.blocks->forward.block),
                     b = probe_.bytes(two.backward(Turn::first).block);
  m.at_first = {};
  c.persistent = probe_.persistent(two) - 2 * layer.persistent;
  c.stash = f.net - 2 * layer.stash;
  m.at_first.backward = b.net + f.net;
  c.peak_forward = f.peak - 2 * layer.stash;
  c.peak_backward = c.stash;
  m.at_last = m.at_first;
}

// A second slot was measured after a layer alike. It may be the first of the two layers that has both: then
// the bytes that the second one's peak adds must not count that layer's stash, which another strategy may
// have larger.
void Modelling::share_slots() {
  Time most = 0;
  for (const Measured& m : measured_)
    if (m.layer.sharded) most = std::max(most, m.layer.stash);
  for (Measured& m : measured_) {
    Costs& c = m.layer;
    c.second_forward = std::max<Time>(0, c.second_forward - (most - c.stash));
    c.second_backward = std::max<Time>(0, c.second_backward - (most - c.stash));
  }
}

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
    const auto layer = transitions(p.components, m.layer, true);
    const auto add = [&](std::size_t table, std::vector<Transition> t) {
      if (table != 1 && edges_ && m.strategy.zero != *edges_) return;
      p.tables[table].push_back({0, std::move(t)});
      out_.in_table[table].push_back(static_cast<int>(s));
    };
    add(0, then(transitions(p.components, m.first, false), layer));
    add(1, layer);
    add(2, lump_ ? layer
                 : then(transitions(p.components, m.layer, false), transitions(p.components, m.last, true)));
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

FrameModel frame_model(const orrery::Problem& problem, const Plan& base,
                       const std::vector<LayerStrategy>& strategies, std::optional<Zero> edges,
                       double share_of_memory) {
  return Modelling(problem, base, strategies, edges, share_of_memory).run();
}

}  // namespace orrery::exact
