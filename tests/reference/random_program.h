// Random small Programs that obey the rules: several teams of one or more players, blocks with waits inside and
// outside, collectives within a team, messages between neighbouring teams and meetings of all teams. Prices are
// small, so that ties are frequent. The same seed gives the same Program everywhere.
#pragma once
#include <algorithm>
#include <random>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery::reference {

struct RandomOptions {
  std::uint32_t teams = 3, players = 4;   // at most; players: of a team
  std::uint32_t blocks = 4, rows = 10;    // of one slot, at most
  std::uint32_t calls = 30;               // at most
  bool hosts = false;                     // host instructions
};

class RandomProgram {
 public:
  RandomProgram(std::uint64_t seed, const RandomOptions& options) : random_(seed), options_(options) {
    for (std::uint32_t t = 1 + below(options.teams); t > 0; --t) add_team();
    p.stages.push_back({});
    connect();
    for (std::uint32_t b = 1 + below(options.blocks); b > 0; --b) add_block();
    const auto own = static_cast<std::uint32_t>(p.blocks.size());
    add_meeting_blocks();
    for (std::uint32_t c = 1 + below(options.calls); c > 0; --c) add_call(own);
    p.calls.push_back({});
    p.calls.back().first_wait = static_cast<std::uint32_t>(p.outside_waits.size());
    p.calls.back().first_id = next_id_;
    p.rows.push_back({});
    p.rows.back().first_wait = static_cast<std::uint32_t>(p.waits.size());
  }

  Program p;

  // One price a class, at most `most`; launches too, if asked for.
  std::vector<Price> prices(std::uint32_t most = 20, bool launches = false) {
    std::vector<Price> out(p.classes.size());
    for (Price& price : out) {
      price.fixed.v = below(most / 4 + 1);
      price.flow.v = below(most + 1);
      price.launch.v = launches ? below(4) : 0;
    }
    return out;
  }

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

 private:
  static std::size_t index(Role r) { return static_cast<std::size_t>(r); }

  void add_team() {
    Team team;
    for (std::uint32_t n = 1 + below(options_.players); n > 0; --n) {
      team.players.push_back({next_rank_++});
      team.copies.push_back(1);
    }
    const auto n = static_cast<std::uint32_t>(team.players.size());
    const std::uint32_t chunk = 1 + below(n), stride = 1 + below(n);
    p.teams.push_back(team);
    join(Role::tensor, {p.teams.size() - 1}, (n + chunk - 1) / chunk, [&](std::uint32_t i) { return i / chunk; });
    join(Role::data, {p.teams.size() - 1}, stride, [&](std::uint32_t i) { return i % stride; });
  }

  // Gives the players of `teams` a role: which of `meetings` each is in, with a group and a variant a meeting.
  template <class Meeting>
  void join(Role role, std::vector<std::size_t> teams, std::uint32_t meetings, Meeting&& meeting, Role other = Role::self) {
    const auto first = static_cast<std::uint32_t>(p.groups.size());
    std::vector<std::uint32_t> variant;
    for (std::uint32_t m = 0; m < meetings; ++m) {
      variant.push_back(below(2));
      p.groups.push_back({});
      p.groups.back().role = role;
    }
    for (std::size_t t : teams) {
      const bool second = other != Role::self && t != teams.front();
      Team& team = p.teams[t];
      Team::InRole& in = team.roles[index(second ? other : role)];
      in.meetings = meetings;
      for (std::uint32_t i = 0; i < team.players.size(); ++i) {
        const std::uint32_t m = meeting(i);
        in.meeting.push_back(m);
        in.variant.push_back(variant[m]);
        in.group.push_back(first + m);
        in.closes.push_back(0);
        p.groups[first + m].members.push_back(team.players[i]);
        p.groups[first + m].signature.size = static_cast<std::uint32_t>(p.groups[first + m].members.size());
      }
      if (other == Role::self && t != teams.back()) continue;  // several teams: the last of all closes
      for (std::uint32_t m = 0; m < meetings; ++m)
        for (std::size_t i = team.players.size(); i-- > 0;)
          if (in.meeting[i] == m) { in.closes[i] = 1; break; }
    }
  }

  void connect() {
    std::vector<std::size_t> all;
    for (std::size_t t = 0; t < p.teams.size(); ++t) all.push_back(t);
    join(Role::world, all, 1, [](std::uint32_t) { return 0u; });
    for (std::size_t t = 0; t + 1 < p.teams.size(); ++t) {
      const auto fewer = static_cast<std::uint32_t>(std::min(p.teams[t].players.size(), p.teams[t + 1].players.size()));
      const auto pair = [&](std::uint32_t i) { return i % fewer; };
      join(Role::to_next, {t, t + 1}, fewer, pair, Role::from_previous);
      join(Role::to_previous, {t + 1, t}, fewer, pair, Role::from_next);
    }
  }

  void add_row(Kind kind, Stream stream, Role role, std::uint8_t slot, std::uint32_t same_class_as = ~0u) {
    Row row;
    row.kind = kind;
    row.stream = stream;
    row.role = role;
    row.slot = slot;
    row.first_wait = static_cast<std::uint32_t>(p.waits.size());
    row.cost_class = same_class_as == ~0u ? static_cast<std::uint32_t>(p.classes.size()) : same_class_as;
    if (same_class_as == ~0u)
      for (int variant = 0; variant < 2; ++variant) {
        p.classes.push_back({});
        p.classes.back().kind = kind;
        p.classes.back().role = role;
      }
    p.rows.push_back(row);
  }

  void add_block() {
    Block block;
    block.first_row = static_cast<std::uint32_t>(p.rows.size());
    block.rows = 1 + below(options_.rows);
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      switch (below(options_.hosts ? 7 : 6)) {
        case 0: add_row(Kind::all_gather, Stream::tensor, Role::tensor, 0); break;
        case 1: add_row(Kind::all_reduce, Stream::data, Role::data, 0); break;
        case 2: add_row(Kind::copy, Stream::to_device, Role::self, 0); break;
        case 6: add_row(Kind::host, Stream::host, Role::self, 0); break;
        default: add_row(Kind::compute, Stream::compute, Role::self, 0);
      }
      for (std::uint32_t w = r > 0 ? below(3) : 0; w > 0; --w) p.waits.push_back(1 + below(r));
      block.streams |= 1u << static_cast<unsigned>(p.rows.back().stream);
    }
    p.blocks.push_back(block);
  }

  void add_meeting_blocks() {
    add_meeting_block({{Kind::send, Stream::send_next, Role::to_next}, {Kind::receive, Stream::receive_previous, Role::from_previous}});
    add_meeting_block({{Kind::send, Stream::send_previous, Role::to_previous}, {Kind::receive, Stream::receive_next, Role::from_next}});
    std::vector<Ends> all(p.teams.size(), {Kind::all_reduce, Stream::data, Role::world});
    add_meeting_block(all);
  }

  struct Ends { Kind kind; Stream stream; Role role; };
  void add_meeting_block(const std::vector<Ends>& ends) {
    Block block;
    block.first_row = static_cast<std::uint32_t>(p.rows.size());
    block.rows = block.slots = static_cast<std::uint32_t>(ends.size());
    const auto cost_class = static_cast<std::uint32_t>(p.classes.size());
    for (std::size_t s = 0; s < ends.size(); ++s) {
      add_row(ends[s].kind, ends[s].stream, ends[s].role, static_cast<std::uint8_t>(s),
              s > 0 && ends[s].kind == ends[0].kind ? cost_class : ~0u);
      block.streams |= 1u << static_cast<unsigned>(ends[s].stream);
    }
    p.blocks.push_back(block);
  }

  void add_call(std::uint32_t own) {
    Call call;
    call.first_team = static_cast<std::uint32_t>(p.call_teams.size());
    call.first_id = next_id_;
    call.first_wait = static_cast<std::uint32_t>(p.outside_waits.size());
    const auto teams = static_cast<std::uint32_t>(p.teams.size());
    const std::uint32_t what = below(8);
    if (what < 2 && teams > 1) {
      const std::uint32_t t = below(teams - 1);
      call.block = own + what;
      p.call_teams.push_back(what == 0 ? t : t + 1);
      p.call_teams.push_back(what == 0 ? t + 1 : t);
    } else if (what == 2) {
      call.block = own + 2;
      for (std::uint32_t t = 0; t < teams; ++t) p.call_teams.push_back(t);
    } else {
      call.block = below(own);
      p.call_teams.push_back(below(teams));
    }
    const Block& block = p.blocks[call.block];
    for (std::uint32_t r = 0; r < block.rows; ++r) {
      const std::uint32_t team = p.call_teams[call.first_team + p.rows[block.first_row + r].slot];
      if (!p.calls.empty() && below(3) == 0) wait_outside(team, r);
      if (!p.calls.empty() && below(9) == 0) wait_outside(team, r);
      next_id_ += static_cast<std::uint32_t>(p.teams[team].players.size());
    }
    p.calls.push_back(call);
  }

  // A wait of row `row` of the call under construction for a random earlier row of the team, if it finds one.
  void wait_outside(std::uint32_t team, std::uint32_t row) {
    const std::uint32_t c = below(static_cast<std::uint32_t>(p.calls.size()));
    const Block& block = p.blocks[p.calls[c].block];
    const std::uint32_t r = below(block.rows);
    if (p.call_teams[p.calls[c].first_team + p.rows[block.first_row + r].slot] == team)
      p.outside_waits.push_back({row, c, r});
  }

  std::mt19937_64 random_;
  RandomOptions options_;
  std::uint32_t next_id_ = 0, next_rank_ = 0;
};

}  // namespace orrery::reference
