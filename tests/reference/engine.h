// A textbook event engine over the flat order: a queue of ends and issues, and after each a scan of everything
// that could start. Slow and obvious; the oracle of every replay without sharing.
#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <queue>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/program/program.h"

namespace orrery::reference {

class Engine {
 public:
  Engine(const Program& p, std::span<const Price> prices) : prices_(prices) {
    for_each_instruction(p, [&](const Instruction& i) {
      const auto id = static_cast<std::uint32_t>(all_.size());
      all_.push_back(i);
      streams_[{i.rank.i, static_cast<int>(i.stream)}].push_back(id);
      hosts_[i.rank.i].push_back(id);
      if (is_meeting(i.kind)) meetings_[{i.group, i.sequence}].push_back(id);
    });
    time_.start.assign(all_.size(), {-1});
    time_.end.assign(all_.size(), {-1});
    issued_.assign(all_.size(), false);
  }

  Timeline run() {
    for (auto& host : hosts_) issue_next(host.first, 0);
    Event now{0, 0, false};
    for (start_all(0); !events_.empty(); start_all(now.time)) {
      now = events_.top();
      events_.pop();
      now.ends ? finish(now) : issue(now);
    }
    return time_;
  }

 private:
  struct Event {
    std::int64_t time;
    std::uint32_t id;
    bool ends;
    bool operator<(const Event& o) const { return time > o.time; }
  };
  void issue_next(std::uint32_t rank, std::int64_t now) {
    if (hosts_[rank].empty()) return;
    const std::uint32_t id = hosts_[rank].front();
    hosts_[rank].pop_front();
    events_.push({now + prices_[all_[id].cost_class].launch.v, id, false});
  }
  void issue(const Event& e) {
    issued_[e.id] = true;
    if (all_[e.id].kind != Kind::host) issue_next(all_[e.id].rank.i, e.time);
  }
  void finish(const Event& e) {
    time_.end[e.id] = {e.time};
    streams_[{all_[e.id].rank.i, static_cast<int>(all_[e.id].stream)}].pop_front();
    if (all_[e.id].kind == Kind::host) issue_next(all_[e.id].rank.i, e.time);
  }
  bool can_start(std::uint32_t id) const {
    return issued_[id] && time_.start[id].v < 0 &&
           std::all_of(all_[id].waits.begin(), all_[id].waits.end(), [&](InstructionId w) { return time_.end[w.i].v >= 0; });
  }
  void start_all(std::int64_t now) {
    for (auto& stream : streams_) {
      if (stream.second.empty() || !can_start(stream.second.front())) continue;
      const std::uint32_t id = stream.second.front();
      time_.start[id] = {now};
      std::vector<std::uint32_t> members{id};
      if (is_meeting(all_[id].kind)) members = meetings_[{all_[id].group, all_[id].sequence}];
      std::int64_t price = 0;
      for (const std::uint32_t m : members) price = std::max(price, prices_[all_[m].cost_class].total().v);
      if (std::all_of(members.begin(), members.end(), [&](std::uint32_t m) { return time_.start[m].v >= 0; }))
        for (const std::uint32_t m : members) events_.push({now + price, m, true});
    }
  }

  std::span<const Price> prices_;
  std::vector<Instruction> all_;
  std::map<std::pair<std::uint32_t, int>, std::deque<std::uint32_t>> streams_;
  std::map<std::uint32_t, std::deque<std::uint32_t>> hosts_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> meetings_;
  std::vector<bool> issued_;
  std::priority_queue<Event> events_;
  Timeline time_;
};

inline Timeline replay(const Program& p, std::span<const Price> prices) { return Engine(p, prices).run(); }

}  // namespace orrery::reference
