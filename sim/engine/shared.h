// Shared replay: event by event, for when time depends on who else is running. Communications (flows) that use the
// same link share it max-min fairly (max_min.h), and compute is slower while its rank communicates. Everything else
// is as in replay(), and so is the result where nothing is shared: a flow whose rate never changed ends at
// start + price in integers.
//
// A meeting first takes its fixed price (latency; uses no link), then its flow price at full rate, more at less. Its
// level in max_min.h is the part of its busiest link that one of the alike groups takes; at full rate that is
// its bound, so its rate is level / bound. Alike groups of a folded Program all run at the same time: the weights
// of their one flow count them all. All that happens in one tick is handled before rates are computed once.
//
// Not monotone: a faster link can lengthen the step (a transfer that ends sooner can let a worse overlap happen).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "sim/cost/prices.h"
#include "sim/engine/events.h"
#include "sim/engine/index.h"
#include "sim/engine/max_min.h"
#include "sim/engine/replay.h"
#include "sim/engine/shared_input.h"

namespace orrery {

// Memory that shared replays reuse; nothing in it is an input or a result.
struct SharedWorkspace {
  struct Lane {                       // a stream of a player
    std::uint32_t visit = 0, row = 0; // of the next instruction: position in Index::visits, row of the block
    std::uint32_t id = engine::none;  // of the next (or running) instruction
    std::uint32_t blocked_on = engine::none;
    std::uint32_t next_member = engine::none;  // of the meeting it has come to: a list of lanes
    double slows = 1;                 // compute of its rank, while it communicates
  };
  struct Activity {                   // what runs on a lane; of a meeting, on the lane of its last member to come
    std::uint64_t key = 0;            // of its valid event
    std::int64_t since = 0;           // its rate is what it is since then
    double left = 0, rate = 0;        // ticks at full rate left then
    double bound = 1;                 // of its flow's level
    std::uint32_t cost_class = 0, path = SharedInput::no_path;
    bool flowing = false;             // its event is the end, not the end of the fixed part
  };
  struct Gathering {                  // the meeting that a group has next
    std::uint32_t come = 0, expected = 0, lanes = engine::none, cost_class = 0;
  };
  struct Host { std::uint32_t visit = 0, row = 0; std::int64_t clock = 0; };

  engine::Index index;
  engine::EventQueue queue;
  engine::MaxMin sharing;
  std::vector<std::uint32_t> first_player, team_of;    // by team, and one more; by player
  std::vector<Lane> lanes;
  std::vector<Activity> activities;                    // by lane
  std::vector<Gathering> gatherings;                   // by group
  std::vector<Host> hosts;                             // by player
  std::vector<std::uint32_t> owner;                    // by path: the lane of its flow
  std::vector<std::uint32_t> changed;                  // players whose compute may change its rate
  std::vector<double> pace;                            // by player: rate of its compute
};

// What replay_shared() did, for reports.
struct SharedCount {
  std::uint64_t events = 0;           // ends of instructions, meetings and fixed parts; issues
  std::uint64_t rerated = 0;          // changes of a rate after the start
};

// Ends of stretched work are rounded to the nearest tick. Rates are often simple fractions, so that ends often lie at
// just half a tick; a little more than a half lets those not depend on the last bit of a rate.
inline constexpr double half_a_tick = 0.5 + 1.0 / 1024;

// Fills `out` (resized to program.size()) and returns the makespan.
Tick replay_shared(const Program&, std::span<const Price>, const SharedInput&, SharedWorkspace&, Timeline& out,
                   SharedCount* count = nullptr);

}  // namespace orrery
