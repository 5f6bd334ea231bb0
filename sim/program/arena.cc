#include "sim/program/arena.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "sim/base/error.h"
#include "sim/program/builder.h"

namespace orrery {
namespace {

using Clock = std::array<std::uint32_t, stream_count>;  // row + 1 of each stream that has certainly ended

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

bool is_transient(const BlockBuffer& b) { return (b.home & BlockBuilder::local_home) != 0; }

std::uint32_t place_of(const Call& call, Place place) {
  const std::uint32_t places[] = {0, call.stash, call.input, call.gradient, call.output};
  return places[static_cast<std::size_t>(place)];
}

// Packs the transients of one block.
class Packing {
 public:
  Packing(const Program& p, const Block& block) : program_(p), block_(block) {}

  // Fills `offsets` by block buffer and returns the bytes taken. Transients that may be in use after the
  // block has ended on its compute stream go to `apart`, whose end moves on.
  std::int64_t run(std::vector<std::int64_t>& offsets, std::vector<std::uint32_t>& apart) {
    list_uses();
    const Clock end = clocks_.empty() ? Clock{} : clock_at_end();
    std::int64_t top = 0;
    for (std::uint32_t r = 0; r < block_.rows; ++r) {
      for (std::uint32_t b : begins_[r]) {
        const BlockBuffer& buffer = program_.block_buffers[block_.first_buffer + b];
        if (!is_transient(buffer)) continue;
        if (!precedes(b, end)) {
          apart.push_back(block_.first_buffer + b);
          continue;
        }
        const std::int64_t bytes = aligned(program_.buffers[buffer.buffer].bytes().v);
        const std::int64_t at = lowest(bytes, starts_[r]);
        const auto where =
            std::find_if(placed_.begin(), placed_.end(), [&](const Placed& q) { return q.offset > at; });
        placed_.insert(where, {b, at, bytes});
        offsets[block_.first_buffer + b] = at;
        top = std::max(top, at + bytes);
      }
    }
    return top;
  }

 private:
  struct Placed {
    std::uint32_t buffer;
    std::int64_t offset, bytes;
  };

  void list_uses() {
    last_use_.assign(block_.buffers, {});
    begins_.assign(block_.rows, {});
    std::vector<bool> seen(block_.buffers, false);
    Clock streams[stream_count] = {};
    for (std::uint32_t r = 0; r < block_.rows; ++r) {
      const Row& row = program_.rows[block_.first_row + r];
      const auto stream = static_cast<std::size_t>(row.stream);
      Clock clock = streams[stream];
      for (std::uint32_t w = row.first_wait; w < program_.rows[block_.first_row + r + 1].first_wait; ++w)
        for (std::size_t s = 0; s < stream_count; ++s)
          clock[s] = std::max(clock[s], clocks_[r - program_.waits[w]][s]);
      starts_.push_back(clock);
      clock[stream] = r + 1;
      clocks_.push_back(clock);
      streams[stream] = clock;
      for (std::uint32_t o = row.first_operand; o < program_.rows[block_.first_row + r + 1].first_operand;
           ++o) {
        const std::uint32_t b = program_.operands[o].buffer;
        if (!seen[b]) begins_[r].push_back(b);
        seen[b] = true;
        last_use_[b][stream] = r + 1;
      }
    }
  }

  Clock clock_at_end() const {
    for (std::uint32_t r = block_.rows; r-- > 0;)
      if (program_.rows[block_.first_row + r].stream == Stream::compute) return clocks_[r];
    return {};
  }

  bool precedes(std::uint32_t buffer, const Clock& clock) const {
    for (std::size_t s = 0; s < stream_count; ++s)
      if (last_use_[buffer][s] > clock[s]) return false;
    return true;
  }

  // The lowest offset at which nothing lies whose uses have not all ended by `clock`. `placed_` is sorted by
  // offset.
  std::int64_t lowest(std::int64_t bytes, const Clock& clock) const {
    std::int64_t at = 0;
    for (const Placed& q : placed_)
      if (q.offset < at + bytes && at < q.offset + q.bytes && !precedes(q.buffer, clock))
        at = q.offset + q.bytes;
    return at;
  }

  const Program& program_;
  const Block& block_;
  std::vector<Clock> starts_, clocks_;  // by row: what has ended when it starts; and with itself
  std::vector<Clock> last_use_;         // by buffer
  std::vector<std::vector<std::uint32_t>> begins_;
  std::vector<Placed> placed_;
};

}  // namespace

const Arena::Seat* Arena::find(std::uint32_t virtual_stage, std::uint32_t home, Place place) const {
  const auto key = std::tuple(virtual_stage, home, place);
  const auto at = std::lower_bound(seats_.begin(), seats_.end(), key, [](const Seat& s, const auto& k) {
    return std::tuple(s.virtual_stage, s.home, s.place) < k;
  });
  const bool found = at != seats_.end() && std::tuple(at->virtual_stage, at->home, at->place) == key;
  return found ? &*at : nullptr;
}

Bytes Arena::offset(const Program& p, const Call& call, std::uint32_t local) const {
  const std::uint32_t index = p.blocks[call.block].first_buffer + local;
  const BlockBuffer& b = p.block_buffers[index];
  if (is_transient(b)) return {transients_[index]};
  const Seat* seat = find(static_cast<std::uint32_t>(call.virtual_stage + b.stage_offset), b.home, b.place);
  ORRERY_CHECK(seat != nullptr);
  return {seat->offset + seat->bytes * place_of(call, b.place)};
}

Bytes Arena::offset(std::uint32_t virtual_stage, std::uint32_t home) const {
  const Seat* seat = find(virtual_stage, home, Place::fixed);
  ORRERY_CHECK(seat != nullptr);
  return {seat->offset};
}

Arena lay_out(const Program& p, std::uint32_t team) {
  Arena out;
  out.transients_.assign(p.block_buffers.size(), -1);
  std::map<std::tuple<std::uint32_t, std::uint32_t, Place>, Arena::Seat> seats;
  const auto take = [&](std::uint32_t virtual_stage, std::uint32_t home, Place place, std::uint32_t instances,
                        std::int64_t bytes) {
    Arena::Seat& seat = seats[{virtual_stage, home, place}];
    seat = {virtual_stage,
            home,
            place,
            std::max(seat.bytes, aligned(bytes)),
            0,
            std::max(seat.places, instances)};
  };
  for (const Persistent& b : p.persistents)
    if (p.stages[b.virtual_stage].team == team)
      take(b.virtual_stage, b.home, Place::fixed, 1, p.buffers[b.buffer].bytes().v);
  // Places taken on each virtual stage, and which blocks play on which.
  std::vector<std::array<std::uint32_t, 5>> places(p.stages.size(), {1, 1, 1, 1, 1});
  std::vector<bool> played(p.blocks.size(), false);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>>
      slots;  // by block and virtual stage
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const bool single = p.blocks[call.block].slots == 1;
    for (std::uint32_t slot = 0; slot < p.blocks[call.block].slots; ++slot) {
      if (p.call_teams[call.first_team + slot] != team) continue;
      if (single) played[call.block] = true;
      auto& known = slots[{call.block, call.virtual_stage}];
      if (std::find(known.begin(), known.end(), slot) == known.end()) known.push_back(slot);
    }
    for (std::size_t place = 1; place < 5 && single; ++place) {
      std::uint32_t& most = places[call.virtual_stage][place];
      most = std::max(most, place_of(call, static_cast<Place>(place)) + 1);
    }
  }
  for (const auto& [key, known] : slots) {
    const Block& block = p.blocks[key.first];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      if (std::find(known.begin(), known.end(), p.rows[block.first_row + r].slot) == known.end()) continue;
      for (std::uint32_t o = p.rows[block.first_row + r].first_operand;
           o < p.rows[block.first_row + r + 1].first_operand; ++o) {
        const BlockBuffer& b = p.block_buffers[block.first_buffer + p.operands[o].buffer];
        if (is_transient(b)) continue;
        const auto stage = static_cast<std::uint32_t>(static_cast<std::int32_t>(key.second) + b.stage_offset);
        take(stage, b.home, b.place, places[stage][static_cast<std::size_t>(b.place)],
             p.buffers[b.buffer].bytes().v);
      }
    }
  }
  std::int64_t at = 0;
  for (auto& [key, seat] : seats) {
    seat.offset = at;
    at += seat.bytes * seat.places;
    out.seats_.push_back(seat);
  }
  // Transients of all blocks share one region: a block's have ended when the next one's begin.
  std::int64_t region = 0;
  std::vector<std::uint32_t> apart;
  for (std::size_t b = 0; b < p.blocks.size(); ++b)
    if (played[b]) region = std::max(region, Packing(p, p.blocks[b]).run(out.transients_, apart));
  for (std::int64_t& t : out.transients_)
    if (t >= 0) t += at;
  at += region;
  for (std::uint32_t b : apart) {
    out.transients_[b] = at;
    at += aligned(p.buffers[p.block_buffers[b].buffer].bytes().v);
  }
  out.size_ = {at};
  return out;
}

}  // namespace orrery
