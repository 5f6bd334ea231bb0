#include "planner/exact/measure.h"

#include <algorithm>

#include "planner/exact/probe.h"

namespace orrery::exact {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }
constexpr Turn turns[] = {Turn::first, Turn::middle, Turn::last};
using Constants = Measured::Constants;

class Measuring {
 public:
  Measuring(const orrery::Problem& problem, const Plan& base)
      : base_(base),
        probe_(problem, base),
        one_(base.pp * base.virtual_stages == 1),
        lump_(one_ && problem.model.tied),
        // A word as long as a chunk can be: for prices that grow with it.
        longest_(size(std::max(2, problem.model.depth() - base.pp * base.virtual_stages + 1))) {}

  Measurements run(const std::vector<LayerStrategy>& strategies) {
    for (const LayerStrategy& s : strategies) measure(s);
    share_slots();
    share_most();
    return std::move(out_);
  }

 private:
  void measure(const LayerStrategy&);
  void measure_end(Measured&, const Probe::Chunk& one, const Probe::Chunk& at, bool last);
  void measure_both_ends(Measured&, const Probe::Chunk& two);
  void measure_outside(Costs&, Ends, const LayerStrategy&);
  std::int64_t in_bucket() const {
    return (base_.bucket_parameters + probe_.layer_elements() - 1) / probe_.layer_elements();
  }
  void grow(Measured&, const Probe::Chunk& one);
  void share_slots();
  void share_most();

  const Plan base_;
  Probe probe_;
  bool one_, lump_;
  std::size_t longest_;
  Measurements out_;
};

// A price of n units, at least base + n * each, if it grows ever more slowly: the secant's.
struct Line {
  Time base = 0, each = 0;
};
Line secant(Time one, Time many, std::size_t n) {
  const Time each = std::max<Time>(0, (many - one) / static_cast<Time>(n - 1) - (n > 2 ? 1 : 0));
  return {std::max<Time>(0, one - each - 2), each};  // rounding to ticks
}

void Measuring::measure(const LayerStrategy& s) {
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
    if (const std::uint32_t row = one.backward(t).whole_gradients[1]; row != BlockBuilder::none) {
      c.slots = true;
      c.slot = probe_.gradient_bytes(one);
      c.written[i] = probe_.compute(one.backward(t), row);
    }
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
  out_.push_back(std::move(m));
}

// Prices that depend on how many layers there are: the least that one more adds.
void Measuring::grow(Measured& m, const Probe::Chunk& one) {
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
  if (in_bucket() <= 1) return;
  const std::size_t n = std::min(longest_, size(static_cast<int>(in_bucket())));
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
void Measuring::measure_end(Measured& m, const Probe::Chunk& one, const Probe::Chunk& at, bool last) {
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
  // The head is the first that a backward pass runs.
  c.tail = last ? *std::min_element(std::begin(c.entry), std::end(c.entry)) : 0;
  if (last) {
    c.unread = probe_.before_parameters(at.backward(Turn::first));
    Time early = -never;
    for (const Turn t : turns)
      if (const Time whole = probe_.before_reduction(at.backward(t), 2); whole > 0)
        early = std::min(early, whole - c.entry[static_cast<std::size_t>(t)]);
    if (early < -never) c.tail = std::max<Time>(0, -early);
  }
  c.gather_forward = more(probe_.data(at.blocks->forward.block).gathers, layer.gather_forward);
  measure_outside(c, {!last, last}, m.strategy);

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

// What an end adds before and after the micro-batches: the least, as prices grow ever more slowly with what
// is there already.
void Measuring::measure_outside(Costs& c, const Ends ends, const LayerStrategy& s) {
  const std::vector<LayerStrategy> few(ends.first && ends.last ? 2 : 1, s), many(longest_, s);
  const Probe::Chunk without[] = {probe_.units({}, few), probe_.units({}, many)},
                     with[] = {probe_.units(ends, few), probe_.units(ends, many)};
  const auto beyond = [&](auto&& of) {
    return std::max<Time>(0, std::min(of(with[0]) - of(without[0]), of(with[1]) - of(without[1])));
  };
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
}

// One stage whose embedding is its head too: both are where they delay least.
void Measuring::measure_both_ends(Measured& m, const Probe::Chunk& two) {
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
  measure_outside(c, {true, true}, m.strategy);
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
void Measuring::share_slots() {
  Time most = 0;
  for (const Measured& m : out_)
    if (m.layer.sharded) most = std::max(most, m.layer.stash);
  for (Measured& m : out_) {
    Costs& c = m.layer;
    c.second_forward = std::max<Time>(0, c.second_forward - (most - c.stash));
    c.second_backward = std::max<Time>(0, c.second_backward - (most - c.stash));
  }
}

void Measuring::share_most() {
  Most most;
  most.ordered = in_bucket() <= 1 && base_.prefetch <= 1;
  most.written = -never;
  for (const Measured& m : out_) {
    most.gather = std::max(most.gather, m.layer.gather_backward);
    most.reduce = std::max(most.reduce, *std::max_element(m.layer.reduce, m.layer.reduce + 3));
    most.ends = std::max(most.ends, *std::max_element(m.first.reduce, m.first.reduce + 3) +
                                        *std::max_element(m.last.reduce, m.last.reduce + 3));
    most.lag = std::max(most.lag, m.loose);
    for (const std::size_t t : {0, 1, 2})
      most.written = std::min(
          {most.written, m.layer.backward[t], m.layer.slots ? m.layer.written[t] : m.layer.backward[t]});
  }
  for (Measured& m : out_) m.most = most;
}

}  // namespace

Measurements measure(const orrery::Problem& problem, const Plan& base,
                     const std::vector<LayerStrategy>& strategies) {
  return Measuring(problem, base).run(strategies);
}

Time floor_of(const Measurements& all, const orrery::Problem& problem, const Plan& base) {
  Time layer = -never, first = -never, last = -never;
  const auto least = [](const Costs& c) {
    return c.forward + std::min({c.backward[0], c.backward[1], c.backward[2]});
  };
  for (const Measured& m : all) {
    layer = std::min(layer, least(m.layer));
    first = std::min(first, least(m.first));
    last = std::min(last, least(m.last));
  }
  const double compute = static_cast<double>(layer) * problem.model.depth() +
                         static_cast<double>(std::max<Time>(0, first) + std::max<Time>(0, last));
  const auto m = static_cast<double>(micro_batches(problem.training, base));
  double idle = 1;  // of m micro-batches on all stages, while none is in a stage
  for (int stage = 0; stage < base.pp; ++stage) idle *= 1 - 1 / m;
  // Chunks of a rank begin and end elsewhere: only its own work counts.
  const double step = base.virtual_stages > 1 ? compute * m / base.pp : compute / (1 - idle);
  return static_cast<Time>(step * (1 - 1e-9));
}

}  // namespace orrery::exact
