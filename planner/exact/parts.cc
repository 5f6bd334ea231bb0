#include "planner/exact/parts.h"

#include <algorithm>
#include <map>

namespace orrery::exact {
namespace {

// Of a reduction component: the data stream's own time, from compute on, and the chunk's end.
enum Reduce { stream, after, closed };

Component with_states(int states, std::array<bool, most_states> final, Time start = 0) {
  return {0, states, {start, never, never}, final};
}

class Listing {
 public:
  explicit Listing(const std::vector<Component>& components) : components_(components) {}
  void add(int component, int from, int to, Time time) {
    const int first = components_[static_cast<std::size_t>(component)].first;
    out_.push_back({static_cast<std::uint8_t>(first + from), static_cast<std::uint8_t>(first + to), time});
  }
  std::vector<Transition> take() { return std::move(out_); }

 private:
  const std::vector<Component>& components_;
  std::vector<Transition> out_;
};

void backward_pass(Listing& to, const Costs& c, Turn turn, bool closes) {
  const auto t = static_cast<std::size_t>(turn);
  const auto of = [turn](int p) { return part::of_turn(p, turn); };
  const Time b = c.backward[t], reduce = c.reduce[t];
  to.add(of(part::backward), 0, 0, b);
  to.add(of(part::backward_message), 0, 0, b);
  to.add(of(part::backward_after_data), 0, 0, b);
  to.add(of(part::backward_after_data), 1, 1, c.gather_backward);
  if (c.gather_backward > 0) to.add(of(part::backward_after_data), 0, 1, c.gather_backward + b - c.unread);
  to.add(of(part::backward_data), 0, 0, c.gather_backward + reduce);
  // Gathers are left out here: the next layer's is ahead of this one's reduction.
  for (const int p : {part::backward_reduce + 0, part::message_reduce + 0}) {
    to.add(of(p), stream, stream, reduce);
    to.add(of(p), after, after, b);
    if (reduce > 0) to.add(of(p), stream, after, b - c.tail + reduce);
  }
  if (!closes) return;
  to.add(of(part::backward), 0, 1, c.entry[t]);
  to.add(of(part::backward_message), 0, 1, c.message[t]);
  to.add(of(part::backward_reduce), after, closed, c.entry[t]);
  to.add(of(part::message_reduce), after, closed, c.message[t]);
  if (reduce > 0) {
    to.add(of(part::backward_reduce), stream, closed, c.entry[t] - c.tail + reduce);
    to.add(of(part::message_reduce), stream, closed, c.message[t] - c.tail + reduce);
  }
}

// Bytes at the peak: of the layers before, then the peak, which stays. State 2: the layer before is sharded.
void peak(Listing& to, int component, const Costs& c, Time own, Time second) {
  to.add(component, 0, 0, c.stash);
  to.add(component, 0, 1, own);
  to.add(component, 1, 1, 0);
  if (!c.sharded) return;
  to.add(component, 0, 2, c.stash);
  to.add(component, 2, 1, own + second);
}

}  // namespace

std::vector<Component> step_components(const Bases& bases) {
  const std::array<bool, most_states> all{true, true, true}, second{false, true, false},
      third{false, false, true};
  std::vector<Component> out(memory_part::count, with_states(1, all));
  out[part::forward_after_data] = out[part::parameters_first] = with_states(2, second);
  for (const Turn t : {Turn::first, Turn::middle, Turn::last}) {
    const auto at = [&](int p) -> Component& { return out[static_cast<std::size_t>(part::of_turn(p, t))]; };
    at(part::backward) = at(part::backward_message) = at(part::backward_after_data) = with_states(2, second);
    at(part::backward_reduce) = at(part::message_reduce) = with_states(3, third);
  }
  out[part::late_reduce] = with_states(2, all);
  out[part::tensor_sum] = with_states(1, all, bases.tensor_sum);
  out[part::norm] = with_states(1, all, bases.norm);
  out[part::update] = with_states(1, all, bases.update);
  out[memory_part::peak_forward] = out[memory_part::peak_backward] = with_states(3, second);
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

std::vector<Transition> transitions(const std::vector<Component>& components, const Costs& c, bool closes) {
  Listing to(components);
  to.add(part::forward, 0, 0, c.forward);
  to.add(part::forward_after_data, 0, 0, c.gather_forward);
  to.add(part::forward_after_data, 1, 1, c.forward);
  if (c.gather_forward > 0) to.add(part::forward_after_data, 0, 1, c.gather_forward + c.forward);
  to.add(part::forward_data, 0, 0, c.gather_forward);
  to.add(part::parameters, 0, 0, c.parameters);
  to.add(part::parameters_first, 0, 0, c.parameters);
  to.add(part::parameters_first, 1, 1, c.forward);
  if (c.parameters > 0) to.add(part::parameters_first, 0, 1, c.parameters + c.forward);
  for (const Turn t : {Turn::first, Turn::middle, Turn::last}) backward_pass(to, c, t, closes);
  to.add(part::late_reduce, 0, 0, c.late);
  to.add(part::late_reduce, 1, 1, c.late);
  if (c.late > 0) to.add(part::late_reduce, 0, 1, c.late_base + c.late);
  to.add(part::tensor_sum, 0, 0, c.tensor_sum);
  to.add(part::norm, 0, 0, c.norm);
  to.add(part::update, 0, 0, c.update);
  to.add(memory_part::persistent, 0, 0, c.persistent);
  to.add(memory_part::stash, 0, 0, c.stash);
  peak(to, memory_part::peak_forward, c, c.peak_forward, c.second_forward);
  peak(to, memory_part::peak_backward, c, c.peak_backward, c.second_backward);
  return to.take();
}

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

}  // namespace orrery::exact
