#include "planner/exact/step_graph.h"

#include <algorithm>

namespace orrery::exact {
namespace {

constexpr int none = -1;

class Builder {
 public:
  explicit Builder(const StepShape& s)
      : s_(s),
        units_(static_cast<std::size_t>(s.units)),
        cells_(static_cast<std::size_t>(s.chunks) * s.micro_batches) {}

  Graph run() {
    begin();
    for (const orrery::Step& step : s_.steps) {
      if (step.message)
        message(step);
      else if (step.action.backward)
        backward(step.action);
      else
        forward(step.action);
    }
    end();
    return std::move(graph_);
  }

 private:
  struct Unit {
    int compute = none, data = none, released = none;        // released: what does not wait for loose ends
    Time lag = 0;                                            // `released` ends so much before `compute`
    std::vector<std::pair<int, Time>> played;                // nodes of its calls, in order, and their lag
    int sent[2] = {none, none}, received[2] = {none, none};  // the newest message
  };
  struct Cell {
    int forward = none, backward = none, input = none, gradient = none;  // nodes
  };
  struct Output {
    std::vector<int> message;  // by place: the message that took it last
    std::vector<bool> busy;
    std::vector<int> place_of;  // by micro-batch
  };

  Unit& unit(int chunk) { return units_[static_cast<std::size_t>(chunk % s_.units)]; }
  Cell& cell(int chunk, std::uint32_t mb) {
    return cells_[static_cast<std::size_t>(chunk) * s_.micro_batches + mb];
  }
  void edge(int from, Time constant, int chunk = -1, int component = 0) {
    if (from != none || chunk >= 0 || constant > 0)
      graph_.edges.push_back({from, chunk, component, constant});
  }
  Turn turn(std::uint32_t mb) const {
    return mb == 0 ? Turn::first : mb + 1 == s_.micro_batches ? Turn::last : Turn::middle;
  }

  // The data stream gathers the chunks' updated parameters in order.
  void begin() {
    gathered_before_.assign(static_cast<std::size_t>(s_.chunks), none);
    reduced_ = gathered_before_;
    for (int c = 0; c < s_.chunks; ++c) {
      gathered_before_[static_cast<std::size_t>(c)] = unit(c).data;
      edge(unit(c).data, 0, c, part::parameters);
      unit(c).data = graph_.end_node();
    }
    for (auto& o : outputs_) o.assign(static_cast<std::size_t>(s_.chunks), {});
  }

  // An output needs a place, which the message that took it last has left.
  void place(bool gradients, int chunk, std::uint32_t mb, Time tail) {
    Output& o = outputs_[gradients][static_cast<std::size_t>(chunk)];
    o.place_of.resize(s_.micro_batches, none);
    std::size_t at = 0;
    while (at < o.busy.size() && o.busy[at]) ++at;
    if (at == o.busy.size()) o.busy.push_back(false), o.message.push_back(none);
    if (o.message[at] != none) edge(o.message[at], tail);
    o.busy[at] = true;
    o.place_of[mb] = static_cast<int>(at);
  }

  void forward(const Action& a) {
    const int c = static_cast<int>(a.virtual_stage);
    Unit& u = unit(c);
    Cell& at = cell(c, a.micro_batch);
    const Time unpack = c > 0 ? s_.unpack : 0;
    edge(u.compute, unpack, c, part::forward);
    if (at.input != none) edge(at.input, unpack, c, part::forward);
    if (u.released != none) edge(u.released, -u.lag, c, part::forward_after_data);
    edge(u.data, 0, c, part::forward_after_data);
    if (a.micro_batch == 0) {
      edge(gathered_before_[static_cast<std::size_t>(c)], 0, c, part::parameters_first);
      if (c == 0) edge(none, s_.tokens, c, part::forward);
    }
    const bool last = c + 1 == s_.chunks;
    if (!last) place(false, c, a.micro_batch, s_.forward_tail);
    at.forward = u.compute = u.released = graph_.end_node();
    u.lag = last ? s_.loose : 0;
    edge(u.data, 0, c, part::forward_data);
    u.data = graph_.end_node();
    u.played.emplace_back(at.forward, u.lag);
  }

  void backward(const Action& a) {
    const int c = static_cast<int>(a.virtual_stage);
    const Turn t = turn(a.micro_batch);
    const auto of = [t](int p) { return part::of_turn(p, t); };
    Unit& u = unit(c);
    Cell& at = cell(c, a.micro_batch);
    edge(u.compute, 0, c, of(part::backward));
    if (at.gradient != none) edge(at.gradient, 0, c, of(part::backward_message));
    int& slots = reduced_[static_cast<std::size_t>(c)];
    if (s_.sharded) {
      edge(u.compute, 0, c, of(part::backward_gathers));
      edge(u.compute, 0, c, of(part::backward_slots));
      if (at.gradient != none) edge(at.gradient, 0, c, of(part::message_gathers));
      if (at.gradient != none) edge(at.gradient, 0, c, of(part::message_slots));
      edge(u.released, -u.lag, c, of(part::backward_after_data));
      edge(u.data, 0, c, of(part::backward_after_data));
      if (slots != none) edge(slots, 0, c, of(part::backward_after_slots));
    }
    if (c > 0) place(true, c, a.micro_batch, s_.backward_tail);
    const int before = u.compute, released = u.released;
    const Time lag = u.lag;
    at.backward = u.compute = u.released = graph_.end_node();
    u.lag = 0;
    edge(before, 0, c, of(part::backward_reduce));
    if (at.gradient != none) edge(at.gradient, 0, c, of(part::message_reduce));
    edge(u.data, 0, c, of(part::backward_data));
    if (s_.sharded) {
      edge(released, -lag, c, of(part::backward_data));
      edge(released, -lag, c, of(part::backward_data_gathers));
      edge(u.data, 0, c, of(part::backward_data_gathers));
      edge(at.backward, 0, c, of(part::backward_end));
    }
    slots = u.data = graph_.end_node();
    u.played.emplace_back(at.backward, 0);
  }

  void message(const orrery::Step& step) {
    const bool gradients = step.action.backward;
    const int to = static_cast<int>(step.action.virtual_stage), from = gradients ? to + 1 : to - 1;
    const std::uint32_t mb = step.action.micro_batch;
    Unit &sender = unit(from), &receiver = unit(to);
    const Time price = (gradients ? s_.gradient : s_.activation)[static_cast<std::size_t>(from % s_.units)];
    edge(gradients ? cell(from, mb).backward : cell(from, mb).forward, price);
    const std::int64_t posted = std::int64_t{step.position} - 1 - s_.receive_ahead;
    if (posted >= 0) {
      const auto [node, lag] = receiver.played[static_cast<std::size_t>(posted)];
      edge(node, price - lag);
    }
    if (sender.sent[gradients] != none) edge(sender.sent[gradients], price);
    if (receiver.received[gradients] != none) edge(receiver.received[gradients], price);
    const int node = graph_.end_node();
    sender.sent[gradients] = receiver.received[gradients] = node;
    (gradients ? cell(to, mb).gradient : cell(to, mb).input) = node;
    Output& o = outputs_[gradients][static_cast<std::size_t>(from)];
    const auto place = static_cast<std::size_t>(o.place_of[mb]);
    o.busy[place] = false;
    o.message[place] = node;
  }

  void end() {
    std::vector<int> reduced, summed;
    for (int u = 0; u < s_.units; ++u) {
      Unit& at = units_[static_cast<std::size_t>(u)];
      for (int c = u; c < s_.chunks; c += s_.units) {
        edge(at.data, 0, s_.late_reduction ? c : -1, part::late_reduce);
        if (s_.late_reduction) edge(at.compute, 0, c, part::late_reduce);
        at.data = graph_.end_node();
      }
      edge(at.data, 0);
      edge(at.compute, 0);
      int sum = graph_.end_node();
      for (int c = u; c < s_.chunks; c += s_.units) {
        edge(sum, 0, c, part::tensor_sum);
        sum = graph_.end_node();
      }
      reduced.push_back(sum);
    }
    if (s_.tied > 0 && s_.units > 1) {
      edge(reduced.front(), s_.tied);
      edge(reduced.back(), s_.tied);
      reduced.front() = reduced.back() = graph_.end_node();
    }
    std::vector<int> norms;
    for (int u = 0; u < s_.units; ++u)
      norms.push_back(over_chunks(reduced[static_cast<std::size_t>(u)], u, part::norm));
    for (const int n : norms) edge(n, s_.world);
    const int world = graph_.end_node();
    std::vector<int> updates;
    for (int u = 0; u < s_.units; ++u) updates.push_back(over_chunks(world, u, part::update));
    for (const int n : updates) edge(n, 0);
    graph_.end_node();
  }

  int over_chunks(int node, int u, int component) {
    for (int c = u; c < s_.chunks; c += s_.units) {
      edge(node, 0, c, component);
      node = graph_.end_node();
    }
    return node;
  }

  const StepShape& s_;
  Graph graph_;
  std::vector<Unit> units_;
  std::vector<Cell> cells_;
  std::vector<Output> outputs_[2];
  std::vector<int> gathered_before_;  // by chunk: the data stream before its parameters
  std::vector<int> reduced_;          // by chunk: the data stream after its last backward pass
};

}  // namespace

Graph step_graph(const StepShape& shape) { return Builder(shape).run(); }

}  // namespace orrery::exact
