#include "sim/engine/shared.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/engine/play.h"

namespace orrery {
namespace engine {
namespace {

constexpr std::uint32_t unissued = none - 1;     // a lane's blocked_on: until the host has issued its instruction
constexpr std::size_t few_events = 1024;         // a queue this short is not worth clearing of lapsed events

template <bool HasHost>
class SharedReplay {
  using Lane = SharedWorkspace::Lane;
  using Activity = SharedWorkspace::Activity;

 public:
  SharedReplay(const Program& p, std::span<const Price> prices, const SharedInput& input, SharedWorkspace& w,
               Timeline& out)
      : p_(p), prices_(prices), input_(input), w_(w), out_(out) {}

  Tick run(SharedCount& count) {
    prepare();
    for (std::uint32_t player = 0; HasHost && player < w_.hosts.size(); ++player) issue(player);
    for (std::uint32_t lane = 0; lane < w_.lanes.size(); ++lane) try_start(lane);
    settle();
    while (!w_.queue.empty()) {
      now_ = w_.queue.top().time;
      while (!w_.queue.empty() && w_.queue.top().time == now_) {
        const Event event = w_.queue.top();
        w_.queue.pop();
        handle(event);
      }
      settle();
      if (lapsed_ > few_events && lapsed_ > w_.queue.size() / 2) drop_lapsed();
    }
    ORRERY_CHECK(ended_ == p_.size());           // rule 5 of program.h
    count = count_;
    return {last_};
  }

 private:
  void prepare() {
    w_.index.build(p_);
    w_.queue.clear();
    w_.sharing.reset(input_.links, input_.first_share, input_.shares);
    w_.first_player.clear();
    w_.team_of.clear();
    for (std::uint32_t t = 0; t < p_.teams.size(); ++t) {
      w_.first_player.push_back(static_cast<std::uint32_t>(w_.team_of.size()));
      w_.team_of.insert(w_.team_of.end(), p_.teams[t].players.size(), t);
    }
    const std::size_t players = w_.team_of.size();
    ORRERY_CHECK(players * stream_count * 2 < slot_limit);
    w_.first_player.push_back(static_cast<std::uint32_t>(players));
    w_.lanes.assign(players * stream_count, {});
    w_.activities.assign(players * stream_count, {});
    w_.gatherings.assign(p_.groups.size(), {});
    w_.hosts.assign(players, {});
    w_.owner.assign(input_.peak.size(), none);
    w_.pace.assign(players, 1);
    w_.changed.clear();
    out_.start.assign(p_.size(), {-1});
    out_.end.assign(p_.size(), {-1});
    for (std::uint32_t lane = 0; lane < w_.lanes.size(); ++lane) enter_visit(lane);
  }

  std::uint32_t player_of(std::uint32_t lane) const { return lane / stream_count; }
  std::uint32_t team_of(std::uint32_t lane) const { return w_.team_of[player_of(lane)]; }
  std::span<const Index::Visit> visits(std::uint32_t lane) const {
    return w_.index.visits(team_of(lane), static_cast<Stream>(lane % stream_count));
  }
  std::uint32_t players(std::uint32_t team) const { return w_.first_player[team + 1] - w_.first_player[team]; }
  std::uint32_t within_team(std::uint32_t player) const { return player - w_.first_player[w_.team_of[player]]; }

  std::uint32_t id_of(std::uint32_t call, std::uint32_t row, std::uint32_t player) const {
    const Call& c = p_.calls[call];
    if (p_.blocks[c.block].slots > 1) return p_.row_id(c, row) + within_team(player);
    return c.first_id + row * players(w_.team_of[player]) + within_team(player);
  }
  const Row& row_of(std::uint32_t call, std::uint32_t row) const {
    return p_.rows[p_.blocks[p_.calls[call].block].first_row + row];
  }
  std::uint32_t class_of(const Row& row, std::uint32_t player) const {
    if (row.role == Role::self) return row.cost_class;
    const Team::InRole& in = p_.teams[w_.team_of[player]].roles[static_cast<std::size_t>(row.role)];
    return row.cost_class + in.variant[within_team(player)];
  }

  void enter_visit(std::uint32_t lane) {
    Lane& l = w_.lanes[lane];
    const auto all = visits(lane);
    l.id = none;
    if (l.visit == all.size()) return;
    l.row = all[l.visit].row;
    l.id = id_of(all[l.visit].call, l.row, player_of(lane));
  }

  void advance(std::uint32_t lane) {
    Lane& l = w_.lanes[lane];
    const Index::Visit& visit = visits(lane)[l.visit];
    const std::uint32_t next = w_.index.next_row(p_.blocks[p_.calls[visit.call].block].first_row + l.row);
    if (next == none) {
      ++l.visit;
      enter_visit(lane);
    } else {
      l.id += (next - l.row) * players(team_of(lane));
      l.row = next;
    }
  }

  // The first instruction that `row` waits for and that has not ended.
  std::uint32_t awaited(std::uint32_t lane, std::uint32_t call, const Row& row) const {
    const Lane& l = w_.lanes[lane];
    const std::uint32_t n = players(team_of(lane));
    for (std::uint32_t w = row.first_wait; w < (&row)[1].first_wait; ++w)
      if (const std::uint32_t id = l.id - p_.waits[w] * n; out_.end[id].v < 0) return id;
    const auto begin = p_.outside_waits.begin();
    const auto end = begin + p_.calls[call + 1].first_wait;
    auto o = std::lower_bound(begin + p_.calls[call].first_wait, end, l.row,
                              [](const OutsideWait& a, std::uint32_t r) { return a.row < r; });
    for (; o != end && o->row == l.row; ++o)
      if (const std::uint32_t id = id_of(o->call, o->awaited, player_of(lane)); out_.end[id].v < 0) return id;
    return none;
  }

  void try_start(std::uint32_t lane) {
    Lane& l = w_.lanes[lane];
    if (l.id == none) return;
    const std::uint32_t call = visits(lane)[l.visit].call;
    const Row& row = row_of(call, l.row);
    l.blocked_on = awaited(lane, call, row);
    if (l.blocked_on != none) return;
    if constexpr (HasHost) {
      const std::int64_t issued = out_.start[l.id].v;  // until it starts, its start is when it is issued
      if (issued < 0) {
        l.blocked_on = unissued;
        return;
      }
      if (issued > now_) {
        w_.queue.push(issued, static_cast<std::uint32_t>(w_.lanes.size()) + lane);
        return;
      }
    }
    out_.start[l.id].v = now_;
    if (is_meeting(row.kind)) come(lane, call, row);
    else begin(lane, class_of(row, player_of(lane)), SharedInput::no_path);
  }

  // A member has come to its meeting; the last one begins it.
  void come(std::uint32_t lane, std::uint32_t call, const Row& row) {
    const std::uint32_t player = player_of(lane), i = within_team(player);
    const Team::InRole& in = p_.teams[team_of(lane)].roles[static_cast<std::size_t>(row.role)];
    SharedWorkspace::Gathering& meeting = w_.gatherings[in.group[i]];
    const std::uint32_t cost_class = row.cost_class + in.variant[i];
    if (meeting.come == 0) {
      meeting.expected = expected(call, row.role, in.meeting[i]);
      meeting.cost_class = cost_class;
      meeting.lanes = none;
    }
    const std::int64_t price = prices_[cost_class].total().v, dearest = prices_[meeting.cost_class].total().v;
    if (price > dearest || (price == dearest && cost_class < meeting.cost_class)) meeting.cost_class = cost_class;
    w_.lanes[lane].next_member = meeting.lanes;
    meeting.lanes = lane;
    if (++meeting.come < meeting.expected) return;
    meeting.come = 0;
    for (std::uint32_t m = lane; m != none; m = w_.lanes[m].next_member) slow(m, input_.slowdown[meeting.cost_class]);
    begin(lane, meeting.cost_class, input_.path_of(in.group[i], row.kind));
  }

  // How many members of a meeting are present in a call; `role`: of a block of one slot.
  std::uint32_t expected(std::uint32_t c, Role role, std::uint32_t meeting) const {
    const Call& call = p_.calls[c];
    const Block& block = p_.blocks[call.block];
    if (block.slots == 1) return w_.index.members(p_.call_teams[call.first_team], role, meeting);
    std::uint32_t members = 0;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p_.rows[block.first_row + r];
      const std::uint32_t team = p_.call_teams[call.first_team + row.slot];
      if (meeting < p_.teams[team].roles[static_cast<std::size_t>(row.role)].meetings)
        members += w_.index.members(team, row.role, meeting);
    }
    return members;
  }

  // From now on a communication of this lane slows its rank's compute by `factor`, or none does (1).
  void slow(std::uint32_t lane, double factor) {
    if (w_.lanes[lane].slows == factor) return;
    w_.lanes[lane].slows = factor;
    w_.changed.push_back(player_of(lane));
  }

  void begin(std::uint32_t lane, std::uint32_t cost_class, std::uint32_t path) {
    Activity& a = w_.activities[lane];
    const Price& price = prices_[cost_class];
    a.cost_class = cost_class;
    if (p_.classes[cost_class].kind == Kind::compute) return compute(lane, price.total());
    a.path = price.flow.v > 0 ? path : SharedInput::no_path;
    a.flowing = a.path == SharedInput::no_path;
    a.since = now_;
    a.left = static_cast<double>((a.flowing ? price.total() : price.fixed).v);
    a.rate = 1;
    if (!a.flowing && price.fixed.v == 0) flow(lane, price.flow, input_.demand[cost_class] * input_.peak[path]);
    else schedule(lane);
  }

  // Compute is a flow on the cores of its node, if these are shared.
  void compute(std::uint32_t lane, Tick duration) {
    Activity& a = w_.activities[lane];
    const bool on_compute = lane % stream_count == static_cast<std::uint32_t>(Stream::compute);
    a.path = duration.v > 0 && on_compute ? input_.compute_path_of(player_of(lane)) : SharedInput::no_path;
    if (a.path != SharedInput::no_path) return flow(lane, duration, 1);
    a.flowing = true;
    a.since = now_;
    a.left = static_cast<double>(duration.v);
    a.rate = w_.pace[player_of(lane)];
    schedule(lane);
  }

  void schedule(std::uint32_t lane) {
    Activity& a = w_.activities[lane];
    a.key = w_.queue.push(now_ + static_cast<std::int64_t>(std::max(a.left, 0.0) / a.rate + half_a_tick), lane);
  }

  void set_rate(std::uint32_t lane, double rate) {
    Activity& a = w_.activities[lane];
    if (rate == a.rate) return;
    if (a.rate > 0) ++lapsed_, ++count_.rerated;
    a.left -= static_cast<double>(now_ - a.since) * a.rate;
    a.since = now_;
    a.rate = rate;
    schedule(lane);
  }

  void handle(const Event& event) {
    const std::uint32_t slot = event.slot();
    const auto lanes = static_cast<std::uint32_t>(w_.lanes.size());
    if (slot >= lanes) {
      ++count_.events;
      return try_start(slot - lanes);
    }
    Activity& a = w_.activities[slot];
    if (a.key != event.key) {
      --lapsed_;
      return;
    }
    ++count_.events;
    if (!a.flowing) return flow(slot, prices_[a.cost_class].flow, input_.demand[a.cost_class] * input_.peak[a.path]);
    if (a.path != SharedInput::no_path) w_.sharing.remove(a.path);
    a.rate = 0;
    for (std::uint32_t m = slot, next; m != none; m = next) {
      next = w_.lanes[m].next_member;
      w_.lanes[m].next_member = none;
      slow(m, 1);
      finish(m);
    }
  }

  // Takes its links, at a rate that settle() finds.
  void flow(std::uint32_t lane, Tick duration, double bound) {
    Activity& a = w_.activities[lane];
    a.flowing = true;
    a.since = now_;
    a.left = static_cast<double>(duration.v);
    a.rate = 0;
    a.bound = bound;
    w_.owner[a.path] = lane;
    w_.sharing.add(a.path, bound);
  }

  void finish(std::uint32_t lane) {
    const std::uint32_t id = w_.lanes[lane].id, player = player_of(lane);
    const Kind kind = row_of(visits(lane)[w_.lanes[lane].visit].call, w_.lanes[lane].row).kind;
    out_.end[id].v = last_ = now_;
    ++ended_;
    advance(lane);
    try_start(lane);
    wake(player, id);
    if constexpr (HasHost)
      if (kind == Kind::host) {
        w_.hosts[player].clock = now_;
        issue(player);
        wake(player, unissued);
      }
  }

  void wake(std::uint32_t player, std::uint32_t blocked_on) {
    for (std::uint32_t lane = player * stream_count; lane < (player + 1) * stream_count; ++lane)
      if (w_.lanes[lane].blocked_on == blocked_on) try_start(lane);
  }

  // The host issues a rank's instructions in id order, up to a `host` instruction, whose end it awaits.
  void issue(std::uint32_t player) {
    SharedWorkspace::Host& host = w_.hosts[player];
    const std::uint32_t team = w_.team_of[player];
    const auto calls = w_.index.calls(team);
    for (; host.visit < calls.size(); ++host.visit, host.row = 0) {
      const auto [call, slot_row] = calls[host.visit];
      const Block& block = p_.blocks[p_.calls[call].block];
      for (const std::uint32_t rows = block.slots > 1 ? 1 : block.rows; host.row < rows;) {
        const std::uint32_t r = slot_row + host.row++;
        const Row& row = p_.rows[block.first_row + r];
        host.clock += prices_[class_of(row, player)].launch.v;
        out_.start[id_of(call, r, player)].v = host.clock;
        if (row.kind == Kind::host) return;
      }
    }
  }

  // Gives everything that this tick touched its rate.
  void settle() {
    for (const std::uint32_t path : w_.sharing.solve()) {
      const std::uint32_t lane = w_.owner[path];
      set_rate(lane, share(lane) * pace(lane));
    }
    for (const std::uint32_t player : w_.changed) {
      double slowest = 1;
      const std::uint32_t first = player * stream_count;
      for (std::uint32_t s = 0; s < stream_count; ++s) slowest = std::max(slowest, w_.lanes[first + s].slows);
      w_.pace[player] = 1 / slowest;
      const std::uint32_t lane = first + static_cast<std::uint32_t>(Stream::compute);
      const Activity& a = w_.activities[lane];
      if (a.rate > 0 && is_compute(a)) set_rate(lane, share(lane) * w_.pace[player]);
    }
    w_.changed.clear();
  }
  bool is_compute(const Activity& a) const { return p_.classes[a.cost_class].kind == Kind::compute; }
  double pace(std::uint32_t lane) const { return is_compute(w_.activities[lane]) ? w_.pace[player_of(lane)] : 1; }
  // The part of its bound that its links leave it.
  double share(std::uint32_t lane) const {
    const Activity& a = w_.activities[lane];
    return a.path == SharedInput::no_path ? 1 : w_.sharing.level(a.path) / a.bound;
  }

  void drop_lapsed() {
    w_.queue.keep([&](const Event& e) {
      return e.slot() >= w_.lanes.size() || w_.activities[e.slot()].key == e.key;
    });
    lapsed_ = 0;
  }

  const Program& p_;
  std::span<const Price> prices_;
  const SharedInput& input_;
  SharedWorkspace& w_;
  Timeline& out_;
  std::int64_t now_ = 0, last_ = 0;             // last_: of an end
  std::size_t ended_ = 0, lapsed_ = 0;
  SharedCount count_;
};

}  // namespace
}  // namespace engine

Tick replay_shared(const Program& p, std::span<const Price> prices, const SharedInput& input, SharedWorkspace& w,
                   Timeline& out, SharedCount* count) {
  ORRERY_CHECK(prices.size() == p.classes.size());
  SharedCount counted;
  const Tick end = engine::host_matters(p, prices)
                       ? engine::SharedReplay<true>(p, prices, input, w, out).run(counted)
                       : engine::SharedReplay<false>(p, prices, input, w, out).run(counted);
  if (count) *count = counted;
  return end;
}

}  // namespace orrery
