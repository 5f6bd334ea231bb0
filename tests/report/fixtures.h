// A pipeline Program made by hand, small enough to be solved on paper, and the subject of a report about it.
#pragma once
#include <initializer_list>
#include <vector>

#include "sim/engine/replay.h"
#include "sim/report/report.h"
#include "tests/program/fixtures.h"

namespace orrery::testing {

// p stages of one rank (each stands for `copies`), 1F1B over m micro-batches. A forward pass is a matrix
// product of 6 ms and attention of 4 ms, a backward pass a matrix product of 20 ms; then the gradients are
// reduced (8 ms, beside nothing) and the optimizer runs (5 ms). Messages take `message` ms.
class HandMade {
 public:
  Program p;
  std::vector<Price> prices;

  explicit HandMade(std::uint32_t stages, std::uint32_t micro_batches, std::int64_t message = 0,
                    std::uint32_t copies = 1) {
    add_classes(message);
    for (std::uint32_t s = 0; s < stages; ++s) add_team(s, copies);
    for (std::uint32_t s = 0; s + 1 < stages; ++s) {
      connect(s, s + 1, Role::to_next, Role::from_previous);
      connect(s + 1, s, Role::to_previous, Role::from_next);
    }
    p.stages.resize(stages);
    for (std::uint32_t s = 0; s < stages; ++s) p.stages[s] = {s, s, 1};
    forward_ = add_block(BlockName::forward, {{matmul}, {attention}});
    backward_ = add_block(BlockName::backward, {{gradient}});
    activations_ = add_block(BlockName::activations, {{send_on}, {receive_on}}, 2);
    gradients_ = add_block(BlockName::gradients, {{send_back}, {receive_back}}, 2);
    finish_ = add_block(BlockName::finish, {{reduce}, {optimizer}});
    schedule(stages, micro_batches);
    for (std::uint32_t s = 0; s < stages; ++s) {
      p.outside_waits.push_back({0, last_[s], 0});
      call(finish_, {s}, 0, s);
    }
    close();
  }

  Timeline timeline() const {
    Workspace w;
    Timeline t;
    replay(p, prices, w, t);
    return t;
  }

 private:
  enum Class : std::uint32_t {
    matmul,
    attention,
    gradient,
    send_on,
    receive_on,
    send_back,
    receive_back,
    reduce,
    optimizer,
    classes
  };
  struct RowOf {
    Class what;
  };
  static constexpr std::uint32_t none = ~0u;

  void add_classes(std::int64_t message) {
    const auto ms = [](std::int64_t t) { return Price{{}, {t * 1'000'000'000}, {}}; };
    prices = {ms(6), ms(4), ms(20), ms(message), ms(message), ms(message), ms(message), ms(8), ms(5)};
    p.classes.resize(classes);
    const auto op = [&](Class c, OpName name, OpKind kind, Pass pass) {
      p.classes[c].op = {name, kind, pass};
    };
    op(matmul, OpName::qkv, OpKind::matmul, Pass::forward);
    p.classes[matmul].op.m = p.classes[matmul].op.n = p.classes[matmul].op.k = 1000;
    op(attention, OpName::attention, OpKind::attention, Pass::forward);
    op(gradient, OpName::qkv, OpKind::matmul, Pass::input_gradient);
    op(optimizer, OpName::optimizer, OpKind::memory, Pass::update);
    const auto meeting = [&](Class c, Kind kind, Role role) {
      p.classes[c].kind = kind;
      p.classes[c].role = role;
      p.classes[c].bytes = {1 << 20};
      p.classes[c].group.size = 2;
    };
    meeting(send_on, Kind::send, Role::to_next);
    meeting(receive_on, Kind::receive, Role::from_previous);
    meeting(send_back, Kind::send, Role::to_previous);
    meeting(receive_back, Kind::receive, Role::from_next);
    meeting(reduce, Kind::all_reduce, Role::data);
  }

  void join(Team& team, Role role, std::uint32_t group) {
    Team::InRole& in = team.roles[static_cast<std::size_t>(role)];
    in.meetings = 1;
    in.meeting = in.variant = {0};
    in.group = {group};
    in.closes = {1};
  }

  void add_team(std::uint32_t rank, std::uint32_t copies) {
    Team team;
    team.players = {{rank * copies}};
    team.copies = {copies};
    join(team, Role::data, static_cast<std::uint32_t>(p.groups.size()));
    p.groups.push_back({});
    p.groups.back().role = Role::data;
    p.groups.back().signature.size = 2;
    p.teams.push_back(team);
  }

  void connect(std::uint32_t from, std::uint32_t to, Role out, Role in) {
    const auto group = static_cast<std::uint32_t>(p.groups.size());
    join(p.teams[from], out, group);
    join(p.teams[to], in, group);
    p.groups.push_back({});
    p.groups.back().role = out;
    p.groups.back().signature.size = 2;
  }

  std::uint32_t add_block(BlockName name, std::initializer_list<RowOf> rows, std::uint32_t slots = 1) {
    Block block;
    block.name = name;
    block.first_row = static_cast<std::uint32_t>(p.rows.size());
    block.rows = static_cast<std::uint32_t>(rows.size());
    block.slots = slots;
    std::uint8_t slot = 0;
    for (const RowOf& r : rows) {
      constexpr Stream streams[] = {
          Stream::compute,          Stream::compute,       Stream::compute,      Stream::send_next,
          Stream::receive_previous, Stream::send_previous, Stream::receive_next, Stream::data,
          Stream::compute};
      Row row;
      row.cost_class = r.what;
      row.first_wait = static_cast<std::uint32_t>(p.waits.size());
      row.kind = p.classes[r.what].kind;
      row.stream = streams[r.what];
      row.role = p.classes[r.what].role;
      row.slot = slots > 1 ? slot++ : std::uint8_t{0};
      row.op = p.classes[r.what].op.name;
      row.pass = p.classes[r.what].op.pass;
      if (r.what == optimizer) p.waits.push_back(1);  // for the reduction
      block.streams |= 1u << static_cast<unsigned>(row.stream);
      p.rows.push_back(row);
    }
    p.blocks.push_back(block);
    return static_cast<std::uint32_t>(p.blocks.size()) - 1;
  }

  // Appends a call; its outside waits have been pushed already.
  std::uint32_t call(std::uint32_t block, std::initializer_list<std::uint32_t> teams,
                     std::uint32_t micro_batch, std::uint32_t stage) {
    Call c;
    c.block = block;
    c.first_team = static_cast<std::uint32_t>(p.call_teams.size());
    c.first_wait = first_wait_;
    c.first_id = next_id_;
    c.micro_batch = micro_batch;
    c.virtual_stage = static_cast<std::uint16_t>(stage);
    p.call_teams.insert(p.call_teams.end(), teams);
    next_id_ += p.blocks[block].rows;
    first_wait_ = static_cast<std::uint32_t>(p.outside_waits.size());
    p.calls.push_back(c);
    return static_cast<std::uint32_t>(p.calls.size()) - 1;
  }

  void act(std::uint32_t stage, std::uint32_t m, std::uint32_t micro_batches, bool forward) {
    auto& arrived = forward ? activations_of_ : gradients_of_;
    if (const std::uint32_t message = arrived[stage * micro_batches + m]; message != none)
      p.outside_waits.push_back({0, message, 1});
    const std::uint32_t block = forward ? forward_ : backward_;
    const std::uint32_t done = last_[stage] = call(block, {stage}, m, stage);
    const std::uint32_t to = forward ? stage + 1 : stage - 1;
    if (to >= p.teams.size()) return;
    p.outside_waits.push_back({0, done, p.blocks[block].rows - 1});
    arrived[to * micro_batches + m] = call(forward ? activations_ : gradients_, {stage, to}, m, to);
  }

  void schedule(std::uint32_t stages, std::uint32_t micro_batches) {
    activations_of_.assign(stages * micro_batches, none);
    gradients_of_ = activations_of_;
    last_.assign(stages, 0);
    std::vector<std::uint32_t> f(stages, 0), b(stages, 0);
    for (bool progress = true; progress;) {
      progress = false;
      for (std::uint32_t s = 0; s < stages; ++s) {
        const bool forward = f[s] < micro_batches && f[s] - b[s] < std::min(micro_batches, stages - s);
        if (forward && (s == 0 || activations_of_[s * micro_batches + f[s]] != none))
          act(s, f[s]++, micro_batches, true), progress = true;
        else if (!forward && b[s] < micro_batches &&
                 (s + 1 == stages || gradients_of_[s * micro_batches + b[s]] != none))
          act(s, b[s]++, micro_batches, false), progress = true;
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

  std::uint32_t forward_ = 0, backward_ = 0, activations_ = 0, gradients_ = 0, finish_ = 0;
  std::uint32_t next_id_ = 0, first_wait_ = 0;
  std::vector<std::uint32_t> activations_of_, gradients_of_,
      last_;  // last_: the last backward call of each stage
};

// What HandMade(stages, micro_batches) trains, on nodes of 8 devices of 100 TFLOP/s, 80 GiB and 400 W.
struct Subjects {
  Model model = gpt(4, 1024, 16);
  Cluster cluster;
  Training training;
  Plan plan;
  Calibration calibration;
  HandMade made;
  Timeline timeline;

  Subjects(std::uint32_t stages, std::uint32_t micro_batches, std::int64_t message = 0,
           std::uint32_t copies = 1)
      : made(stages, micro_batches, message, copies), timeline(made.timeline()) {
    const auto ranks = static_cast<int>(stages * copies);
    cluster = testing::cluster(ranks, 2);
    cluster.name = "lab";
    Device& device = cluster.groups[0].node.device;
    device.bf16 = {100e12};
    device.power = {400};
    device.source = "the datasheet";
    training.sequence = 2048;
    training.global_batch = static_cast<std::int64_t>(micro_batches * copies);
    plan.pp = static_cast<int>(stages);
    plan.dp = static_cast<int>(copies);
    calibration.name = "by-hand";
  }
  Subject subject() const {
    return {model, cluster, training, plan, made.p, calibration, made.prices, timeline};
  }
  Report report() const {
    Origin origin;
    origin.scenario = "by hand";
    origin.version = "0.1.0";
    origin.seed = 7;
    origin.replay = "static";
    origin.inputs = {{"scenario.json", "0123456789abcdef"}};
    return make_report(subject(), origin);
  }
};

constexpr Tick milliseconds(std::int64_t t) { return {t * 1'000'000'000}; }

}  // namespace orrery::testing
