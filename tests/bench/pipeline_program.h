// A 1F1B pipeline as a Program, for benchmarks of the engine alone: stages x micro-batches x layers x (computes
// and a tensor collective that the next one waits for), messages between neighbours.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery::bench {

struct PipelineOptions {
  std::uint32_t stages = 8, micro_batches = 64, layers = 12;
  std::uint32_t computes = 4;        // of a layer, each pass
  std::uint32_t players = 1;         // of a stage; tensor groups of at most 8
  std::uint32_t unlike = 1;          // tensor groups of a stage take turns in so many prices, or they run in lockstep
  bool flat = false;                 // a block of its own for every call: as many rows as instructions a player
};

class Pipeline {
 public:
  explicit Pipeline(const PipelineOptions& options) : o_(options) {
    for (std::uint32_t s = 0; s < o_.stages; ++s) add_team();
    for (std::uint32_t s = 0; s + 1 < o_.stages; ++s) connect(s, s + 1, Role::to_next, Role::from_previous);
    for (std::uint32_t s = 0; s + 1 < o_.stages; ++s) connect(s + 1, s, Role::to_previous, Role::from_next);
    for (Kind kind : {Kind::compute, Kind::send, Kind::receive}) add_class(kind);
    for (std::uint32_t i = 0; i < o_.unlike; ++i) add_class(Kind::all_gather);
    p.stages.push_back({});
    forward_ = o_.flat ? 0 : add_layers();
    backward_ = o_.flat ? 0 : add_layers();
    activations_ = add_message(Stream::send_next, Role::to_next, Stream::receive_previous, Role::from_previous);
    gradients_ = add_message(Stream::send_previous, Role::to_previous, Stream::receive_next, Role::from_next);
    schedule();
    close();
  }

  Program p;
  std::vector<Price> prices() const {
    std::vector<Price> out = {{{2'000}, {90'000}, {}}, {{6'000}, {30'000}, {}}, {{6'000}, {30'000}, {}}};
    for (std::uint32_t i = 0; i < o_.unlike; ++i) out.push_back({{5'000}, {40'000 + 1'737 * i}, {}});
    return out;
  }

 private:
  enum Class : std::uint32_t { compute, send, receive, gather };
  static constexpr std::uint32_t none = ~0u;

  static Team::InRole& in(Team& team, Role role) { return team.roles[static_cast<std::size_t>(role)]; }

  void add_class(Kind kind) {
    p.classes.push_back({});
    p.classes.back().kind = kind;
  }

  void join(Team& team, Role role, std::uint32_t member, std::uint32_t group, bool closes) {
    Team::InRole& r = in(team, role);
    r.meeting.push_back(member);
    r.variant.push_back(member % o_.unlike);
    r.group.push_back(group);
    r.closes.push_back(closes);
    r.meetings = member + 1 > r.meetings ? member + 1 : r.meetings;
    p.groups.resize(p.groups.size() > group ? p.groups.size() : group + 1);
    p.groups[group].role = role;
    p.groups[group].members.push_back(team.players.back());
  }

  void add_team() {
    Team team;
    const auto first = static_cast<std::uint32_t>(p.groups.size());
    for (std::uint32_t i = 0; i < o_.players; ++i) {
      team.players.push_back({next_rank_++});
      team.copies.push_back(1);
      join(team, Role::tensor, i / 8, first + i / 8, i % 8 == 7 || i + 1 == o_.players);
    }
    p.teams.push_back(team);
  }

  void connect(std::uint32_t from, std::uint32_t to, Role out, Role back) {
    const auto first = static_cast<std::uint32_t>(p.groups.size());
    for (std::uint32_t i = 0; i < o_.players; ++i)
      for (auto [t, role] : {std::pair{from, out}, std::pair{to, back}}) {
        Team::InRole& r = in(p.teams[t], role);
        r.meeting.push_back(i);
        r.variant.push_back(0);
        r.group.push_back(first + i);
        r.closes.push_back(1);
        r.meetings = o_.players;
      }
    for (std::uint32_t i = 0; i < o_.players; ++i) {
      p.groups.push_back({});
      p.groups.back().members = {p.teams[from].players[i], p.teams[to].players[i]};
    }
  }

  void add_row(Class c, Stream stream, Role role, std::uint8_t slot = 0) {
    Row row;
    row.cost_class = c;
    row.first_wait = static_cast<std::uint32_t>(p.waits.size());
    row.kind = p.classes[c].kind;
    row.stream = stream;
    row.role = role;
    row.slot = slot;
    p.rows.push_back(row);
  }

  std::uint32_t add_layers() {
    Block block;
    block.first_row = static_cast<std::uint32_t>(p.rows.size());
    block.rows = o_.layers * (o_.computes + 1);
    block.streams = 1u << static_cast<unsigned>(Stream::compute) | 1u << static_cast<unsigned>(Stream::tensor);
    for (std::uint32_t layer = 0; layer < o_.layers; ++layer) {
      for (std::uint32_t c = 0; c < o_.computes; ++c) {
        add_row(compute, Stream::compute, Role::self);
        if (c == 0 && layer > 0) p.waits.push_back(1);  // of the previous layer's collective
        if (c > 0) p.waits.push_back(1);
      }
      add_row(gather, Stream::tensor, Role::tensor);
      p.waits.push_back(1);
    }
    p.blocks.push_back(block);
    return static_cast<std::uint32_t>(p.blocks.size()) - 1;
  }

  std::uint32_t add_message(Stream out, Role to, Stream back, Role from) {
    Block block;
    block.first_row = static_cast<std::uint32_t>(p.rows.size());
    block.rows = block.slots = 2;
    block.streams = 1u << static_cast<unsigned>(out) | 1u << static_cast<unsigned>(back);
    add_row(send, out, to, 0);
    add_row(receive, back, from, 1);
    p.blocks.push_back(block);
    return static_cast<std::uint32_t>(p.blocks.size()) - 1;
  }

  std::uint32_t add_call(std::uint32_t block, std::initializer_list<std::uint32_t> teams) {
    Call call;
    call.block = block;
    call.first_team = static_cast<std::uint32_t>(p.call_teams.size());
    call.first_wait = first_wait_;
    call.first_id = next_id_;
    for (const std::uint32_t t : teams) p.call_teams.push_back(t);
    next_id_ += p.blocks[block].rows * o_.players;
    first_wait_ = static_cast<std::uint32_t>(p.outside_waits.size());
    p.calls.push_back(call);
    return static_cast<std::uint32_t>(p.calls.size()) - 1;
  }

  // One action of a stage: its receive (already called by the sender) is awaited, and its result is sent.
  void act(std::uint32_t stage, std::uint32_t micro_batch, bool forward) {
    std::vector<std::uint32_t>& arrived = forward ? activations_of_ : gradients_of_;
    const std::uint32_t message = arrived[stage * o_.micro_batches + micro_batch];
    if (message != none) p.outside_waits.push_back({0, message, 1});
    const std::uint32_t block = o_.flat ? add_layers() : forward ? forward_ : backward_;
    const std::uint32_t call = add_call(block, {stage});
    const std::uint32_t to = forward ? stage + 1 : stage - 1;
    if (to >= o_.stages) return;
    p.outside_waits.push_back({0, call, p.blocks[block].rows - 1});
    arrived[to * o_.micro_batches + micro_batch] = add_call(forward ? activations_ : gradients_, {stage, to});
  }

  void schedule() {
    activations_of_.assign(o_.stages * o_.micro_batches, none);
    gradients_of_ = activations_of_;
    std::vector<std::uint32_t> forwards(o_.stages, 0), backwards(o_.stages, 0);
    const std::uint32_t m = o_.micro_batches;
    for (bool progress = true; progress;) {
      progress = false;
      for (std::uint32_t s = 0; s < o_.stages; ++s) {
        const std::uint32_t f = forwards[s], b = backwards[s], ahead = std::min(m, o_.stages - s);
        const bool do_forward = f < m && f - b < ahead;
        if (do_forward && (s == 0 || activations_of_[s * m + f] != none)) act(s, forwards[s]++, true), progress = true;
        else if (!do_forward && b < m && (s + 1 == o_.stages || gradients_of_[s * m + b] != none))
          act(s, backwards[s]++, false), progress = true;
      }
    }
  }

  void close() {
    p.calls.push_back({});
    p.calls.back().first_wait = first_wait_;
    p.calls.back().first_id = next_id_;
    p.rows.push_back({});
    p.rows.back().first_wait = static_cast<std::uint32_t>(p.waits.size());
  }

  PipelineOptions o_;
  std::uint32_t forward_ = 0, backward_ = 0, activations_ = 0, gradients_ = 0;
  std::uint32_t next_rank_ = 0, next_id_ = 0, first_wait_ = 0;
  std::vector<std::uint32_t> activations_of_, gradients_of_;  // by stage and micro-batch: the message's call
};

}  // namespace orrery::bench
