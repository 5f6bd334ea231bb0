// What the engine has to do: a queue of communications a lane, of which the first may be under way.
// One thread opens groups and posts; the driver does everything else.
#pragma once
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/comm/board.h"
#include "runtime/comm/call.h"
#include "runtime/comm/engine.h"
#include "runtime/comm/task.h"

namespace orrery::comm {

class Queues {
 public:
  Queues(Channel& channel, Arena& arena, bool fixed_order);

  std::uint32_t open_group(std::uint32_t rank, std::uint32_t id, std::span<const std::uint32_t> members);
  Point post(const Communication&, Stream lane, std::span<const Point> after, Times*);
  bool empty() const { return unfinished_.load() == 0; }

  // Starts and resumes what can go on. True: something did.
  bool turn();
  // ready: something may go on. blocked: all that is queued waits for counters, which are now watched.
  // under_way: so do some lanes; the others wait for peers.
  enum class State : std::uint8_t { ready, blocked, under_way };
  State look() const;
  // The communication that has waited longest for a peer; its `since` is 0 if none does.
  Waiting longest_wait() const;

 private:
  struct Entry {
    Communication what;
    const Group* group;
    Stream lane;
    std::vector<Point> after;
    Times* times;
    std::unique_ptr<Call> call;  // once started
    Task task;
    std::int64_t start = 0, since = 0;
  };
  struct Lane {
    explicit Lane(Arena& arena) : scratch(arena) {}
    std::deque<Entry> entries;
    Counter ended;
    std::uint32_t posted = 0;
    Scratch scratch;
  };
  bool take_posted();
  bool advance(Lane&);
  void start(Entry&, Scratch&);

  Channel& channel_;
  const bool fixed_order_;
  std::deque<Group> groups_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::mutex mutex_;  // of posted_
  std::vector<Entry> posted_;
  std::atomic<bool> any_posted_{false};
  std::atomic<std::uint32_t> unfinished_{0};
};

}  // namespace orrery::comm
