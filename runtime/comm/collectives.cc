#include "runtime/comm/collectives.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sim/base/error.h"

namespace orrery::comm {
namespace {

using Transfers = std::span<const Transfer>;

const std::byte* source(const Transfer& t) { return static_cast<const std::byte*>(t.from); }
std::byte* target(const Transfer& t) { return static_cast<std::byte*>(t.to); }

std::size_t bytes_of(const Call& call, const Transfer& t) {
  return static_cast<std::size_t>(t.count * size_of(call.dtype()));
}

std::size_t total_bytes(const Call& call, Transfers transfers) {
  std::size_t sum = 0;
  for (const Transfer& t : transfers) sum += bytes_of(call, t);
  return sum;
}

std::uint32_t member(const Call& call, std::int64_t i) {
  const std::int64_t n = call.size();
  return static_cast<std::uint32_t>(((i % n) + n) % n);
}
std::uint32_t next(const Call& call) { return member(call, std::int64_t{call.me()} + 1); }
std::uint32_t previous(const Call& call) { return member(call, std::int64_t{call.me()} - 1); }

struct Segment {
  std::size_t offset, bytes;
};

// Of a buffer that all members hold whole: cut in n, at cache lines.
Segment cut(const Call& call, std::size_t bytes, std::uint32_t i) {
  constexpr std::size_t line = 64;
  const std::size_t each = ((bytes + call.size() - 1) / call.size() + line - 1) / line * line;
  const std::size_t begin = std::min(bytes, i * each);
  return {begin, std::min(bytes - begin, each)};
}

void copy_bytes(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (to != from && bytes > 0) std::memcpy(to, from, bytes);
}

// All-reduce: segments are cuts of the buffer; else they are `count` long.
Segment segment(const Call& call, Kind kind, const Transfer& t, std::uint32_t i) {
  const std::size_t bytes = bytes_of(call, t);
  return kind == Kind::all_reduce ? cut(call, bytes, i) : Segment{i * bytes, bytes};
}

// Member r ends with segment r. Partial results are kept in place (all-reduce), or in scratch, of which step
// s writes one half while it sends the other.
Task ring_reduce(Call& call, Kind kind, Transfers transfers) {
  const std::uint32_t steps = call.size() - 1;
  const std::size_t half = total_bytes(call, transfers);
  std::byte* const scratch = kind == Kind::all_reduce || steps < 2 ? nullptr : call.scratch(2 * half);
  for (std::uint32_t s = 0; s < steps; ++s) {
    const std::uint32_t outgoing = member(call, std::int64_t{call.me()} - 1 - s);
    const std::uint32_t incoming = member(call, std::int64_t{call.me()} - 2 - s);
    std::size_t at = 0;
    for (const Transfer& t : transfers) {
      const Segment out = segment(call, kind, t, outgoing), in = segment(call, kind, t, incoming);
      const std::byte* from = source(t) + out.offset;
      std::byte* to = target(t) + in.offset;
      if (kind == Kind::reduce_scatter) {
        if (s > 0) from = scratch + ((s - 1) % 2) * half + at;
        to = s + 1 == steps ? target(t) : scratch + (s % 2) * half + at;
        at += in.bytes;
      }
      call.reduce(previous(call), to, source(t) + in.offset, in.bytes);
      call.send(next(call), from, out.bytes);
    }
    co_await call.step();
  }
}

// Member r begins with segment r of `target`, all end with all.
Task ring_gather(Call& call, Kind kind, Transfers transfers) {
  for (std::uint32_t s = 0; s + 1 < call.size(); ++s) {
    for (const Transfer& t : transfers) {
      const Segment out = segment(call, kind, t, member(call, std::int64_t{call.me()} - s));
      const Segment in = segment(call, kind, t, member(call, std::int64_t{call.me()} - 1 - s));
      call.receive(previous(call), target(t) + in.offset, in.bytes);
      call.send(next(call), target(t) + out.offset, out.bytes);
    }
    co_await call.step();
  }
}

// As ring_reduce, but the owner of a segment sums what it gets from member 0, 1, ... in this order. Its own
// part waits in scratch, since the sum may be written over it.
Task ordered_reduce(Call& call, Kind kind, Transfers transfers) {
  std::byte* own = call.scratch(total_bytes(call, transfers));
  for (const Transfer& t : transfers) {
    const Segment mine = segment(call, kind, t, call.me());
    copy_bytes(own, source(t) + mine.offset, mine.bytes);
    own += mine.bytes;
    for (std::uint32_t k = 1; k < call.size(); ++k) {
      const std::uint32_t to = member(call, std::int64_t{call.me()} + k);
      const Segment theirs = segment(call, kind, t, to);
      call.send(to, source(t) + theirs.offset, theirs.bytes);
    }
  }
  for (std::uint32_t k = 0; k < call.size(); ++k) {
    own = call.scratch(0);
    for (const Transfer& t : transfers) {
      const Segment mine = segment(call, kind, t, call.me());
      std::byte* const sum = target(t) + (kind == Kind::all_reduce ? mine.offset : 0);
      if (k == call.me()) {
        combine(k == 0 ? Apply::copy : call.apply(), call.dtype(), sum, sum, own, mine.bytes);
      } else if (k == 0) {
        call.receive(k, sum, mine.bytes);
      } else {
        call.reduce(k, sum, sum, mine.bytes);
      }
      own += mine.bytes;
    }
    co_await call.arrivals();
  }
  co_await call.step();
}

Task recursive_doubling(Call& call, Transfers transfers) {
  const std::size_t half = total_bytes(call, transfers);
  std::byte* const scratch = call.scratch(2 * half);
  for (std::uint32_t distance = 1, s = 0; distance < call.size(); distance *= 2, ++s) {
    const std::uint32_t partner = call.me() ^ distance;
    std::byte* to = scratch + (s % 2) * half;
    const std::byte* partial = scratch + ((s + 1) % 2) * half;
    for (const Transfer& t : transfers) {
      const std::byte* const from = s == 0 ? source(t) : partial;
      call.reduce(partner, to, from, bytes_of(call, t));
      call.send(partner, from, bytes_of(call, t));
      to += bytes_of(call, t);
      partial += bytes_of(call, t);
    }
    co_await call.step();
    if (2 * distance < call.size()) continue;
    to = scratch + (s % 2) * half;
    for (const Transfer& t : transfers) {
      copy_bytes(target(t), to, bytes_of(call, t));
      to += bytes_of(call, t);
    }
  }
}

// Towards member 0: a member whose lowest set bit is `distance` gives its sum to the one `distance` before.
Task tree_reduce(Call& call, Transfers transfers) {
  for (std::uint32_t distance = 1; distance < call.size(); distance *= 2) {
    const bool gives = (call.me() & distance) != 0;
    if (!gives && call.me() + distance >= call.size()) continue;
    for (const Transfer& t : transfers) {
      if (gives) {
        call.send(call.me() - distance, target(t), bytes_of(call, t));
      } else {
        call.reduce(call.me() + distance, target(t), target(t), bytes_of(call, t));
      }
    }
    co_await call.step();
    if (gives) break;
  }
}

// The same tree from member 0.
Task tree_broadcast(Call& call, Transfers transfers) {
  const std::uint32_t root_distance = std::bit_ceil(call.size());
  const std::uint32_t mine = call.me() == 0 ? root_distance : call.me() & (~call.me() + 1);
  if (call.me() != 0) {
    for (const Transfer& t : transfers) call.receive(call.me() - mine, target(t), bytes_of(call, t));
    co_await call.step();
  }
  for (std::uint32_t distance = mine / 2; distance > 0; distance /= 2) {
    if (call.me() + distance >= call.size()) continue;
    for (const Transfer& t : transfers) call.send(call.me() + distance, target(t), bytes_of(call, t));
  }
  co_await call.step();
}

Task pairwise(Call& call, Transfers transfers) {
  for (std::uint32_t k = 1; k < call.size(); ++k) {
    const std::uint32_t to = member(call, std::int64_t{call.me()} + k);
    const std::uint32_t from = member(call, std::int64_t{call.me()} - k);
    for (const Transfer& t : transfers) {
      const std::size_t bytes = bytes_of(call, t);
      call.receive(from, target(t) + from * bytes, bytes);
      call.send(to, source(t) + to * bytes, bytes);
    }
    co_await call.step();
  }
}

Task message(Call& call, Kind kind, Transfers transfers) {
  for (const Transfer& t : transfers) {
    const std::size_t bytes = bytes_of(call, t);
    if (kind != Kind::send) call.receive(previous(call), target(t), bytes);
    if (kind != Kind::receive) call.send(next(call), source(t), bytes);
  }
  co_await call.step();
}

Task all_reduce(Call& call, Transfers transfers, bool fixed_order) {
  if (!fixed_order && total_bytes(call, transfers) <= small_bytes) {
    if (std::has_single_bit(call.size())) {
      co_await recursive_doubling(call, transfers);
    } else {
      co_await tree_reduce(call, transfers);
      co_await tree_broadcast(call, transfers);
    }
    co_return;
  }
  if (fixed_order) {
    co_await ordered_reduce(call, Kind::all_reduce, transfers);
  } else {
    co_await ring_reduce(call, Kind::all_reduce, transfers);
  }
  co_await ring_gather(call, Kind::all_reduce, transfers);
}

// What a member keeps of its own: all of it in a group of one.
void keep_own(const Call& call, Kind kind, Transfers transfers) {
  for (const Transfer& t : transfers) {
    const std::size_t bytes = bytes_of(call, t), mine = call.me() * bytes;
    if (kind == Kind::all_gather) copy_bytes(target(t) + mine, source(t), bytes);
    if (kind == Kind::all_to_all) copy_bytes(target(t) + mine, source(t) + mine, bytes);
    if (call.size() == 1 && (kind == Kind::reduce_scatter || kind == Kind::exchange))
      copy_bytes(target(t), source(t), bytes);
  }
}

}  // namespace

Task carry_out(Call& call, Kind kind, Transfers transfers, bool fixed_order) {
  keep_own(call, kind, transfers);
  if (call.size() == 1) co_return;
  switch (kind) {
    case Kind::all_reduce:
      co_await all_reduce(call, transfers, fixed_order);
      break;
    case Kind::reduce_scatter:
      if (fixed_order) {
        co_await ordered_reduce(call, kind, transfers);
      } else {
        co_await ring_reduce(call, kind, transfers);
      }
      break;
    case Kind::all_gather:
      co_await ring_gather(call, kind, transfers);
      break;
    case Kind::broadcast:
      co_await tree_broadcast(call, transfers);
      break;
    case Kind::all_to_all:
      co_await pairwise(call, transfers);
      break;
    default:
      co_await message(call, kind, transfers);
  }
}

}  // namespace orrery::comm
