#include "sim/program/schedule.h"

#include <algorithm>

namespace orrery {
namespace {

void gpipe(std::uint32_t m, std::uint32_t stage, std::vector<Action>& out) {
  for (std::uint32_t k = 0; k < m; ++k) out.push_back({false, stage, k});
  for (std::uint32_t k = 0; k < m; ++k) out.push_back({true, stage, k});
}

void one_f_one_b(std::uint32_t pp, std::uint32_t m, std::uint32_t stage, std::vector<Action>& out) {
  const std::uint32_t warm_up = std::min(m, pp - 1 - stage);
  for (std::uint32_t k = 0; k < warm_up; ++k) out.push_back({false, stage, k});
  for (std::uint32_t k = warm_up; k < m; ++k) {
    out.push_back({false, stage, k});
    out.push_back({true, stage, k - warm_up});
  }
  for (std::uint32_t k = m - warm_up; k < m; ++k) out.push_back({true, stage, k});
}

// Micro-batches go in groups of pp through each chunk in turn; a stage runs 2(pp - 1 - stage) + (v - 1) pp
// forward passes before its first backward pass, and all of them when there is one group.
void interleaved(std::uint32_t pp, std::uint32_t v, std::uint32_t m, std::uint32_t stage,
                 std::vector<Action>& out) {
  const std::uint32_t total = m * v, group = pp * v;
  const std::uint32_t warm_up = m == pp ? total : std::min(total, 2 * (pp - 1 - stage) + (v - 1) * pp);
  const auto unit = [&](std::uint32_t k, bool backward) {
    const std::uint32_t chunk = k % group / pp;
    const std::uint32_t micro_batch = k / group * pp + k % pp;
    out.push_back({backward, (backward ? v - 1 - chunk : chunk) * pp + stage, micro_batch});
  };
  for (std::uint32_t k = 0; k < warm_up; ++k) unit(k, false);
  for (std::uint32_t k = warm_up; k < total; ++k) {
    unit(k, false);
    unit(k - warm_up, true);
  }
  for (std::uint32_t k = total - warm_up; k < total; ++k) unit(k, true);
}

}  // namespace

void actions(const Plan& plan, std::uint32_t micro_batches, std::uint32_t stage, std::vector<Action>& out) {
  const auto pp = static_cast<std::uint32_t>(plan.pp);
  switch (plan.schedule) {
    case Schedule::gpipe:
      return gpipe(micro_batches, stage, out);
    case Schedule::one_f_one_b:
      return one_f_one_b(pp, micro_batches, stage, out);
    case Schedule::interleaved:
      return interleaved(pp, static_cast<std::uint32_t>(plan.virtual_stages), micro_batches, stage, out);
  }
}

bool Linearizer::has_message(const Action& a) const {
  if (pp_ == 1) return false;
  return a.backward ? a.virtual_stage + 1 < chunks_ : a.virtual_stage > 0;
}

bool Linearizer::place_messages(std::uint32_t s, std::vector<Step>& out) {
  Stage& stage = stages_[s];
  bool placed = false;
  const auto end = std::min<std::size_t>(stage.order.size(), std::size_t{stage.at} + ahead_ + 1);
  for (std::size_t q = stage.at; q < end; ++q) {
    const Action& a = stage.order[q];
    if (stage.received[q] || !has_message(a)) continue;
    const std::uint32_t producer = a.backward ? a.virtual_stage + 1 : a.virtual_stage - 1;
    const std::uint32_t played = played_[index(a.backward, producer, a.micro_batch)];
    if (played == 0 || played > slot_) continue;
    --stages_[stage_of(producer)].pending[a.backward];
    stage.received[q] = 1;
    out.push_back({true, a, static_cast<std::uint32_t>(q)});
    placed = true;
  }
  return placed;
}

bool Linearizer::ready(std::uint32_t s) const {
  const Stage& stage = stages_[s];
  const Action& a = stage.order[stage.at];
  if (has_message(a)) {
    if (!stage.received[stage.at]) return false;
  } else if (a.backward && a.virtual_stage + 1 < chunks_) {
    if (played_[index(true, a.virtual_stage + 1, a.micro_batch)] == 0) return false;
  }
  if (a.backward && played_[index(false, a.virtual_stage, a.micro_batch)] == 0) return false;
  const bool sends = pp_ > 1 && (a.backward ? a.virtual_stage > 0 : a.virtual_stage + 1 < chunks_);
  return !sends || stage.pending[a.backward] < slots_;
}

std::string Linearizer::run(const Plan& plan, std::uint32_t micro_batches, std::vector<Step>& out) {
  pp_ = static_cast<std::uint32_t>(plan.pp);
  chunks_ = pp_ * static_cast<std::uint32_t>(plan.virtual_stages);
  micro_batches_ = micro_batches;
  ahead_ = static_cast<std::uint32_t>(plan.receive_ahead);
  slots_ = static_cast<std::uint32_t>(plan.send_slots);
  stages_.resize(pp_);
  played_.assign(2 * std::size_t{chunks_} * micro_batches, 0);
  std::size_t left = 0;
  for (std::uint32_t s = 0; s < pp_; ++s) {
    Stage& stage = stages_[s];
    stage.order.clear();
    actions(plan, micro_batches, s, stage.order);
    stage.received.assign(stage.order.size(), 0);
    stage.at = stage.pending[0] = stage.pending[1] = 0;
    left += stage.order.size();
  }
  for (slot_ = 1; left > 0; ++slot_) {
    bool moved = false;
    for (std::uint32_t s = 0; s < pp_; ++s)
      moved |= stages_[s].at < stages_[s].order.size() && place_messages(s, out);
    for (std::uint32_t s = 0; s < pp_; ++s) {
      Stage& stage = stages_[s];
      if (stage.at == stage.order.size() || !ready(s)) continue;
      const Action& a = stage.order[stage.at++];
      played_[index(a.backward, a.virtual_stage, a.micro_batch)] = slot_ + 1;
      if (pp_ > 1 && (a.backward ? a.virtual_stage > 0 : a.virtual_stage + 1 < chunks_))
        ++stage.pending[a.backward];
      out.push_back({false, a, stage.at - 1});
      --left;
      moved = true;
    }
    if (!moved) return waiting();
  }
  return {};
}

std::string Linearizer::waiting() const {
  std::string text;
  for (std::uint32_t s = 0; s < pp_; ++s) {
    const Stage& stage = stages_[s];
    if (stage.at == stage.order.size()) continue;
    const Action& a = stage.order[stage.at];
    if (!text.empty()) text += "; ";
    text += "stage " + std::to_string(s) + " waits to play the " + (a.backward ? "backward" : "forward") +
            " pass of micro-batch " + std::to_string(a.micro_batch) + " on virtual stage " +
            std::to_string(a.virtual_stage);
  }
  return text;
}

}  // namespace orrery
