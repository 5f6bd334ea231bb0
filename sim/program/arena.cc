#include "sim/program/arena.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "sim/base/error.h"

namespace orrery {
namespace {

constexpr std::uint32_t none = ~0u;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

using Clock = std::array<std::uint32_t, stream_count>;  // instructions of each stream that have ended

struct Life {
  std::int64_t bytes = 0, offset = -1;    // -1: not placed yet
  std::uint32_t begins = none, ends = 0;  // [begins, ends) in ended compute instructions
  Clock last{};                           // the last use on each stream, counted from 1; 0: none
};

using Home = std::pair<std::uint32_t, std::uint32_t>;  // virtual stage, home

// Of the buffers of a team.
struct Lives {
  std::vector<Life> all;
  std::vector<std::uint32_t> first, named;    // by call, into `named`; by its block's buffers, into `all`
  std::map<Home, std::uint32_t> persistents;  // into `all`
};

// Walks a team's instructions in id order.
class Walk {
 public:
  Walk(const Program& p, std::uint32_t team) : program_(p), team_(team) {}

  Lives run() {
    for (const Persistent& b : program_.persistents)
      if (program_.stages[b.virtual_stage].team == team_)
        persistent({b.virtual_stage, b.home}, program_.buffers[b.buffer]);
    for (std::uint32_t c = 0; c < program_.call_count(); ++c) play(c);
    for (Life& life : out_.all) life.ends = end_of(life);
    return std::move(out_);
  }

 private:
  std::uint32_t persistent(const Home& home, const Buffer& what) {
    const auto [at, fresh] = out_.persistents.try_emplace(home, static_cast<std::uint32_t>(out_.all.size()));
    if (fresh) out_.all.push_back({aligned(what.bytes().v)});
    return at->second;
  }

  bool plays(const Call& call, std::uint32_t slot) const {
    return program_.call_teams[call.first_team + slot] == team_;
  }

  void play(std::uint32_t c) {
    const Call& call = program_.calls[c];
    const Block& block = program_.blocks[call.block];
    out_.first.push_back(static_cast<std::uint32_t>(out_.named.size()));
    first_clock_.push_back(static_cast<std::uint32_t>(clocks_.size()));
    if (block.slots == 1 && !plays(call, 0)) return;
    out_.named.resize(out_.named.size() + block.buffers, none);
    clocks_.resize(clocks_.size() + block.rows);
    for (std::uint32_t r = 0; r < block.rows; ++r)
      if (plays(call, program_.rows[block.first_row + r].slot)) play(c, r);
  }

  void play(std::uint32_t c, std::uint32_t r) {
    const Call& call = program_.calls[c];
    const std::uint32_t index = program_.blocks[call.block].first_row + r;
    const Row& row = program_.rows[index];
    const Row& next = program_.rows[index + 1];
    const auto stream = static_cast<std::size_t>(row.stream);
    Clock clock = streams_[stream];
    for (std::uint32_t w = row.first_wait; w < next.first_wait; ++w)
      join(clock, first_clock_[c] + r - program_.waits[w]);
    for (std::uint32_t w = call.first_wait; w < program_.calls[c + 1].first_wait; ++w) {
      const OutsideWait& outside = program_.outside_waits[w];
      if (outside.row == r) join(clock, first_clock_[outside.call] + outside.awaited);
    }
    const std::uint32_t ended = clock[static_cast<std::size_t>(Stream::compute)];
    ++clock[stream];
    for (std::uint32_t o = row.first_operand; o < next.first_operand; ++o) {
      Life& life = out_.all[life_of(c, program_.operands[o].buffer)];
      life.begins = std::min(life.begins, ended);
      life.last[stream] = clock[stream];
    }
    streams_[stream] = clocks_[first_clock_[c] + r] = clock;
    if (row.stream == Stream::compute) computes_.push_back(first_clock_[c] + r);
  }

  void join(Clock& clock, std::uint32_t awaited) const {
    for (std::size_t s = 0; s < stream_count; ++s) clock[s] = std::max(clock[s], clocks_[awaited][s]);
  }

  std::uint32_t life_of(std::uint32_t c, std::uint32_t local) {
    std::uint32_t& life = out_.named[out_.first[c] + local];
    if (life != none) return life;
    const Call& call = program_.calls[c];
    const BlockBuffer& b = program_.block_buffers[program_.blocks[call.block].first_buffer + local];
    const Buffer& what = program_.buffers[b.buffer];
    const auto stage = static_cast<std::uint32_t>(call.virtual_stage + b.stage_offset);
    if (what.lifetime == Lifetime::persistent) return life = persistent({stage, b.home}, what);
    const std::uint32_t places[] = {0, call.stash, call.input, call.gradient, call.output};
    const std::tuple key(stage, b.home, b.place, places[static_cast<std::size_t>(b.place)]);
    if (b.acquires) {
      life = static_cast<std::uint32_t>(out_.all.size());
      out_.all.push_back({aligned(what.bytes().v)});
      if (!b.releases) kept_[key] = life;
    } else {
      life = kept_.at(key);
    }
    return life;
  }

  // The first compute instruction, counted from 1, whose end implies that all uses have ended.
  std::uint32_t end_of(const Life& life) const {
    std::uint32_t end = 0;
    for (std::size_t s = 0; s < stream_count; ++s) {
      const auto before = [&](std::uint32_t c, std::uint32_t use) { return clocks_[c][s] < use; };
      const auto at = std::lower_bound(computes_.begin(), computes_.end(), life.last[s], before);
      if (life.last[s] > 0) end = std::max(end, static_cast<std::uint32_t>(at - computes_.begin()) + 1);
    }
    return end;
  }

  const Program& program_;
  std::uint32_t team_;
  Lives out_;
  std::vector<std::uint32_t> first_clock_, computes_;  // by call and by compute instruction, into clocks_
  std::vector<Clock> clocks_;                          // when an instruction has ended: with itself
  std::array<Clock, stream_count> streams_{};          // that of the last on each stream
  std::map<std::tuple<std::uint32_t, std::uint32_t, Place, std::uint32_t>, std::uint32_t> kept_;
};

// First fit of lives into offsets.
class Packing {
 public:
  explicit Packing(std::int64_t base) : base_(base), top_(base) {}

  void place(Life& life) {
    const std::uint32_t first = life.begins / period, last = (life.ends - 1) / period;
    if (last >= periods_.size()) periods_.resize(last + 1);
    life.offset = lowest(life, first, last);
    top_ = std::max(top_, life.offset + life.bytes);
    for (std::uint32_t p = first; p <= last; ++p)
      add(periods_[p], {life.offset, life.offset + life.bytes, std::max(life.begins, p * period),
                        std::min(life.ends, (p + 1) * period)});
  }
  std::int64_t top() const { return top_; }

 private:
  static constexpr std::uint32_t period = 32;
  struct Placed {
    std::int64_t offset, end;
    std::uint32_t begins, ends;
  };

  // Neighbours that are there at the same times become one: most, where lives are longer than a period.
  static void add(std::vector<Placed>& placed, Placed it) {
    const auto joins = [](const Placed& a, const Placed& b) {
      return a.end == b.offset && a.begins == b.begins && a.ends == b.ends;
    };
    const auto lower = [](const Placed& a, std::int64_t offset) { return a.offset < offset; };
    auto at = std::lower_bound(placed.begin(), placed.end(), it.offset, lower);
    if (at != placed.end() && joins(it, *at)) {
      it.end = at->end;
      at = placed.erase(at);
    }
    if (at != placed.begin() && joins(*std::prev(at), it))
      std::prev(at)->end = it.end;
    else
      placed.insert(at, it);
  }

  // Goes up past whatever is in the way, until nothing is in any period. What a cursor has passed lies below.
  std::int64_t lowest(const Life& life, std::uint32_t first, std::uint32_t last) {
    std::int64_t at = base_;
    cursors_.assign(last - first + 1, 0);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::uint32_t p = first; p <= last; ++p) {
        const auto& placed = periods_[p];
        std::size_t& next = cursors_[p - first];
        for (; next < placed.size() && placed[next].offset < at + life.bytes; ++next) {
          const Placed& other = placed[next];
          if (other.end <= at || other.begins >= life.ends || life.begins >= other.ends) continue;
          at = other.end;
          moved = true;
        }
      }
    }
    return at;
  }

  std::int64_t base_, top_;
  std::vector<std::vector<Placed>> periods_;  // lives in each span of `period` instructions, by offset
  std::vector<std::size_t> cursors_;
};

}  // namespace

Bytes Arena::offset(const Program& p, const Call& call, std::uint32_t local) const {
  return {offsets_[first_[static_cast<std::size_t>(&call - p.calls.data())] + local]};
}

Bytes Arena::offset(std::uint32_t virtual_stage, std::uint32_t home) const {
  const auto key = std::pair(virtual_stage, home);
  const auto at = std::lower_bound(seats_.begin(), seats_.end(), key, [](const Seat& s, const auto& k) {
    return std::pair(s.virtual_stage, s.home) < k;
  });
  ORRERY_CHECK(at != seats_.end() && std::pair(at->virtual_stage, at->home) == key);
  return {at->offset};
}

Arena lay_out(const Program& p, std::uint32_t team) {
  Lives lives = Walk(p, team).run();
  Arena out;
  std::int64_t base = 0;
  for (const auto& [home, index] : lives.persistents) {
    Life& life = lives.all[index];
    out.seats_.push_back({home.first, home.second, base});
    life.offset = base;
    base += life.bytes;
  }
  std::vector<Life*> order;
  for (Life& life : lives.all)
    if (life.offset < 0) order.push_back(&life);
  std::stable_sort(order.begin(), order.end(),
                   [](const Life* a, const Life* b) { return a->bytes > b->bytes; });
  Packing packing(base);
  for (Life* life : order) packing.place(*life);
  out.size_ = {packing.top()};
  out.first_ = std::move(lives.first);
  for (std::uint32_t life : lives.named) out.offsets_.push_back(life == none ? -1 : lives.all[life].offset);
  return out;
}

}  // namespace orrery
