#include "sim/program/compile.h"

#include <algorithm>
#include <deque>

#include "sim/base/error.h"
#include "sim/program/finish.h"
#include "sim/program/fold.h"
#include "sim/program/schedule.h"
#include "sim/program/stage.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = BlockBuilder::none;

// The links of a backward block of a virtual stage, by the block's index.
const BlockLinks& backward_links(const StageBlocks& s, std::uint32_t block) {
  std::size_t variant = 0;
  while (!s.built[variant] || s.backward[variant].block != block) ++variant;
  return s.backward[variant];
}

const BlockLinks& links_of(const StageBlocks& s, std::uint32_t block) {
  return s.has_forward && s.forward.block == block ? s.forward : backward_links(s, block);
}

// Numbered places that buffers of one kind take in turn. A place is taken again only by a user that the
// release before it precedes.
class Places {
 public:
  // The lowest free place that was released at a position of at most `before`, or a new one.
  std::uint16_t take(std::int64_t before) {
    while (first_free_ < free_since_.size() && free_since_[first_free_] == busy) ++first_free_;
    for (std::size_t i = first_free_; i < free_since_.size(); ++i) {
      if (free_since_[i] == busy || free_since_[i] > before) continue;
      free_since_[i] = busy;
      return static_cast<std::uint16_t>(i);
    }
    free_since_.push_back(busy);
    return static_cast<std::uint16_t>(free_since_.size() - 1);
  }
  void release(std::uint16_t place, std::int64_t position) {
    free_since_[place] = position;
    first_free_ = std::min<std::size_t>(first_free_, place);
  }

 private:
  static constexpr std::int64_t busy = INT64_MAX;
  std::vector<std::int64_t> free_since_;
  std::size_t first_free_ = 0;  // none below is free
};

// What has been placed for one virtual stage and micro-batch.
struct Cell {
  std::uint32_t forward = none, backward = none;  // calls
  std::uint32_t input_message = none, gradient_message = none;
  std::uint16_t stash = 0, input = 0, gradient = 0, output = 0, output_gradient = 0;
};

struct Outputs {  // of a virtual stage in one direction
  Places places;
  std::vector<std::uint32_t> message;  // the last message that took each place
};

struct StageState {
  std::size_t blocks = 0;  // index of its StageBlocks
  std::uint32_t begin_call = none;
  Places stash, inputs, gradients;
  Outputs outputs[2];
  std::vector<std::uint32_t> unit_gathers;  // rows of the begin call, by unit
};

}  // namespace

struct Compiler::Work {
  Folding folding;
  Linearizer linearizer;
  std::vector<Step> steps;
  std::vector<Cell> cells;
  std::vector<std::vector<std::uint32_t>> played;  // by team: its compute calls in order
};

namespace {

bool before(const OutsideWait& a, const OutsideWait& b) {
  return a.row != b.row ? a.row < b.row : a.call != b.call ? a.call < b.call : a.awaited < b.awaited;
}

class Compilation {
 public:
  Compilation(const Model& model, const Training& training, const Plan& plan, Program& out,
              ClassTable& classes, Compiler::Work* work);
  std::uint64_t run(const Cluster& cluster);

 private:
  StageBlocks& blocks(std::uint32_t virtual_stage) { return stage_blocks_[states_[virtual_stage].blocks]; }
  Cell& cell(std::uint32_t virtual_stage, std::uint32_t micro_batch);
  std::uint32_t team_of(std::uint32_t virtual_stage) const { return virtual_stage % pp_; }
  void list_stages(const Cluster&);
  void list_persistents();
  void list_weights();
  void add_weights(std::uint32_t virtual_stage, std::size_t unit, const std::string& prefix);
  void begin_step();
  void play(const Step&);
  void play_forward(const Step&);
  void play_backward(const Step&);
  void play_message(const Step&);
  void finish_step();
  void wait(std::uint32_t row, std::uint32_t call, std::uint32_t awaited) {
    out_.outside_waits.push_back({row, call, awaited});
  }
  void wait_for_entry(const std::vector<std::uint32_t>& entries, std::uint32_t team,
                      std::uint32_t first_compute = none);
  std::uint16_t output_place(StageState&, bool gradients, std::uint32_t row);
  // Appends a call with the waits named since the one before; its places are for the caller to fill in.
  Call& add_call(std::uint32_t block, std::uint32_t first_team, std::uint32_t virtual_stage,
                 std::uint32_t micro_batch = 0);
  std::uint32_t last_call() const { return static_cast<std::uint32_t>(out_.calls.size()) - 1; }
  std::vector<FinishBlock> for_each_team(FinishBlock (FinishEmitter::*emit)(const TeamStages&));

  const Model& model_;
  const Plan& plan_;
  Program& out_;
  Compiler::Work& work_;
  BlockBuilder builder_;
  StageEmitter emitter_;
  FinishEmitter finish_;
  std::uint32_t pp_, chunks_, micro_batches_;
  std::deque<StageBlocks> stage_blocks_;
  std::vector<StageState> states_;
  std::uint32_t first_wait_ = 0;  // of the next call
  std::uint32_t message_block_[2] = {none, none};
  std::uint32_t next_pair_ = 0, previous_pair_ = 0, all_teams_ = 0;  // into call_teams
};

Compilation::Compilation(const Model& model, const Training& training, const Plan& plan, Program& out,
                         ClassTable& classes, Compiler::Work* work)
    : model_(model),
      plan_(plan),
      out_(out),
      work_(*work),
      builder_(out, classes),
      emitter_(builder_, model, training, plan),
      finish_(builder_, emitter_, training, plan),
      pp_(static_cast<std::uint32_t>(plan.pp)),
      chunks_(pp_ * static_cast<std::uint32_t>(plan.virtual_stages)),
      micro_batches_(static_cast<std::uint32_t>(micro_batches(training, plan))) {}

Cell& Compilation::cell(std::uint32_t virtual_stage, std::uint32_t micro_batch) {
  return work_.cells[std::size_t{virtual_stage} * micro_batches_ + micro_batch];
}

void Compilation::list_stages(const Cluster& cluster) {
  const std::vector<int> layers = orrery::stage_layers(model_, plan_);
  states_.resize(chunks_);
  std::uint32_t first = 0;
  const auto stage_ranks = static_cast<std::uint32_t>(plan_.ranks()) / pp_;
  for (std::uint32_t vs = 0; vs < chunks_; ++vs) {
    const auto count = static_cast<std::uint32_t>(layers[vs]);
    out_.stages.push_back({team_of(vs), first, count});
    StageShape shape;
    shape.first = vs == 0;
    shape.last = vs + 1 == chunks_;
    shape.device = seat(cluster, {team_of(vs) * stage_ranks}).group;
    for (std::uint32_t l = first; l < first + count; ++l) {
      shape.kinds.push_back(model_.layers[l]);
      shape.strategies.push_back(plan_.strategy(static_cast<int>(l)));
    }
    first += count;
    const auto same = std::find_if(stage_blocks_.begin(), stage_blocks_.end(),
                                   [&](const StageBlocks& b) { return b.shape == shape; });
    states_[vs].blocks = static_cast<std::size_t>(same - stage_blocks_.begin());
    if (same == stage_blocks_.end()) {
      stage_blocks_.emplace_back();
      stage_blocks_.back().shape = std::move(shape);
      emitter_.list_units(stage_blocks_.back());
    }
  }
}

void Compilation::list_persistents() {
  for (std::uint32_t vs = 0; vs < chunks_; ++vs) {
    const StageBlocks& s = blocks(vs);
    const auto add = [&](const Buffer& b, std::uint32_t home, bool cut = false) {
      out_.persistents.push_back({static_cast<std::uint32_t>(out_.buffers.size()), home, vs, cut});
      out_.buffers.push_back(b);
    };
    for (std::size_t u = 0; u < s.units.size(); ++u) {
      if (!s.units[u].unit) continue;
      add(emitter_.weights_buffer(s.units[u]), home::of_unit(u, home::weights),
          s.units[u].zero >= Zero::full);
      add(emitter_.gradients_buffer(s.units[u]), home::of_unit(u, home::gradients),
          s.units[u].zero >= Zero::gradients);
      add(emitter_.optimizer_buffer(s.units[u]), home::of_unit(u, home::optimizer),
          s.units[u].zero >= Zero::optimizer);
    }
    if (s.shape.first || s.shape.last) add(emitter_.tokens_buffer(), home::tokens);
    if (s.shape.last) add(emitter_.loss_buffer(), home::loss);
  }
}

void Compilation::add_weights(std::uint32_t vs, std::size_t unit, const std::string& prefix) {
  const Unit& u = *blocks(vs).units[unit].unit;
  for (const UnitTensor& t : u.tensors) {
    Weight w{prefix + std::string(t.name),
             {t.rows, t.columns},
             t.axis,
             vs,
             home::of_unit(unit, home::weights),
             t.offset,
             t.elements(),
             is_partial(t, plan_.sequence_parallel)};
    if (t.name == "head.weight" && model_.tied) {
      w.name = "embedding.weight";
      w.tied = true;
    }
    if (t.axis >= 0) w.shape[static_cast<std::size_t>(t.axis)] *= plan_.tp;
    out_.weights.push_back(std::move(w));
  }
}

void Compilation::list_weights() {
  for (std::uint32_t vs = 0; vs < chunks_; ++vs) {
    const StageBlocks& s = blocks(vs);
    for (std::size_t u = 0; u < s.units.size(); ++u) {
      if (!s.units[u].unit) continue;
      const bool layer = u > 0 && u + 1 < s.units.size();
      add_weights(vs, u, layer ? "layers." + std::to_string(out_.stages[vs].first_layer + u - 1) + "." : "");
    }
  }
}

Call& Compilation::add_call(std::uint32_t block, std::uint32_t first_team, std::uint32_t virtual_stage,
                            std::uint32_t micro_batch) {
  // Waits in order of row, call and awaited row: few, mostly one or two.
  auto& waits = out_.outside_waits;
  for (std::size_t i = first_wait_ + 1u; i < waits.size(); ++i) {
    const OutsideWait wait = waits[i];
    std::size_t at = i;
    for (; at > first_wait_ && before(wait, waits[at - 1]); --at) waits[at] = waits[at - 1];
    waits[at] = wait;
  }
  Call& call = out_.calls.emplace_back();
  call.block = block;
  call.first_team = first_team;
  call.first_wait = first_wait_;
  call.micro_batch = micro_batch;
  call.virtual_stage = static_cast<std::uint16_t>(virtual_stage);
  first_wait_ = static_cast<std::uint32_t>(waits.size());
  return call;
}

void Compilation::wait_for_entry(const std::vector<std::uint32_t>& entries, std::uint32_t team,
                                 std::uint32_t first_compute) {
  const auto& played = work_.played[team];
  if (played.empty()) return;
  const Call& previous = out_.calls[played.back()];
  const BlockLinks& links = links_of(blocks(previous.virtual_stage), previous.block);
  for (std::uint32_t row : entries) wait(row, played.back(), links.last_compute);
  if (first_compute != none && links.loose_tensor != none)
    wait(first_compute, played.back(), links.loose_tensor);
}

void Compilation::begin_step() {
  std::vector<std::pair<std::size_t, std::uint32_t>> built;  // StageBlocks -> block
  std::vector<std::vector<std::uint32_t>> rows;
  for (std::uint32_t vs = 0; vs < chunks_; ++vs) {
    if (!finish_.has_begin(blocks(vs))) continue;
    std::size_t at = 0;
    while (at < built.size() && built[at].first != states_[vs].blocks) ++at;
    if (at == built.size()) {
      rows.emplace_back();
      built.emplace_back(states_[vs].blocks, finish_.begin(blocks(vs), rows.back()).block);
    }
    states_[vs].unit_gathers = rows[at];
    add_call(built[at].second, team_of(vs), vs);
    states_[vs].begin_call = last_call();
  }
}

// A place for an output, which must wait until the message that took it last has been sent.
std::uint16_t Compilation::output_place(StageState& state, bool gradients, std::uint32_t row) {
  Outputs& outputs = state.outputs[gradients];
  const std::uint16_t place = outputs.places.take(0);
  if (place == outputs.message.size()) outputs.message.push_back(none);
  if (outputs.message[place] != none) wait(row, outputs.message[place], 0);
  return place;
}

void Compilation::play_forward(const Step& step) {
  const std::uint32_t vs = step.action.virtual_stage, team = team_of(vs);
  StageState& state = states_[vs];
  StageBlocks& s = blocks(vs);
  Cell& c = cell(vs, step.action.micro_batch);
  if (!s.has_forward) emitter_.forward(s);
  if (c.input_message != none) wait(s.forward.input_row, c.input_message, 1);
  wait_for_entry(s.forward.entries, team, s.forward.first_compute);
  if (step.action.micro_batch == 0 && state.begin_call != none) {
    for (std::size_t u = 0; u < s.units.size(); ++u)
      if (state.unit_gathers[u] != none && s.forward.unit_rows[u] != none)
        wait(s.forward.unit_rows[u], state.begin_call, state.unit_gathers[u]);
    if (s.forward.tokens_row != none)
      wait(s.forward.tokens_row, state.begin_call, out_.blocks[out_.calls[state.begin_call].block].rows - 1);
  }
  if (!s.shape.last) c.output = output_place(state, false, s.forward.output_begin);
  c.stash = state.stash.take(INT64_MAX - 1);
  Call& call = add_call(s.forward.block, team, vs, step.action.micro_batch);
  call.stash = c.stash;
  call.input = c.input;
  call.output = c.output;
  c.forward = last_call();
  work_.played[team].push_back(c.forward);
  const bool frees_input = plan_.tp > 1 && !plan_.sequence_parallel && plan_.scatter_gather;
  if (frees_input && c.input_message != none) state.inputs.release(c.input, step.position);
}

void Compilation::play_backward(const Step& step) {
  const std::uint32_t vs = step.action.virtual_stage, team = team_of(vs), mb = step.action.micro_batch;
  StageState& state = states_[vs];
  StageBlocks& s = blocks(vs);
  Cell& c = cell(vs, mb);
  const bool accumulate = mb > 0;
  const bool reduce = mb + 1 == micro_batches_ && plan_.overlap_gradients;
  const std::size_t variant = (accumulate ? 1 : 0) + (reduce ? 2 : 0);
  if (!s.built[variant]) emitter_.backward(s, accumulate, reduce);
  const BlockLinks& links = s.backward[variant];
  if (c.gradient_message != none) wait(links.input_row, c.gradient_message, 1);
  // A receive that blocks holds up what comes before its first reader too: recomputation.
  if (c.gradient_message != none && plan_.receive_ahead == 0 && links.first_compute != links.input_row)
    wait(links.first_compute, c.gradient_message, 1);
  wait_for_entry(links.entries, team, links.first_compute);
  if (mb > 0) {
    // Gradients that are cut after each micro-batch must have left before the next ones are written.
    const std::uint32_t previous = cell(vs, mb - 1).backward;
    const BlockLinks& before = backward_links(s, out_.calls[previous].block);
    // The data stream is in order: the last of those that lie in the same place.
    for (std::size_t u = 0; u < s.units.size(); ++u) {
      if (links.whole_gradients[u] == none) continue;
      std::uint32_t last = before.reduce_rows[u];
      bool named = false;
      for (std::size_t v = 0; v < s.units.size(); ++v) {
        if (links.whole_gradients[v] != links.whole_gradients[u]) continue;
        named |= v < u;
        last = std::max(last, before.reduce_rows[v]);
      }
      if (!named) wait(links.whole_gradients[u], previous, last);
    }
  }
  if (!s.shape.first) c.output_gradient = output_place(state, true, links.output_begin);
  Call& call = add_call(links.block, team, vs, mb);
  call.stash = c.stash;
  call.input = c.input;
  call.gradient = c.gradient;
  call.output = c.output_gradient;
  c.backward = last_call();
  work_.played[team].push_back(c.backward);
  state.stash.release(c.stash, 0);
  const bool freed_early = plan_.tp > 1 && !plan_.sequence_parallel && plan_.scatter_gather;
  if (c.input_message != none && !freed_early) state.inputs.release(c.input, step.position);
  if (c.gradient_message != none) state.gradients.release(c.gradient, step.position);
}

void Compilation::play_message(const Step& step) {
  const bool gradients = step.action.backward;
  const std::uint32_t vs = step.action.virtual_stage, from = gradients ? vs + 1 : vs - 1,
                      mb = step.action.micro_batch;
  StageState& state = states_[vs];
  Cell& c = cell(vs, mb);
  Cell& producer = cell(from, mb);
  const std::uint32_t produced = gradients ? producer.backward : producer.forward;
  wait(0, produced, links_of(blocks(from), out_.calls[produced].block).output_row);
  // The receive goes `receive_ahead` actions ahead of its consumer, into a place that is free by then.
  const std::int64_t posted = std::int64_t{step.position} - 1 - plan_.receive_ahead;
  if (posted >= 0) {
    const std::uint32_t awaited = work_.played[team_of(vs)][static_cast<std::size_t>(posted)];
    wait(1, awaited,
         links_of(blocks(out_.calls[awaited].virtual_stage), out_.calls[awaited].block).last_compute);
  }
  if (message_block_[gradients] == none) message_block_[gradients] = emitter_.message(gradients);
  const std::uint32_t pair = gradients ? previous_pair_ + 2 * team_of(from) : next_pair_ + 2 * team_of(from);
  Call& call = add_call(message_block_[gradients], pair, vs, mb);
  call.output = gradients ? producer.output_gradient : producer.output;
  if (gradients)
    call.gradient = c.gradient = state.gradients.take(posted);
  else
    call.input = c.input = state.inputs.take(posted);
  (gradients ? c.gradient_message : c.input_message) = last_call();
  Outputs& outputs = states_[from].outputs[gradients];
  outputs.places.release(call.output, 0);
  outputs.message[call.output] = last_call();
}

void Compilation::play(const Step& step) {
  if (step.message) return play_message(step);
  step.action.backward ? play_backward(step) : play_forward(step);
}

// Emits one block for each distinct team; teams alike share it.
std::vector<FinishBlock> Compilation::for_each_team(FinishBlock (FinishEmitter::*emit)(const TeamStages&)) {
  std::vector<FinishBlock> by_team(pp_);
  std::vector<std::pair<TeamStages, FinishBlock>> built;
  for (std::uint32_t team = 0; team < pp_; ++team) {
    TeamStages stages;
    for (std::uint32_t vs = team; vs < chunks_; vs += pp_) stages.chunks.push_back(&blocks(vs));
    stages.device = stages.chunks.front()->shape.device;
    const auto same = std::find_if(built.begin(), built.end(),
                                   [&](const auto& b) { return b.first.chunks == stages.chunks; });
    if (same != built.end()) {
      by_team[team] = same->second;
    } else {
      by_team[team] = (finish_.*emit)(stages);
      built.emplace_back(std::move(stages), by_team[team]);
    }
  }
  return by_team;
}

void Compilation::finish_step() {
  // The last data rows that reduced each team's gradients, in order: later ones follow them on the stream.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> reduced(pp_, {none, none});
  for (std::uint32_t vs = 0; vs < chunks_; ++vs) {
    const std::uint32_t call = cell(vs, micro_batches_ - 1).backward;
    const std::uint32_t last_data = backward_links(blocks(vs), out_.calls[call].block).last_data;
    auto& latest = reduced[team_of(vs)];
    if (last_data != none && (latest.first == none || latest.first < call)) latest = {call, last_data};
  }
  std::vector<FinishBlock> reductions = for_each_team(&FinishEmitter::reductions);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> summed(pp_, {none, none});  // the tensor ranks' sum
  for (std::uint32_t team = 0; team < pp_; ++team) {
    if (out_.blocks[reductions[team].block].rows == 0) continue;
    for (std::uint32_t entry : reductions[team].entries) {
      if (reduced[team].first != none) wait(entry, reduced[team].first, reduced[team].second);
    }
    wait_for_entry(reductions[team].entries, team);
    add_call(reductions[team].block, team, team);
    const std::uint32_t call = last_call();
    if (reductions[team].last_data != none) reduced[team] = {call, reductions[team].last_data};
    const std::uint32_t rows = out_.blocks[reductions[team].block].rows;
    if (out_.rows[out_.blocks[reductions[team].block].first_row + rows - 1].stream == Stream::tensor)
      summed[team] = {call, rows - 1};
  }
  if (model_.tied && pp_ > 1) {
    const FinishBlock tied = finish_.tied_embedding(blocks(0), blocks(chunks_ - 1), chunks_ - 1);
    const auto first_pair = static_cast<std::uint32_t>(out_.call_teams.size());
    out_.call_teams.push_back(0);
    out_.call_teams.push_back(pp_ - 1);
    wait_for_entry({0}, 0);
    wait_for_entry({1}, pp_ - 1);
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      const std::uint32_t team = slot == 0 ? 0 : pp_ - 1;
      if (summed[team].first != none) wait(slot, summed[team].first, summed[team].second);
    }
    add_call(tied.block, first_pair, 0);
    const std::uint32_t call = last_call();
    reduced[0] = {call, 0};
    reduced[pp_ - 1] = {call, 1};
  }
  const std::vector<FinishBlock> norms = for_each_team(&FinishEmitter::norm);
  std::vector<std::uint32_t> norm_calls(pp_);
  for (std::uint32_t team = 0; team < pp_; ++team) {
    if (reduced[team].first != none) wait(0, reduced[team].first, reduced[team].second);
    if (summed[team].first != none) wait(0, summed[team].first, summed[team].second);
    add_call(norms[team].block, team, team);
    norm_calls[team] = last_call();
  }
  std::uint32_t world = none;
  if (plan_.ranks() > 1) {
    const FinishBlock all = finish_.world(pp_);
    for (std::uint32_t team = 0; team < pp_; ++team) wait(team, norm_calls[team], 0);
    add_call(all.block, all_teams_, 0);
    world = last_call();
  }
  const std::vector<FinishBlock> updates = for_each_team(&FinishEmitter::update);
  for (std::uint32_t team = 0; team < pp_; ++team) {
    if (world != none) wait(0, world, team);
    add_call(updates[team].block, team, team);
  }
}

std::uint64_t Compilation::run(const Cluster& cluster) {
  for (std::uint32_t t = 0; t < pp_; ++t) out_.call_teams.push_back(t);
  next_pair_ = static_cast<std::uint32_t>(out_.call_teams.size());
  for (std::uint32_t t = 0; t < pp_; ++t) out_.call_teams.insert(out_.call_teams.end(), {t, (t + 1) % pp_});
  previous_pair_ = static_cast<std::uint32_t>(out_.call_teams.size());
  for (std::uint32_t t = 0; t < pp_; ++t)
    out_.call_teams.insert(out_.call_teams.end(), {t, (t + pp_ - 1) % pp_});
  list_stages(cluster);
  list_persistents();
  list_weights();
  work_.cells.assign(std::size_t{chunks_} * micro_batches_, {});
  work_.played.resize(pp_);
  for (auto& played : work_.played) played.clear();
  work_.steps.clear();
  const std::string deadlock = work_.linearizer.run(plan_, micro_batches_, work_.steps);
  ORRERY_CHECK(deadlock.empty());
  begin_step();
  for (const Step& step : work_.steps) play(step);
  finish_step();
  // The ends of the last row and of the last call.
  Row end;
  end.first_wait = static_cast<std::uint32_t>(out_.waits.size());
  end.first_operand = static_cast<std::uint32_t>(out_.operands.size());
  out_.rows.push_back(end);
  Call last;
  last.first_wait = static_cast<std::uint32_t>(out_.outside_waits.size());
  out_.calls.push_back(last);
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < out_.calls.size(); ++i) {
    Call& call = out_.calls[i];
    call.first_id = static_cast<std::uint32_t>(id);
    if (i + 1 == out_.calls.size()) break;
    const Block& block = out_.blocks[call.block];
    if (block.slots == 1) {
      id += block.rows * out_.team(call, 0).players.size();
    } else {
      for (std::uint32_t slot = 0; slot < block.slots; ++slot) id += out_.team(call, slot).players.size();
    }
  }
  return id;
}

}  // namespace

Compiler::Compiler() : work_(std::make_unique<Work>()) {}
Compiler::~Compiler() = default;
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;

std::uint64_t Compiler::run(const Model& model, const Cluster& cluster, const Training& training,
                            const Plan& plan, Ranks ranks, Program& out) {
  out.clear();
  out.folded = ranks == Ranks::folded;
  ClassTable classes(out.classes);
  classes.clear();
  work_->folding.run(cluster, plan, out.folded, model.tied && plan.pp > 1, out, classes);
  return Compilation(model, training, plan, out, classes, work_.get()).run(cluster);
}

Program compile(const Model& model, const Cluster& cluster, const Training& training, const Plan& plan,
                Ranks ranks) {
  Program out;
  Compiler().run(model, cluster, training, plan, ranks, out);
  return out;
}

}  // namespace orrery
