#include "sim/engine/critical_path.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/engine/index.h"

namespace orrery {
namespace {

using engine::Index;
using engine::none;

// An instruction, taken apart.
struct At {
  std::uint32_t id = none, call = 0, row = 0, team = 0, player = 0;
};

class Walk {
 public:
  Walk(const Program& p, std::span<const Price> prices, const Timeline& t) : p_(p), prices_(prices), t_(t) {
    index_.build(p);
    out_.time.assign(p.classes.size(), {});
    out_.runs.assign(p.classes.size(), 0);
    out_.launches.assign(p.classes.size(), 0);
  }

  CriticalPath run() {
    const auto last = std::max_element(t_.end.begin(), t_.end.end());
    if (last == t_.end.end()) return std::move(out_);
    now_ = last->v;
    for (At at = find(static_cast<std::uint32_t>(last - t_.end.begin())); at.id != none;) {
      at = play(at);
      at = before(at);
    }
    std::reverse(out_.steps.begin(), out_.steps.end());
    return std::move(out_);
  }

 private:
  const Block& block_of(std::uint32_t call) const { return p_.blocks[p_.calls[call].block]; }
  const Row& row_of(const At& at) const { return p_.rows[block_of(at.call).first_row + at.row]; }
  std::uint32_t players(std::uint32_t team) const { return static_cast<std::uint32_t>(p_.teams[team].players.size()); }
  std::uint32_t team_of(std::uint32_t call, std::uint32_t row) const {
    const Block& block = block_of(call);
    return p_.call_teams[p_.calls[call].first_team + p_.rows[block.first_row + row].slot];
  }
  std::uint32_t class_of(const At& at) const {
    const Row& row = row_of(at);
    if (row.role == Role::self) return row.cost_class;
    return row.cost_class + p_.teams[at.team].roles[static_cast<std::size_t>(row.role)].variant[at.player];
  }

  At find(std::uint32_t id) const {
    const auto next = std::upper_bound(p_.calls.begin(), p_.calls.end(), id,
                                       [](std::uint32_t i, const Call& c) { return i < c.first_id; });
    At at{id, static_cast<std::uint32_t>(next - p_.calls.begin()) - 1};
    std::uint32_t left = id - p_.calls[at.call].first_id;
    if (block_of(at.call).slots == 1) {
      at.team = team_of(at.call, 0);
      at.row = left / players(at.team);
      left %= players(at.team);
    } else {
      while (left >= players(at.team = team_of(at.call, at.row))) left -= players(at.team), ++at.row;
    }
    at.player = left;
    return at;
  }
  At make(std::uint32_t call, std::uint32_t row, std::uint32_t player) const {
    return {p_.row_id(p_.calls[call], row) + player, call, row, team_of(call, row), player};
  }

  void add(const At& at, std::uint32_t cost_class, StepKind kind, std::int64_t begin) {
    if (begin < now_) out_.steps.push_back({{at.id}, cost_class, kind, {begin}, {now_}});
    now_ = begin;
  }

  // The run of an instruction that ends now; returns the member of its meeting that started last.
  At play(const At& at) {
    At last = at;
    std::uint32_t dearest = class_of(at);
    const Row& row = row_of(at);
    if (is_meeting(row.kind)) {
      const std::uint32_t meeting = p_.teams[at.team].roles[static_cast<std::size_t>(row.role)].meeting[at.player];
      const Block& block = block_of(at.call);
      const std::uint32_t first = block.slots > 1 ? 0 : at.row, end = block.slots > 1 ? block.rows : at.row + 1;
      for (std::uint32_t r = first; r < end; ++r) {
        const Role role = p_.rows[block.first_row + r].role;
        const Team::InRole& in = p_.teams[team_of(at.call, r)].roles[static_cast<std::size_t>(role)];
        for (std::uint32_t i = 0; i < in.meeting.size(); ++i) {
          if (in.meeting[i] != meeting) continue;
          const At member = make(at.call, r, i);
          if (t_.start[member.id] > t_.start[last.id]) last = member;
          const std::uint32_t c = class_of(member);
          const Tick price = prices_[c].total(), most = prices_[dearest].total();
          if (price > most || (price == most && c < dearest)) dearest = c;
        }
      }
    }
    const std::int64_t begin = std::min(t_.start[last.id].v, now_), time = now_ - begin;
    ++out_.runs[dearest];
    out_.time[dearest].v += time;
    out_.stretched.v += std::max<std::int64_t>(0, time - prices_[dearest].total().v);
    add(at, dearest, StepKind::run, begin);
    return last;
  }

  // What the start of an instruction was waiting for, or nothing at the beginning of the step.
  At before(const At& at) {
    At best;
    const auto consider = [&](const At& candidate) {
      if (candidate.id != none && (best.id == none || t_.end[candidate.id] > t_.end[best.id])) best = candidate;
    };
    consider(previous_in_stream(at));
    const Row& row = row_of(at);
    for (std::uint32_t w = row.first_wait; w < (&row)[1].first_wait; ++w)
      consider(make(at.call, at.row - p_.waits[w], at.player));
    for (std::uint32_t w = p_.calls[at.call].first_wait; w < p_.calls[at.call + 1].first_wait; ++w)
      if (p_.outside_waits[w].row == at.row) consider(make(p_.outside_waits[w].call, p_.outside_waits[w].awaited, at.player));
    const std::int64_t ready = best.id == none ? 0 : t_.end[best.id].v;
    if (ready >= now_) return best;
    At host;
    if (issued(at, host)) return host;
    out_.wait.v += now_ - ready;
    add(at, class_of(at), StepKind::wait, ready);
    return best;
  }

  At previous_in_stream(const At& at) const {
    const Row& row = row_of(at);
    const Block& block = block_of(at.call);
    if (const std::uint32_t r = index_.previous_row(block.first_row + at.row); r != none) return make(at.call, r, at.player);
    const auto visits = index_.visits(at.team, row.stream);
    const auto here = std::lower_bound(visits.begin(), visits.end(), at.call,
                                       [](const Index::Visit& v, std::uint32_t call) { return v.call < call; });
    if (here == visits.begin()) return {};
    const Index::Visit& previous = here[-1];
    const bool single = block_of(previous.call).slots == 1;
    return make(previous.call, single ? index_.last_row(p_.calls[previous.call].block, row.stream) : previous.row, at.player);
  }

  // The instruction before in id order of the rank.
  At previous_of_rank(const At& at) const {
    if (block_of(at.call).slots == 1 && at.row > 0) return make(at.call, at.row - 1, at.player);
    const auto calls = index_.calls(at.team);
    const auto here = std::lower_bound(calls.begin(), calls.end(), at.call,
                                       [](const Index::Visit& v, std::uint32_t call) { return v.call < call; });
    if (here == calls.begin()) return {};
    const Index::Visit& previous = here[-1];
    const bool single = block_of(previous.call).slots == 1;
    return make(previous.call, single ? block_of(previous.call).rows - 1 : previous.row, at.player);
  }

  // Whether the host's launches alone explain a start now. If so adds them as a step, and `from` is the host
  // instruction before them, if there is one.
  bool issued(const At& at, At& from) {
    std::int64_t launches = 0;
    for (At i = at; i.id != none && (i.id == at.id || row_of(i).kind != Kind::host); i = previous_of_rank(i)) {
      launches += prices_[class_of(i)].launch.v;
      from = previous_of_rank(i);
    }
    const std::int64_t begin = from.id == none ? 0 : t_.end[from.id].v;
    if (begin + launches != now_) return false;
    for (At i = at; i.id != from.id; i = previous_of_rank(i)) ++out_.launches[class_of(i)];
    out_.issue.v += now_ - begin;
    add(at, class_of(at), StepKind::issue, begin);
    return true;
  }

  const Program& p_;
  std::span<const Price> prices_;
  const Timeline& t_;
  Index index_;
  CriticalPath out_;
  std::int64_t now_ = 0;
};

}  // namespace

CriticalPath critical_path(const Program& p, std::span<const Price> prices, const Timeline& t) {
  ORRERY_CHECK(prices.size() == p.classes.size() && t.end.size() == p.size() && t.start.size() == p.size());
  return Walk(p, prices, t).run();
}

}  // namespace orrery
