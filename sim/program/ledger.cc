#include "sim/program/ledger.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = ~0u;

// What one slot of a block does to its rank's memory.
struct Effect {
  ByComponent net{};      // after the block
  ByComponent at_peak{};  // above what lived before, when the block's total is highest
  std::uint32_t peak_row = 0;
  int stashes = 0;  // +1: leaves a stash, -1: consumes one
};

void add(ByComponent& to, const Buffer& b, std::int64_t sign) {
  to[static_cast<std::size_t>(b.component)].v += sign * b.bytes().v;
}

class Effects {
 public:
  explicit Effects(const Program& p) : program_(p) {
    for (const Block& b : p.blocks) {
      first_.push_back(static_cast<std::uint32_t>(effects_.size()));
      for (std::uint32_t slot = 0; slot < b.slots; ++slot) effects_.push_back(effect(b, slot));
    }
  }
  const Effect& of(const Call& call, std::uint32_t slot) const { return effects_[first_[call.block] + slot]; }

 private:
  Effect effect(const Block& block, std::uint32_t slot) {
    first_use_.assign(block.buffers, none);
    last_use_.assign(block.buffers, none);
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = program_.rows[block.first_row + r];
      if (row.slot != slot) continue;
      for (std::uint32_t o = row.first_operand; o < program_.rows[block.first_row + r + 1].first_operand;
           ++o) {
        const std::uint32_t b = program_.operands[o].buffer;
        if (first_use_[b] == none) first_use_[b] = r;
        last_use_[b] = r;
      }
    }
    // Uses by row, so that the walk below is linear.
    by_row_.assign(block.rows + 1, {});
    for (std::uint32_t b = 0; b < block.buffers; ++b) {
      if (first_use_[b] == none) continue;
      by_row_[first_use_[b]].begins.push_back(b);
      by_row_[last_use_[b]].ends.push_back(b);
    }
    Effect out;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      for (std::uint32_t b : by_row_[r].begins) change(block, b, true, out);
      if (total(out.net) > total(out.at_peak)) {
        out.at_peak = out.net;
        out.peak_row = r;
      }
      for (std::uint32_t b : by_row_[r].ends) change(block, b, false, out);
    }
    const bool passes = block.name == BlockName::forward || block.name == BlockName::backward;
    if (passes) out.stashes = block.name == BlockName::forward ? 1 : -1;
    return out;
  }

  void change(const Block& block, std::uint32_t local, bool begins, Effect& out) const {
    const BlockBuffer& b = program_.block_buffers[block.first_buffer + local];
    if (begins ? b.acquires : b.releases) add(out.net, program_.buffers[b.buffer], begins ? 1 : -1);
  }

  struct RowUses {
    std::vector<std::uint32_t> begins, ends;
  };
  const Program& program_;
  std::vector<Effect> effects_;
  std::vector<std::uint32_t> first_, first_use_, last_use_;
  std::vector<RowUses> by_row_;
};

void add(ByComponent& to, const ByComponent& what) {
  for (std::size_t c = 0; c < component_count; ++c) to[c] += what[c];
}

std::vector<ByComponent> persistent(const Program& p) {
  std::vector<ByComponent> out(p.teams.size());
  for (const Persistent& b : p.persistents) add(out[p.stages[b.virtual_stage].team], p.buffers[b.buffer], 1);
  return out;
}

}  // namespace

Bytes total(const ByComponent& all) {
  Bytes sum{};
  for (Bytes b : all) sum += b;
  return sum;
}

std::vector<Ledger> ledgers(const Program& p) {
  const Effects effects(p);
  std::vector<ByComponent> live = persistent(p);
  std::vector<Ledger> out(p.teams.size());
  std::vector<int> stashes(p.teams.size(), 0);
  for (std::size_t t = 0; t < out.size(); ++t) {
    out[t].at_peak = live[t];
    out[t].peak = total(live[t]);
  }
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    for (std::uint32_t slot = 0; slot < p.blocks[call.block].slots; ++slot) {
      const std::uint32_t t = p.call_teams[call.first_team + slot];
      const Effect& e = effects.of(call, slot);
      Ledger& ledger = out[t];
      const Bytes peak = total(live[t]) + total(e.at_peak);
      if (peak > ledger.peak) {
        ledger.peak = peak;
        ledger.at_peak = live[t];
        add(ledger.at_peak, e.at_peak);
        ledger.peak_at = {p.row_id(call, e.peak_row)};
      }
      add(live[t], e.net);
      stashes[t] += e.stashes;
      ledger.peak_stashes = std::max(ledger.peak_stashes, static_cast<std::uint32_t>(stashes[t]));
    }
  }
  return out;
}

std::vector<LiveBytes> live_bytes(const Program& p, std::uint32_t team) {
  const Effects effects(p);
  ByComponent live = persistent(p)[team];
  std::vector<LiveBytes> out;
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    for (std::uint32_t slot = 0; slot < p.blocks[call.block].slots; ++slot) {
      if (p.call_teams[call.first_team + slot] != team) continue;
      const Effect& e = effects.of(call, slot);
      const Bytes before = total(live);
      add(live, e.net);
      out.push_back({static_cast<std::uint32_t>(c), before + total(e.at_peak), total(live)});
    }
  }
  return out;
}

}  // namespace orrery
