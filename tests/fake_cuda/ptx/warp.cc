#include "tests/fake_cuda/ptx/warp.h"

#include <algorithm>
#include <cstdio>

namespace orrery::ptx {
namespace {

std::string mask_text(std::uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

std::uint32_t lanes_of(const BlockPlace& place, std::uint32_t warp) {
  const std::uint32_t threads = place.block[0] * place.block[1] * place.block[2] - warp * warp_size;
  return threads >= warp_size ? all_lanes : (1U << threads) - 1;
}

}  // namespace

Warp::Warp(const Environment& environment, SharedMemory& shared, const BlockPlace& place,
           std::uint32_t number)
    : place_(&place), threads_(lanes_of(place, number)) {
  const Kernel& kernel = *environment.kernel;
  registers_.assign(kernel.register_bytes, std::byte{0xff});
  local_.assign(kernel.local_bytes * warp_size, std::byte{0xff});
  lanes_.environment = &environment;
  lanes_.shared = &shared;
  lanes_.registers = registers_.data();
  lanes_.local = local_.data();
  lanes_.warp = number;
  lanes_.place = &place;
  fill_constants();
}

void Warp::fill_constants() {
  for (const Constant& c : lanes_.kernel().constants)
    for (int lane = 0; lane < warp_size; ++lane) {
      if (c.wide) {
        lanes_.at<std::uint64_t>(c.offset)[lane] = c.bits;
      } else {
        lanes_.at<std::uint32_t>(c.offset)[lane] = static_cast<std::uint32_t>(c.bits);
      }
    }
}

void Warp::begin_block() {
  lanes_.live = threads_;
  splits_.assign(1, Split{0, threads_, SplitState::ready, 0});
  fill_specials();
}

// After the first block only those change that depend on the block.
void Warp::fill_specials() {
  for (const SpecialUse& use : lanes_.kernel().specials) {
    if (began_ && (use.special < Special::ctaid_x || use.special > Special::ctaid_z)) continue;
    const bool wide = use.special == Special::clock64 || use.special == Special::globaltimer;
    for (int lane = 0; lane < warp_size; ++lane) {
      const std::uint64_t value = special(use.special, lane);
      if (wide) {
        lanes_.at<std::uint64_t>(use.offset)[lane] = value;
      } else {
        lanes_.at<std::uint32_t>(use.offset)[lane] = static_cast<std::uint32_t>(value);
      }
    }
  }
  began_ = true;
}

std::uint64_t Warp::special(Special which, int lane) const {
  const auto l = static_cast<std::uint32_t>(lane);
  const std::uint32_t thread = lanes_.warp * warp_size + l;
  const Dimensions& block = place_->block;
  switch (which) {
    case Special::tid_x:
      return thread % block[0];
    case Special::tid_y:
      return thread / block[0] % block[1];
    case Special::tid_z:
      return thread / block[0] / block[1];
    case Special::ntid_x:
    case Special::ntid_y:
    case Special::ntid_z:
      return block[static_cast<std::size_t>(which) - static_cast<std::size_t>(Special::ntid_x)];
    case Special::ctaid_x:
    case Special::ctaid_y:
    case Special::ctaid_z:
      return place_->index[static_cast<std::size_t>(which) - static_cast<std::size_t>(Special::ctaid_x)];
    case Special::nctaid_x:
    case Special::nctaid_y:
    case Special::nctaid_z:
      return place_->grid[static_cast<std::size_t>(which) - static_cast<std::size_t>(Special::nctaid_x)];
    case Special::laneid:
      return l;
    case Special::warpid:
      return lanes_.warp;
    case Special::lanemask_eq:
      return 1U << l;
    case Special::lanemask_le:
      return (2ULL << l) - 1;
    case Special::lanemask_lt:
      return (1U << l) - 1;
    case Special::lanemask_ge:
      return ~((1U << l) - 1);
    case Special::lanemask_gt:
      return ~((2ULL << l) - 1);
    case Special::dynamic_smem_size:
      return place_->dynamic_shared;
    case Special::clock:
    case Special::clock64:
    case Special::globaltimer:
    case Special::smid:
      return 0;
  }
  return 0;
}

void Warp::run(std::uint64_t& executed, std::uint64_t most) {
  executed_ = executed;
  most_ = most;
  std::size_t split = 0;
  while (pick(split) || (resolve_waits() && pick(split))) execute(split);
  executed = executed_;
}

// The ready split at the lowest instruction.
bool Warp::pick(std::size_t& split) const {
  bool found = false;
  for (std::size_t s = 0; s < splits_.size(); ++s) {
    if (splits_[s].state != SplitState::ready || (found && splits_[s].pc >= splits_[split].pc)) continue;
    split = s;
    found = true;
  }
  return found;
}

// Merges with a split at the same instruction. True if another split should go first.
bool Warp::yields(std::size_t& split) {
  for (std::size_t s = 0; s < splits_.size();) {
    if (s == split || splits_[s].state != SplitState::ready) {
      ++s;
    } else if (splits_[s].pc == splits_[split].pc) {
      splits_[split].mask |= splits_[s].mask;
      splits_.erase(splits_.begin() + static_cast<std::ptrdiff_t>(s));
      if (s < split) --split;
    } else if (splits_[s].pc < splits_[split].pc) {
      return true;
    } else {
      ++s;
    }
  }
  return false;
}

void Warp::execute(std::size_t split) {
  const Instruction* code = lanes_.kernel().code.data();
  for (;;) {
    Split& s = splits_[split];
    const Instruction& i = code[s.pc];
    lanes_.pc = s.pc;
    std::uint32_t active = s.mask;
    if (i.guard != Instruction::none) {
      const std::uint32_t guard = lanes_.predicate(i.guard);
      active &= i.guard_negated ? ~guard : guard;
    }
    executed_ += static_cast<std::uint64_t>(std::popcount(active));
    switch (i.flow) {
      case Flow::next:
        if (active != 0) i.run(lanes_, i, active);
        ++s.pc;
        break;
      case Flow::branch:
        if (!branch(s, i, active)) return;
        break;
      case Flow::exit:
        if (!exit(split, active)) return;
        break;
      case Flow::barrier:
        if (active != 0) {
          wait(split, active, SplitState::at_barrier, 0);
          return;
        }
        ++s.pc;
        break;
      case Flow::warp:
        if (active != 0 && !meet(split, i, active)) return;
        if (active == 0) ++s.pc;
        break;
    }
    if (splits_.size() > 1 && yields(split)) return;
  }
}

// False if the split divided.
bool Warp::branch(Split& s, const Instruction& i, std::uint32_t active) {
  if (executed_ > most_)
    lanes_.fault(FaultKind::launch, std::countr_zero(s.mask),
                 "the launch executed " + std::to_string(executed_) + " instructions: does it end?");
  const std::uint32_t rest = s.mask & ~active;
  if (rest == 0) {
    s.pc = i.target;
  } else {
    ++s.pc;
    if (active == 0) return true;
    s.mask = rest;
    splits_.push_back({i.target, active, SplitState::ready, 0});
    return false;
  }
  return true;
}

// False if no lane of the split is left.
bool Warp::exit(std::size_t split, std::uint32_t active) {
  lanes_.live &= ~active;
  Split& s = splits_[split];
  s.mask &= ~active;
  ++s.pc;
  if (s.mask != 0) return true;
  splits_.erase(splits_.begin() + static_cast<std::ptrdiff_t>(split));
  return false;
}

// The active lanes of a split wait where they are; the rest goes on.
void Warp::wait(std::size_t split, std::uint32_t active, SplitState state, std::uint32_t members) {
  const Split waiting{splits_[split].pc, active, state, members};
  const std::uint32_t rest = splits_[split].mask & ~active;
  splits_[split] = waiting;
  if (rest != 0) splits_.push_back({waiting.pc + 1, rest, SplitState::ready, 0});
}

// Runs an instruction of several lanes if all that it names are here; else they wait, and the answer is
// false.
bool Warp::meet(std::size_t split, const Instruction& i, std::uint32_t active) {
  const auto* masks = lanes_.at<std::uint32_t>(i.member_mask);
  const int first = std::countr_zero(active);
  const std::uint32_t members = masks[first];
  std::uint32_t same = 0;
  for (std::uint32_t left = active; left != 0; left &= left - 1)
    if (masks[std::countr_zero(left)] == members) same |= left & -left;
  if ((same & ~members) != 0)
    lanes_.fault(FaultKind::launch, std::countr_zero(same & ~members),
                 "the lane is not in its mask " + mask_text(members));
  if (same == (members & lanes_.live)) {
    i.run(lanes_, i, same);
    if (same == active) {
      ++splits_[split].pc;
      return true;
    }
    splits_.push_back({splits_[split].pc + 1, same, SplitState::ready, 0});
    splits_[split].mask &= ~same;
    return false;
  }
  wait(split, same, SplitState::at_warp, members);
  if (same != active) {  // lanes with other masks try by themselves
    Split& rest = splits_.back();
    const std::uint32_t others = active & ~same;
    if (rest.mask == others) {
      rest.pc -= 1;
    } else {
      rest.mask &= ~others;
      splits_.push_back({rest.pc - 1, others, SplitState::ready, 0});
    }
  }
  return false;
}

// No split is ready. Runs an instruction for which all lanes have come, in several splits; true if there was
// one. Lanes that wait in vain are a fault.
bool Warp::resolve_waits() {
  const Split* stuck = nullptr;
  for (const Split& s : splits_) {
    if (s.state != SplitState::at_warp) continue;
    std::uint32_t here = 0;
    for (const Split& other : splits_)
      if (other.state == SplitState::at_warp && other.pc == s.pc && other.members == s.members)
        here |= other.mask;
    if (here != (s.members & lanes_.live)) {
      stuck = &s;
      continue;
    }
    const Split met{s.pc, here, SplitState::ready, s.members};
    std::erase_if(splits_, [&](const Split& x) {
      return x.state == SplitState::at_warp && x.pc == met.pc && x.members == met.members;
    });
    const Instruction& i = lanes_.kernel().code[met.pc];
    lanes_.pc = met.pc;
    i.run(lanes_, i, here);
    splits_.push_back({met.pc + 1, here, SplitState::ready, 0});
    return true;
  }
  if (stuck == nullptr) return false;
  std::string what = "waits for lanes " + mask_text(stuck->members) + " of its warp";
  for (const Split& other : splits_)
    if (&other != stuck) {
      const StatementText& text = lanes_.kernel().texts[lanes_.kernel().code[other.pc].statement];
      what +=
          "; lanes " + mask_text(other.mask) + " are at line " + std::to_string(text.line) + ": " + text.text;
    }
  lanes_.pc = stuck->pc;
  lanes_.fault(FaultKind::launch, std::countr_zero(stuck->mask), what);
}

void Lanes::fault(FaultKind kind, int lane, const std::string& what) const {
  const Kernel& k = kernel();
  const StatementText& text = k.texts[k.code[pc].statement];
  const std::uint32_t thread = warp * warp_size + static_cast<std::uint32_t>(lane);
  const auto triple = [](std::uint32_t x, std::uint32_t y, std::uint32_t z) {
    return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")";
  };
  const Dimensions& b = place->block;
  throw Fault(kind, "kernel " + k.name + ", PTX line " + std::to_string(text.line) + ": " + text.text +
                        ": block " + triple(place->index[0], place->index[1], place->index[2]) + ", thread " +
                        triple(thread % b[0], thread / b[0] % b[1], thread / b[0] / b[1]) + ": " + what);
}

}  // namespace orrery::ptx
