#include "runtime/comm/memory_channel.h"

#include <algorithm>
#include <cstring>

#include "runtime/comm/ring.h"

namespace orrery::comm {
namespace {

// A receiver takes this much of a message before it looks at other lanes.
constexpr std::size_t bite = 256 << 10;

}  // namespace

struct MemoryChannel::Sending {
  Outgoing message;
  bool direct;
  std::size_t sent = 0;
  std::uint64_t slot = 0;  // the last one written
};

struct MemoryChannel::Receiving {
  Incoming message;
  std::size_t received = 0;
};

struct MemoryChannel::Lane {
  std::deque<Sending> sending;
  std::size_t written = 0;  // messages at the front of `sending` of which all slots are written
  std::deque<Receiving> receiving;
  std::size_t bitten = 0;  // of the direct slot that is being read
  bool idle() const { return sending.empty() && receiving.empty(); }
};

MemoryChannel::MemoryChannel(Region& region, std::uint32_t rank, std::vector<std::uint32_t> names)
    : region_(region),
      rank_(rank),
      names_(std::move(names)),
      lanes_(std::size_t{region.ranks()} * lane_count) {
  for (auto r = static_cast<std::uint32_t>(names_.size()); r < region.ranks(); ++r) names_.push_back(r);
}

MemoryChannel::~MemoryChannel() = default;

MemoryChannel::Lane& MemoryChannel::busy(std::uint32_t peer, Stream stream) {
  const std::uint32_t index = peer * lane_count + static_cast<std::uint32_t>(stream);
  if (lanes_[index].idle()) busy_.push_back(index);
  return lanes_[index];
}

void MemoryChannel::send(const Outgoing& m) {
  ++m.request->pending;
  const bool direct = m.bytes > slot_bytes && region_.arena(rank_).holds(m.from, m.bytes);
  busy(m.peer, m.lane).sending.push_back({m, direct});
}

void MemoryChannel::receive(const Incoming& m) {
  ++m.request->pending;
  busy(m.peer, m.lane).receiving.push_back({m});
}

bool MemoryChannel::progress() {
  bool moved = false;
  for (std::size_t k = 0; k < busy_.size();) {
    Lane& lane = lanes_[busy_[k]];
    const std::uint32_t peer = busy_[k] / lane_count, number = busy_[k] % lane_count;
    moved |= push(peer, number, lane);
    moved |= pull(peer, number, lane);
    if (lane.idle()) {
      busy_[k] = busy_.back();
      busy_.pop_back();
    } else {
      ++k;
    }
  }
  return moved;
}

// Writes slots until the ring is full. A direct message is one slot, and done when that has been read; any
// other is done when its last slot is written.
bool MemoryChannel::push(std::uint32_t peer, std::uint32_t number, Lane& lane) {
  Ring& ring = region_.ring(rank_, peer, number);
  bool moved = false;
  while (lane.written < lane.sending.size() && write_slot(ring, lane.sending[lane.written])) {
    region_.bell(peer).ring();
    const Sending& s = lane.sending[lane.written];
    if (s.sent == s.message.bytes) ++lane.written;
    moved = true;
  }
  while (lane.written > 0 && (!lane.sending.front().direct || ring.read.load() > lane.sending.front().slot)) {
    --lane.sending.front().message.request->pending;
    lane.sending.pop_front();
    --lane.written;
    moved = true;
  }
  return moved;
}

// False: the ring is full.
bool MemoryChannel::write_slot(Ring& ring, Sending& s) const {
  const std::uint64_t slot = ring.written.load(std::memory_order_relaxed);
  if (slot - ring.read.load() == Ring::slots) return false;
  const Outgoing& m = s.message;
  const std::size_t bytes = s.direct ? m.bytes : std::min(m.bytes - s.sent, slot_bytes);
  Ring::Head& head = ring.heads[slot % Ring::slots];
  head = {m.signature, m.bytes, bytes, 0, s.direct};
  if (s.direct) {
    head.offset = static_cast<std::uint64_t>(m.from - region_.arena(rank_).base());
  } else {
    std::memcpy(ring.data[slot % Ring::slots], m.from + s.sent, bytes);
  }
  ring.written.store(slot + 1);
  s.sent += bytes;
  s.slot = slot;
  return true;
}

bool MemoryChannel::pull(std::uint32_t peer, std::uint32_t number, Lane& lane) {
  Ring& ring = region_.ring(peer, rank_, number);
  std::size_t taken = 0;
  while (!lane.receiving.empty() && taken < bite) {
    Receiving& r = lane.receiving.front();
    const Incoming& m = r.message;
    const std::uint64_t read = ring.read.load(std::memory_order_relaxed);
    if (ring.written.load() == read) break;
    const Ring::Head& head = ring.heads[read % Ring::slots];
    if (r.received == 0)
      check_agreement(names_[rank_], names_[peer], m.signature, head.signature, m.bytes, head.message_bytes);
    const std::byte* const source =
        head.direct ? region_.arena(peer).base() + head.offset : ring.data[read % Ring::slots];
    const std::size_t bytes = std::min(head.bytes - lane.bitten, bite);
    combine(m.apply, m.signature.dtype, m.to + r.received,
            m.apply == Apply::copy ? nullptr : m.with + r.received, source + lane.bitten, bytes);
    r.received += bytes;
    lane.bitten += bytes;
    taken += bytes;
    if (lane.bitten == head.bytes) {
      lane.bitten = 0;
      const bool direct = head.direct;
      ring.read.store(read + 1);
      if (direct || ring.written.load() - read == Ring::slots)
        region_.bell(peer).ring();  // it may wait for this
    }
    if (r.received == m.bytes) {
      --m.request->pending;
      lane.receiving.pop_front();
    }
  }
  return taken > 0;
}

}  // namespace orrery::comm
