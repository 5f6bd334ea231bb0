// What lanes of a warp do together (shfl, vote, match, redux, barriers), and control: ret, trap, fences,
// assertions.
#include <algorithm>
#include <array>

#include "tests/fake_cuda/ptx/builder.h"

namespace orrery::ptx {
namespace {

enum class Shuffle : std::uint8_t { up, down, bfly, idx };

struct Picked {
  int lane;
  bool inside;
};

// PTX ISA 9.0, section 9.7.9.6.
Picked pick(Shuffle mode, int lane, std::uint32_t b, std::uint32_t c) {
  const int segment = static_cast<int>((c >> 8) & 31U), clamp = static_cast<int>(c & 31U),
            by = static_cast<int>(b & 31U);
  const int most = (lane & segment) | (clamp & ~segment);
  int from = lane;
  bool inside = true;
  switch (mode) {
    case Shuffle::up:
      from = lane - by;
      inside = from >= most;
      break;
    case Shuffle::down:
      from = lane + by;
      inside = from <= most;
      break;
    case Shuffle::bfly:
      from = lane ^ by;
      inside = from <= most;
      break;
    case Shuffle::idx:
      from = (lane & segment) | (by & ~segment);
      inside = from <= most;
      break;
  }
  return {inside ? from : lane, inside};
}

// A lane that takes part in no shuffle has no value: who reads it gets all ones.
void shuffle(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  std::array<std::uint32_t, warp_size> values{};
  const auto* from = lanes.at<std::uint32_t>(i.source[0]);
  for (int lane = 0; lane < warp_size; ++lane) values[lane] = ((active >> lane) & 1U) != 0 ? from[lane] : ~0U;
  auto* to = lanes.at<std::uint32_t>(i.destination);
  const auto* b = lanes.at<std::uint32_t>(i.source[1]);
  const auto* c = lanes.at<std::uint32_t>(i.source[2]);
  std::uint32_t inside = 0;
  for (std::uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const Picked picked = pick(static_cast<Shuffle>(i.option), lane, b[lane], c[lane]);
    to[lane] = values[picked.lane];
    inside |= static_cast<std::uint32_t>(picked.inside) << lane;
  }
  if (i.second != Instruction::none) {
    std::uint32_t& predicate = lanes.predicate(i.second);
    predicate = (predicate & ~active) | (inside & active);
  }
}

enum class Vote : std::uint8_t { all, any, uni, ballot };

void vote(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const std::uint32_t value = i.saturate ? ~lanes.predicate(i.source[0]) : lanes.predicate(i.source[0]);
  const std::uint32_t yes = value & active;
  const auto mode = static_cast<Vote>(i.option);
  if (mode == Vote::ballot) {
    auto* to = lanes.at<std::uint32_t>(i.destination);
    for_lanes(active, [&](int lane) { to[lane] = yes; });
    return;
  }
  const bool answer = mode == Vote::all   ? yes == active
                      : mode == Vote::any ? yes != 0
                                          : yes == active || yes == 0;
  std::uint32_t& to = lanes.predicate(i.destination);
  to = answer ? to | active : to & ~active;
}

template <class T>
void match_any(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  std::array<std::uint32_t, warp_size> equal{};
  const auto* from = lanes.at<T>(i.source[0]);
  for_lanes(active, [&](int lane) {
    for (int other = 0; other < warp_size; ++other)
      if (from[other] == from[lane]) equal[lane] |= 1U << other;
  });
  auto* to = lanes.at<std::uint32_t>(i.destination);
  for_lanes(active, [&](int lane) { to[lane] = equal[lane] & active; });
}

enum class Reduction : std::uint8_t { add, min, max, and_, or_, xor_ };

template <class T>
void reduce(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const View<T> from(lanes, i.source[0]);
  T value = from[std::countr_zero(active)];
  for (std::uint32_t left = active & (active - 1); left != 0; left &= left - 1) {
    const T x = from[std::countr_zero(left)];
    switch (static_cast<Reduction>(i.option)) {
      case Reduction::add:
        value = static_cast<T>(static_cast<std::uint32_t>(value) + static_cast<std::uint32_t>(x));
        break;
      case Reduction::min:
        value = std::min(value, x);
        break;
      case Reduction::max:
        value = std::max(value, x);
        break;
      case Reduction::and_:
        value &= x;
        break;
      case Reduction::or_:
        value |= x;
        break;
      case Reduction::xor_:
        value ^= x;
        break;
    }
  }
  View<T> to(lanes, i.destination);
  for_lanes(active, [&](int lane) { to.set(lane, value); });
}

void warp_barrier(Lanes& lanes, const Instruction&, std::uint32_t) { lanes.shared->warp_barrier(lanes.warp); }

void active_mask(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  auto* to = lanes.at<std::uint32_t>(i.destination);
  for_lanes(active, [&](int lane) { to[lane] = active; });
}

void nothing(Lanes&, const Instruction&, std::uint32_t) {}

void trap(Lanes& lanes, const Instruction&, std::uint32_t active) {
  lanes.fault(FaultKind::launch, std::countr_zero(active), "trap");
}

// The first parameter of __assertfail is the address of the asserted text.
void failed_assertion(Lanes& lanes, const Instruction& i, std::uint32_t active) {
  const int lane = std::countr_zero(active);
  std::uint64_t address = 0;
  std::memcpy(&address, lanes.local + static_cast<std::size_t>(lane) * lanes.kernel().local_bytes + i.offset,
              sizeof address);
  std::string text = "assertion failed: ";
  if (const Region* region = find(*lanes.environment->memory, address))
    for (std::uint64_t at = address; at < region->end; ++at) {
      const auto c = static_cast<char>(region->host[at - region->begin]);
      if (c == '\0') break;
      text += c;
    }
  lanes.fault(FaultKind::assertion, lane, text);
}

bool decode_shuffle(Builder& b, Modifiers& m, Instruction& i) {
  if (!m.take("sync") || !m.take("b32")) b.refuse("only shfl.sync of .b32 is supported");
  const auto mode = m.take_one_of({"up", "down", "bfly", "idx"});
  if (!mode) b.refuse("the mode is missing");
  i.option = static_cast<std::uint8_t>(*mode);
  i.run = shuffle;
  i.flow = Flow::warp;
  b.expect_arguments(5);
  i.destination = b.destination(b.argument(0), Type::b32);
  if (!b.argument(0).second.empty() && b.argument(0).second != "_") {
    Argument predicate = b.argument(0);
    predicate.name = predicate.second;
    i.second = b.destination(predicate, Type::pred);
  }
  for (std::size_t k = 0; k < 3; ++k) i.source[k] = b.source(b.argument(k + 1), Type::b32);
  i.member_mask = b.source(b.argument(4), Type::b32);
  return true;
}

bool decode_vote(Builder& b, Modifiers& m, Instruction& i) {
  const auto mode = m.take_one_of({"all", "any", "uni", "ballot"});
  if (!m.take("sync") || !mode) b.refuse("only vote.sync is supported");
  i.option = static_cast<std::uint8_t>(*mode);
  const bool ballot = *mode == 3;
  m.take(ballot ? "b32" : "pred");
  i.run = vote;
  i.flow = Flow::warp;
  b.expect_arguments(3);
  i.destination = b.destination(b.argument(0), ballot ? Type::b32 : Type::pred);
  Argument from = b.argument(1);
  i.saturate = from.negated;
  from.negated = false;
  i.source[0] = b.source(from, Type::pred);
  i.member_mask = b.source(b.argument(2), Type::b32);
  return true;
}

bool decode_match(Builder& b, Modifiers& m, Instruction& i) {
  if (!m.take("any") || !m.take("sync")) b.refuse("only match.any.sync is supported");
  const Type t = b.type(m);
  i.run = size_of(t) == 8 ? match_any<std::uint64_t> : match_any<std::uint32_t>;
  i.flow = Flow::warp;
  b.expect_arguments(3);
  i.destination = b.destination(b.argument(0), Type::b32);
  i.source[0] = b.source(b.argument(1), t);
  i.member_mask = b.source(b.argument(2), Type::b32);
  return true;
}

bool decode_reduce(Builder& b, Modifiers& m, Instruction& i) {
  const auto operation = m.take_one_of({"add", "min", "max", "and", "or", "xor"});
  if (!m.take("sync") || !operation) b.refuse("this reduction is not supported");
  i.option = static_cast<std::uint8_t>(*operation);
  const Type t = b.type(m);
  if (size_of(t) != 4 || is_float(t)) b.refuse("this type is not supported");
  i.run = t == Type::s32 ? reduce<std::int32_t> : reduce<std::uint32_t>;
  i.flow = Flow::warp;
  b.expect_arguments(3);
  i.destination = b.destination(b.argument(0), t);
  i.source[0] = b.source(b.argument(1), t);
  i.member_mask = b.source(b.argument(2), Type::b32);
  return true;
}

bool decode_barrier(Builder& b, Modifiers& m, Instruction& i) {
  m.take("cta");
  m.take("aligned");
  if (m.take("warp")) {
    m.take("sync");
    i.flow = Flow::warp;
    i.run = warp_barrier;
    b.expect_arguments(1);
    i.member_mask = b.source(b.argument(0), Type::b32);
    return true;
  }
  if (!m.take("sync")) b.refuse("only .sync is supported");
  i.flow = Flow::barrier;
  i.source[0] = b.source(b.argument(0), Type::b32);
  i.count = b.arguments() > 1 ? 1 : 0;  // whether a number of threads is given
  if (i.count != 0) i.source[1] = b.source(b.argument(1), Type::b32);
  return true;
}

bool decode_call(Builder& b, Modifiers& m, Instruction& i) {
  m.take("uni");
  std::string callee;
  const Argument* parameters = nullptr;
  for (std::size_t k = 0; k < b.arguments(); ++k) {
    const Argument& a = b.argument(k);
    if (a.kind == Argument::Kind::list) {
      if (!callee.empty()) parameters = &a;
    } else {
      callee = a.name;
    }
  }
  if (callee != "__assertfail" || parameters == nullptr || parameters->items.empty())
    b.refuse("calls of functions are not supported: let " + callee + " be inlined");
  i.run = failed_assertion;
  i.offset = static_cast<std::int64_t>(b.offset_of(parameters->items[0].name));
  return true;
}

}  // namespace

bool decode_warp(Builder& b, Modifiers& m, Instruction& i) {
  const std::string_view base = m.base();
  if (base == "shfl") return decode_shuffle(b, m, i);
  if (base == "vote") return decode_vote(b, m, i);
  if (base == "match") return decode_match(b, m, i);
  if (base == "redux") return decode_reduce(b, m, i);
  if (base == "bar" || base == "barrier") return decode_barrier(b, m, i);
  if (base == "call") return decode_call(b, m, i);
  if (base == "ret" || base == "exit") {
    m.take("uni");
    i.flow = Flow::exit;
    return true;
  }
  if (base == "trap") {
    i.run = trap;
    return true;
  }
  if (base == "activemask") {
    m.take("b32");
    i.run = active_mask;
    i.destination = b.destination(b.argument(0), Type::b32);
    return true;
  }
  if (base == "membar" || base == "fence") {
    m.take_one_of({"sc", "acq_rel"});
    m.take_one_of({"cta", "gl", "gpu", "sys", "cluster"});
    i.run = nothing;
    return true;
  }
  if (base == "nanosleep") {
    m.take("u32");
    i.run = nothing;
    return true;
  }
  return false;
}

}  // namespace orrery::ptx
