#include "planner/exact/parts.h"

#include <algorithm>
#include <map>
#include <optional>

namespace orrery::exact {
namespace {

// Of a reduction component: the data stream's own time, from compute on, and the chunk's end.
enum Reduce { stream, after, closed };

// Of a path that leaves compute for the data stream and returns, from its end, between two units: in compute;
// behind the reduction that it left compute by; behind a later one, before the next gather; before the gather
// that compute waits for; begun.
namespace to_gather {
enum State { computing, left, streaming, waiting, begun, count };
}
// The same, to a slot: in compute; behind a reduction; behind that of the layer whose slot the layer after
// the next takes; begun.
namespace to_slot {
enum State { computing, streaming, waiting, begun, count };
}

constexpr std::array<bool, most_states> only(int state) {
  std::array<bool, most_states> final{};
  final[static_cast<std::size_t>(state)] = true;
  return final;
}

Component with_states(int states, std::array<bool, most_states> final, Time start = 0) {
  return {0, states, {start, never, never, never, never, never}, final};
}

class Listing {
 public:
  explicit Listing(const std::vector<Component>& components) : components_(components) {}
  void add(int component, int from, int to, Time time) { add(out_.transitions, component, from, to, time); }
  void bound(int component, int from, int to, Time time) { add(out_.bounds, component, from, to, time); }
  Strategy take() { return std::move(out_); }

 private:
  void add(std::vector<Transition>& out, int component, int from, int to, Time time) const {
    const int first = components_[static_cast<std::size_t>(component)].first;
    out.push_back({static_cast<std::uint8_t>(first + from), static_cast<std::uint8_t>(first + to), time});
  }

  const std::vector<Component>& components_;
  Strategy out_;
};

// The parts of a backward pass of one unit in one turn.
class BackwardPass {
 public:
  BackwardPass(Listing& to, const Costs& c, const Most& most, Turn turn, bool closes)
      : to_(to),
        c_(c),
        most_(most),
        turn_(turn),
        closes_(closes),
        b_(c.backward[static_cast<std::size_t>(turn)]),
        reduce_(c.reduce[static_cast<std::size_t>(turn)]) {}

  void run() {
    const Time entry = c_.entry[static_cast<std::size_t>(turn_)],
               message = c_.message[static_cast<std::size_t>(turn_)];
    compute(part::backward, entry);
    compute(part::backward_message, message);
    gathers_to_compute(part::backward_gathers, entry);
    gathers_to_compute(part::message_gathers, message);
    gathers_to_compute(part::backward_after_data, {});
    slots(part::backward_slots, entry);
    slots(part::message_slots, message);
    slots(part::backward_after_slots, {});
    to_.add(of(part::backward_data), 0, 0, c_.gather_backward + reduce_);
    gathers_to_data(part::backward_data_gathers);
    reductions(part::backward_reduce, entry);
    reductions(part::message_reduce, message);
    const int end = of(part::backward_end);
    to_.add(end, 0, 0, 0);
    to_.add(end, 1, 2, reduce_ > 0 ? std::max<Time>(0, reduce_ - c_.tail) : 0);
    to_.add(end, 2, 2, 0);
  }

 private:
  int of(int p) const { return part::of_turn(p, turn_); }

  void compute(int p, Time first) {
    to_.add(of(p), 0, 0, b_);
    if (closes_) to_.add(of(p), 0, 1, first);
  }

  // Gathers are left out here: the next layer's is ahead of this one's reduction.
  void reductions(int p, Time first) {
    to_.add(of(p), stream, stream, reduce_);
    to_.add(of(p), after, after, b_);
    if (reduce_ > 0) to_.add(of(p), stream, after, b_ - c_.tail + reduce_);
    if (closes_) to_.add(of(p), after, closed, first);
    if (closes_ && reduce_ > 0) to_.add(of(p), stream, closed, first - c_.tail + reduce_);
  }

  // The stream is left before the gather that compute waits for, which lies ahead of the reduction of the
  // unit before; behind the reduction that a path comes by, the next gather is past. `first`: from compute;
  // otherwise from the data stream. `at`: where the states are.
  void gathers(int component, std::optional<Time> first, int at = 0) {
    using namespace to_gather;
    const int p = of(component);
    const Time g = c_.gather_backward, reduce = most_.ordered ? reduce_ : 0;
    const Time through = g + b_ - c_.unread - c_.tail + reduce_;  // from its gather to its reduction
    const auto add = [&](int from, int to, Time time) { to_.add(p, at + from, at + to, time); };
    add(computing, computing, b_);
    if (g > 0) add(computing, waiting, g + b_ - c_.unread);
    add(waiting, streaming, g);
    add(streaming, streaming, g + reduce);
    if (most_.ordered) add(waiting, left, 0);
    if (most_.ordered) add(streaming, left, reduce);
    if (reduce > 0) add(left, computing, b_ - c_.tail + reduce);
    if (reduce > 0 && g > 0) add(left, waiting, through);
    if (closes_ && first) {
      add(computing, begun, *first);
      if (reduce > 0) add(left, begun, *first - c_.tail + reduce);
    } else if (closes_) {
      if (g > 0) add(computing, begun, g + b_ - c_.unread);
      add(waiting, begun, g);
      add(streaming, begun, g + reduce);
      if (reduce > 0 && g > 0) add(left, begun, through);
    }
  }

  void gathers_to_compute(int component, std::optional<Time> first) {
    gathers(component, first);
    const Time each = c_.sharded ? c_.gather_backward + (most_.ordered ? reduce_ : 0) : 0,
               missed = first ? 2 * most_.gather + most_.lag : 0;
    using namespace to_gather;
    bounds<computing, streaming, begun>(of(component), each, 2 * most_.reduce, missed);
  }

  // As above, then compute and reductions; at least the data stream's own sum.
  void gathers_to_data(int component) {
    const int p = of(component);
    to_.add(p, 0, 0, reduce_);
    if (reduce_ > 0) to_.add(p, 0, 1, b_ - c_.tail + reduce_);
    if (reduce_ > 0 && c_.gather_backward > 0) {
      const Time through = c_.gather_backward + b_ - c_.unread - c_.tail + reduce_;
      to_.add(p, 0, 1 + to_gather::waiting, through);
      if (closes_) to_.add(p, 0, 1 + to_gather::begun, through);
    }
    gathers(component, {}, 1);
    const Time each = c_.gather_backward + reduce_;
    to_.add(p, 0, 1 + to_gather::streaming, each);
    if (closes_) to_.add(p, 0, 1 + to_gather::begun, each);
    bounds<0, 1 + to_gather::streaming, 1 + to_gather::begun>(p, each, 0, 0);
  }

  // The data stream's sum, less what a path misses before it and behind it.
  template <int computing, int streaming, int begun>
  void bounds(int p, Time each, Time behind, Time before) {
    to_.bound(p, computing, streaming, each - behind);
    to_.bound(p, streaming, streaming, each);
    if (!closes_) return;
    to_.bound(p, computing, begun, each - behind - before);
    to_.bound(p, streaming, begun, each - before);
  }

  // `first`: from compute; otherwise from the slots' last reduction in the pass before.
  void slots(int component, std::optional<Time> first) {
    using namespace to_slot;
    const int p = of(component);
    const bool slot = c_.slots && most_.ordered;
    const Time reduce = slot ? reduce_ : 0;
    to_.add(p, computing, computing, b_);
    if (slot) {
      to_.add(p, computing, waiting, c_.written[static_cast<std::size_t>(turn_)]);
      to_.add(p, waiting, streaming, 0);
      to_.add(p, streaming, computing, b_ - c_.tail + reduce);
      to_.add(p, streaming, waiting, c_.written[static_cast<std::size_t>(turn_)] - c_.tail + reduce);
    } else {
      to_.add(p, waiting, waiting, 0);
    }
    to_.add(p, streaming, streaming, reduce);
    slot_bounds(p, first, slot, reduce);
    if (!closes_) return;
    if (first) {
      to_.add(p, computing, begun, *first);
      if (slot) to_.add(p, streaming, begun, *first - c_.tail + reduce);
    } else {
      if (slot) to_.add(p, waiting, begun, 0);
      to_.add(p, streaming, begun, reduce);
    }
  }

  // The path of a word with three such layers or more: from the first whose gradients are whole on the data
  // stream, then to the last one's slot. It misses the reductions of the last two. With fewer such layers the
  // bound is no more than compute.
  void slot_bounds(int p, std::optional<Time> first, bool slot, Time reduce) {
    using namespace to_slot;
    const Time written = std::min(most_.written, most_.reduce);
    to_.bound(
        p, computing, streaming,
        slot ? c_.written[static_cast<std::size_t>(turn_)] - most_.reduce : b_ + written - 2 * most_.reduce);
    to_.bound(p, streaming, streaming, reduce);
    if (!closes_) return;
    if (first) {
      to_.bound(p, computing, begun, *first);
      to_.bound(p, streaming, begun, slot ? *first - c_.tail + reduce : *first);
    } else {
      to_.bound(p, computing, begun, reduce - 2 * most_.reduce);
      to_.bound(p, streaming, begun, reduce);
    }
  }

  Listing& to_;
  const Costs& c_;
  const Most& most_;
  Turn turn_;
  bool closes_;
  Time b_, reduce_;
};

// Bytes at the peak: of the layers before, then the peak, which stays. The layer before takes turns in slots
// of parameters: if this one does too, both are held. Some layer before takes turns in slots of gradients: if
// this one does too, and a later one, both are held (`between`).
enum Peak { held, peaked, gathered_before, slotted_before, between, peak_states };

void peak(Listing& to, int component, const Costs& c, Time own, Time second, bool backward) {
  to.add(component, held, held, c.stash);
  to.add(component, held, peaked, own);
  to.add(component, peaked, peaked, 0);
  if (c.sharded) {
    to.add(component, held, gathered_before, c.stash);
    to.add(component, gathered_before, peaked, own + second);
  }
  if (!backward) return;
  to.add(component, slotted_before, slotted_before, c.stash);
  if (!c.slots) return to.add(component, between, between, 0);
  to.add(component, held, slotted_before, c.stash);
  to.add(component, slotted_before, between, own + c.slot);
  if (c.sharded) to.add(component, gathered_before, between, own + second + c.slot);
  to.add(component, between, peaked, 0);
}

// Gathers, then compute of the layers from the last gather on. Whichever that is, the last layer's compute follows
// it: less `slack` that holds also of a word without gathers.
enum Gathered { gathering, computed, ended, gathered_states };

void gathers_then_compute(Listing& to, int component, Time gather, Time forward, Time slack, bool closes) {
  to.add(component, gathering, gathering, gather);
  to.add(component, computed, computed, forward);
  if (gather > 0) to.add(component, gathering, computed, gather + forward);
  if (closes) to.add(component, gathering, ended, gather > 0 ? gather + forward : forward - slack);
}

}  // namespace

std::vector<Component> step_components(const Bases& bases) {
  const std::array<bool, most_states> all{true, true, true, true, true, true}, second = only(1),
                                                                               third = only(2);
  std::vector<Component> out(memory_part::count, with_states(1, all));
  for (const int p : {part::forward_after_data, part::parameters_first}) {
    out[p] = with_states(gathered_states, only(computed));
    out[p].final[ended] = true;
  }
  for (const Turn t : {Turn::first, Turn::middle, Turn::last}) {
    const auto at = [&](int p) -> Component& { return out[static_cast<std::size_t>(part::of_turn(p, t))]; };
    at(part::backward) = at(part::backward_message) = with_states(2, second);
    for (const int p : {part::backward_gathers, part::message_gathers, part::backward_after_data}) {
      at(p) = with_states(to_gather::count, only(to_gather::begun));
      at(p).bounded = to_gather::streaming;
    }
    at(part::backward_data_gathers) = with_states(1 + to_gather::count, only(1 + to_gather::begun));
    at(part::backward_data_gathers).bounded = 1 + to_gather::streaming;
    for (const int p : {part::backward_slots, part::message_slots, part::backward_after_slots}) {
      at(p) = with_states(to_slot::count, only(to_slot::begun));
      at(p).bounded = to_slot::streaming;
    }
    at(part::backward_reduce) = at(part::message_reduce) = with_states(3, third);
    // Its last unit is the first that is read.
    at(part::backward_end) = {0, 3, {0, 0, never, never, never, never}, third};
  }
  out[part::late_reduce] = with_states(2, all);
  out[part::tensor_sum] = with_states(1, all, bases.tensor_sum);
  out[part::norm] = with_states(1, all, bases.norm);
  out[part::update] = with_states(1, all, bases.update);
  out[memory_part::peak_forward] = with_states(slotted_before, only(peaked));
  out[memory_part::peak_backward] = with_states(peak_states, only(peaked));
  int first = 0;
  for (Component& c : out) {
    c.first = first;
    first += c.states;
  }
  return out;
}

int state_count(const std::vector<Component>& components) {
  return components.back().first + components.back().states;
}

Strategy strategy(const std::vector<Component>& components, const Costs& c, const Most& most, bool closes) {
  Listing to(components);
  to.add(part::forward, 0, 0, c.forward);
  // What follows the data stream though nothing is gathered: behind compute there are at most the reductions
  // of two layers and of the ends.
  gathers_then_compute(to, part::forward_after_data, c.gather_forward, c.forward,
                       2 * most.reduce + most.ends + most.lag, closes && most.ordered);
  to.add(part::forward_data, 0, 0, c.gather_forward);
  to.add(part::parameters, 0, 0, c.parameters);
  gathers_then_compute(to, part::parameters_first, c.parameters, c.forward, 0, closes);
  for (const Turn t : {Turn::first, Turn::middle, Turn::last}) BackwardPass(to, c, most, t, closes).run();
  to.add(part::late_reduce, 0, 0, c.late);
  to.add(part::late_reduce, 1, 1, c.late);
  if (c.late > 0) to.add(part::late_reduce, 0, 1, c.late_base + c.late);
  to.add(part::tensor_sum, 0, 0, c.tensor_sum);
  to.add(part::norm, 0, 0, c.norm);
  to.add(part::update, 0, 0, c.update);
  to.add(memory_part::persistent, 0, 0, c.persistent);
  to.add(memory_part::stash, 0, 0, c.stash);
  peak(to, memory_part::peak_forward, c, c.peak_forward, c.second_forward, false);
  peak(to, memory_part::peak_backward, c, c.peak_backward, c.second_backward, true);
  return to.take();
}

namespace {

std::vector<Transition> then(const std::vector<Transition>& a, const std::vector<Transition>& b) {
  std::map<std::pair<int, int>, Time> best;
  for (const Transition& x : a)
    for (const Transition& y : b) {
      if (x.to != y.from) continue;
      const auto [at, fresh] = best.try_emplace({x.from, y.to}, x.time + y.time);
      if (!fresh) at->second = std::max(at->second, x.time + y.time);
    }
  std::vector<Transition> out;
  for (const auto& [ends, time] : best)
    out.push_back({static_cast<std::uint8_t>(ends.first), static_cast<std::uint8_t>(ends.second), time});
  return out;
}

}  // namespace

Strategy then(const Strategy& a, const Strategy& b) {
  return {a.layout, then(a.transitions, b.transitions), then(a.bounds, b.bounds)};
}

}  // namespace orrery::exact
