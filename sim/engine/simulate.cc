#include "sim/engine/simulate.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/engine/transfers.h"

namespace orrery {
namespace engine {

bool overfull(const SharedInput& input, const std::vector<Transfer>& all) {
  struct Change { std::int64_t time; std::uint32_t transfer; bool begins; };
  std::vector<Change> changes;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    changes.push_back({all[i].flow, i, true});
    changes.push_back({all[i].end, i, false});
  }
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tie(a.time, a.begins, a.transfer) < std::tie(b.time, b.begins, b.transfer);  // ends first
  });
  std::vector<double> used(input.links, 0);
  std::vector<std::uint32_t> flows(input.links, 0);
  for (const Change& change : changes) {
    const Transfer& transfer = all[change.transfer];
    const double bound = input.demand[transfer.cost_class] * input.peak[transfer.path];
    for (std::uint32_t s = input.first_share[transfer.path]; s < input.first_share[transfer.path + 1]; ++s) {
      const engine::Share& share = input.shares[s];
      if (change.begins) {
        ++flows[share.link];
        used[share.link] += share.weight * bound;
        if (used[share.link] > 1 + 1e-12) return true;
      } else {
        used[share.link] = --flows[share.link] == 0 ? 0 : used[share.link] - share.weight * bound;
      }
    }
  }
  return false;
}

}  // namespace engine

namespace {

// Calls visit(row, team, first id) for each row of each call, in id order, and done(block) after each call.
template <class Visit, class Done>
void for_each_row(const Program& p, Visit&& visit, Done&& done) {
  for (std::size_t c = 0; c < p.call_count(); ++c) {
    const Call& call = p.calls[c];
    const Block& block = p.blocks[call.block];
    std::uint32_t id = call.first_id;
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const Row& row = p.rows[block.first_row + r];
      const std::uint32_t team = p.call_teams[call.first_team + row.slot];
      visit(row, team, id);
      id += static_cast<std::uint32_t>(p.teams[team].players.size());
      if (block.slots == 1 || r + 1 == block.rows) done();
    }
  }
}

// All meetings that use a link which can be full, of a static Timeline.
std::vector<engine::Transfer> transfers(const Program& p, std::span<const Price> prices, const SharedInput& input,
                                        const Timeline& t) {
  engine::Transfers out(prices, input);
  for_each_row(p, [&](const Row& row, std::uint32_t team, std::uint32_t id) {
    if (is_meeting(row.kind)) out.add(row, p.teams[team], [&](std::size_t player) { return t.end[id + player].v; });
  }, [&] { out.close(); });
  return out.take();
}

struct Interval { std::int64_t begin, end; };

// Whether compute of any rank runs beside a communication that slows it.
bool slowed(const Program& p, std::span<const Price> prices, const SharedInput& input, const Timeline& t) {
  std::vector<std::size_t> first_player;
  std::size_t players = 0;
  for (const Team& team : p.teams) first_player.push_back(players), players += team.players.size();
  std::vector<std::vector<Interval>> compute(players), slowing(players);
  struct Meeting { std::uint32_t cost_class; std::int64_t price; };
  std::vector<Meeting> meetings;
  std::vector<std::pair<std::uint32_t, std::pair<std::size_t, std::int64_t>>> members;  // meeting, player, end
  for_each_row(p, [&](const Row& row, std::uint32_t team, std::uint32_t id) {
    const std::size_t n = p.teams[team].players.size();
    if (row.kind == Kind::compute && row.stream == Stream::compute)
      for (std::size_t i = 0; i < n; ++i) compute[first_player[team] + i].push_back({t.start[id + i].v, t.end[id + i].v});
    if (!is_meeting(row.kind)) return;
    const Team::InRole& in = p.teams[team].roles[static_cast<std::size_t>(row.role)];
    if (meetings.size() < in.meetings) meetings.resize(in.meetings, {0, -1});
    for (std::size_t i = 0; i < n; ++i) {
      Meeting& m = meetings[in.meeting[i]];
      const std::uint32_t cost_class = row.cost_class + in.variant[i];
      const std::int64_t price = prices[cost_class].total().v;
      if (price > m.price || (price == m.price && cost_class < m.cost_class)) m = {cost_class, price};
      members.push_back({in.meeting[i], {first_player[team] + i, t.end[id + i].v}});
    }
  }, [&] {
    for (const auto& [meeting, member] : members)
      if (input.slowdown[meetings[meeting].cost_class] != 1)
        slowing[member.first].push_back({member.second - meetings[meeting].price, member.second});
    meetings.clear();
    members.clear();
  });
  for (std::size_t i = 0; i < players; ++i) {
    std::sort(slowing[i].begin(), slowing[i].end(), [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
    auto next = compute[i].begin();           // in order, since a stream is
    for (const Interval& s : slowing[i]) {
      while (next != compute[i].end() && next->end <= s.begin) ++next;
      for (auto c = next; c != compute[i].end() && c->begin < s.end; ++c)
        if (c->end > s.begin && c->end > c->begin && s.end > s.begin) return true;
    }
  }
  return false;
}

}  // namespace

std::string_view reason(Chosen c) {
  switch (c) {
    case Chosen::static_asked_for: return "static replay, as asked for";
    case Chosen::static_nothing_shared: return "static replay, exact: no link can be full and no communication slows compute";
    case Chosen::static_no_overlap: return "static replay, exact: no transfers overlap on a full link and none slows compute";
    case Chosen::shared_asked_for: return "shared replay, as asked for";
    case Chosen::shared_cores: return "shared replay: ranks of a node compute and communicate on its cores";
    case Chosen::shared_link: return "shared replay: transfers overlap on a link";
    case Chosen::shared_compute: return "shared replay: compute runs beside communication that slows it";
  }
  return {};
}

Chosen find_overlap(const Program& p, std::span<const Price> prices, const SharedInput& input, const Timeline& t) {
  if (!input.compute_path.empty()) return Chosen::shared_cores;
  if (input.links > 0 && engine::overfull(input, transfers(p, prices, input, t))) return Chosen::shared_link;
  const bool slows = std::any_of(input.slowdown.begin(), input.slowdown.end(), [](double s) { return s != 1; });
  if (slows && slowed(p, prices, input, t)) return Chosen::shared_compute;
  return Chosen::static_no_overlap;
}

Simulation simulate(const Program& p, std::span<const Price> prices, const SharedInput& input, Replay asked,
                    SimulationWorkspace& w, Timeline& out) {
  Simulation result;
  if (asked != Replay::shared) {
    result.makespan = replay(p, prices, w.fixed, out);
    result.chosen = asked == Replay::static_only ? Chosen::static_asked_for
                    : input.empty()              ? Chosen::static_nothing_shared
                                                 : find_overlap(p, prices, input, out);
    if (!is_shared(result.chosen)) return result;
  } else {
    result.chosen = Chosen::shared_asked_for;
  }
  result.exact = input.alike;
  result.makespan = replay_shared(p, prices, input, w.shared, out, &result.count);
  return result;
}

}  // namespace orrery
