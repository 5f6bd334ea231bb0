// A textbook engine with sharing: at every tick it re-computes the rate of everything from scratch. The oracle of
// replay_shared(). Knows no launches.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/engine/shared.h"
#include "sim/program/program.h"
#include "tests/reference/max_min.h"

namespace orrery::reference {

class SharedEngine {
 public:
  SharedEngine(const Program& p, std::span<const Price> prices, const SharedInput& input)
      : prices_(prices), input_(input) {
    for_each_instruction(p, [&](const Instruction& i) {
      const auto id = static_cast<std::uint32_t>(all_.size());
      all_.push_back(i);
      streams_[{i.rank.i, static_cast<int>(i.stream)}].push_back(id);
      if (i.kind == Kind::host) hosts_[i.rank.i].push_back(id);
      if (is_meeting(i.kind)) meetings_[{i.group, i.sequence}].push_back(id);
    });
    for (const Team& team : p.teams)
      for (const RankId rank : team.players) players_.emplace(rank.i, static_cast<std::uint32_t>(players_.size()));
    time_.start.assign(all_.size(), {-1});
    time_.end.assign(all_.size(), {-1});
  }

  Timeline run() {
    for (;;) {
      while (start_some()) {}
      set_rates();
      if (running_.empty()) return time_;
      now_ = running_[0].end;
      for (const Running& r : running_) now_ = std::min(now_, r.end);
      finish_some();
    }
  }

 private:
  struct Running {
    std::vector<std::uint32_t> members;
    std::uint32_t cost_class, path;
    bool latency;                      // in its fixed part, with the flow to come
    double left, rate;
    std::int64_t since, end;
  };

  bool ended(std::uint32_t id) const { return time_.end[id].v >= 0; }

  // The host issues in id order, and waits for its own instructions.
  bool issued(std::uint32_t id) {
    const auto& own = hosts_[all_[id].rank.i];
    return std::all_of(own.begin(), own.end(), [&](std::uint32_t h) { return h >= id || ended(h); });
  }

  bool start_some() {
    bool any = false;
    for (auto& [key, stream] : streams_) {
      if (stream.empty() || time_.start[stream.front()].v >= 0) continue;
      const std::uint32_t id = stream.front();
      const Instruction& i = all_[id];
      if (!issued(id)) continue;
      if (!std::all_of(i.waits.begin(), i.waits.end(), [&](InstructionId w) { return ended(w.i); })) continue;
      time_.start[id] = {now_};
      any = true;
      std::vector<std::uint32_t> members{id};
      if (is_meeting(i.kind)) members = meetings_[{i.group, i.sequence}];
      if (!std::all_of(members.begin(), members.end(), [&](std::uint32_t m) { return time_.start[m].v >= 0; })) continue;
      std::uint32_t dearest = all_[members[0]].cost_class;
      for (const std::uint32_t m : members) {
        const std::uint32_t c = all_[m].cost_class;
        const std::int64_t price = prices_[c].total().v, most = prices_[dearest].total().v;
        if (price > most || (price == most && c < dearest)) dearest = c;
      }
      const std::uint32_t path = path_of(i);
      const bool flows = is_meeting(i.kind) && prices_[dearest].flow.v > 0 && path != SharedInput::no_path;
      const bool computes = i.kind == Kind::compute && prices_[dearest].total().v > 0;
      const double work = static_cast<double>((flows ? prices_[dearest].fixed : prices_[dearest].total()).v);
      running_.push_back({members, dearest, flows || computes ? path : SharedInput::no_path, flows, work, 0, now_, now_});
      if (flows && work == 0) begin_flow(running_.back());
    }
    return any;
  }

  void begin_flow(Running& r) const {
    r.latency = false;
    r.left = static_cast<double>(prices_[r.cost_class].flow.v);
    r.rate = 0;
    r.since = now_;
  }

  std::uint32_t path_of(const Instruction& i) const {
    if (is_meeting(i.kind)) return input_.path_of(i.group, i.kind);
    return i.kind == Kind::compute ? input_.compute_path_of(players_.at(i.rank.i)) : SharedInput::no_path;
  }
  bool computes(const Running& r) const { return all_[r.members[0]].kind == Kind::compute; }
  double bound(const Running& r) const { return computes(r) ? 1 : input_.demand[r.cost_class] * input_.peak[r.path]; }
  static bool flowing(const Running& r) { return r.path != SharedInput::no_path && !r.latency; }

  double pace(std::uint32_t rank) const {
    double slowest = 1;
    for (const Running& r : running_)
      for (const std::uint32_t m : r.members)
        if (is_meeting(all_[m].kind) && all_[m].rank.i == rank) slowest = std::max(slowest, input_.slowdown[r.cost_class]);
    return 1 / slowest;
  }

  void set_rates() {
    Sharing sharing;
    for (const Running& r : running_) {
      if (!flowing(r)) continue;
      sharing.bound.push_back(bound(r));
      sharing.weight.emplace_back(input_.links, 0.0);
      for (std::uint32_t s = input_.first_share[r.path]; s < input_.first_share[r.path + 1]; ++s)
        sharing.weight.back()[input_.shares[s].link] = input_.shares[s].weight;
    }
    const std::vector<double> level = max_min(sharing);
    std::size_t next = 0;
    for (Running& r : running_) {
      double rate = flowing(r) ? level[next++] / bound(r) : 1;
      if (computes(r)) rate *= pace(all_[r.members[0]].rank.i);
      if (r.rate > 0 && std::abs(rate - r.rate) <= 1e-12 * rate) continue;
      r.left -= static_cast<double>(now_ - r.since) * r.rate;
      r.since = now_;
      r.rate = rate;
      r.end = now_ + static_cast<std::int64_t>(std::max(r.left, 0.0) / rate + half_a_tick);
    }
  }

  void finish_some() {
    for (std::size_t k = 0; k < running_.size();) {
      Running& r = running_[k];
      if (r.end != now_) {
        ++k;
      } else if (r.latency) {
        begin_flow(r);
        ++k;
      } else {
        for (const std::uint32_t m : r.members) {
          time_.end[m] = {now_};
          streams_[{all_[m].rank.i, static_cast<int>(all_[m].stream)}].pop_front();
        }
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(k));
      }
    }
  }

  std::span<const Price> prices_;
  const SharedInput& input_;
  std::vector<Instruction> all_;
  std::map<std::pair<std::uint32_t, int>, std::deque<std::uint32_t>> streams_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> meetings_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> hosts_;
  std::map<std::uint32_t, std::uint32_t> players_;  // by rank
  std::vector<Running> running_;
  std::int64_t now_ = 0;
  Timeline time_;
};

inline Timeline replay_shared(const Program& p, std::span<const Price> prices, const SharedInput& input) {
  return SharedEngine(p, prices, input).run();
}

}  // namespace orrery::reference
