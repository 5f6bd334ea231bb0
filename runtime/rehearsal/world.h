// What is under way in a rehearsal: the streams of all ranks, whose items wait for a duration, for each other
// or in meetings. A stream is in order; an item starts when what is before it on its stream has ended, its
// host has issued it, and, of a meeting, all members have come. That is all: no network, no memory.
//
// On the simulated clock whoever posts also moves everything on, so that the times are a function of what was
// posted, whatever threads did it. On the real clock each rank has a thread, which sleeps until the next of
// its items ends. When no item can ever end again, and no host will post another, that is a deadlock: every
// host gets a DeviceError that names the members of the circle, or the rank that does not come.
//
// Thread-safe.
#pragma once
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "runtime/rehearsal/clock.h"
#include "sim/program/program.h"

namespace orrery::rehearsal {

// One recording of an event.
struct Record {
  Tick time{};
  Stream stream = Stream::compute;
  bool reached = false;
};

// A meeting as one of its members sees it; all members must agree on it but for the label.
struct Invitation {
  std::uint32_t group = 0;     // the world's name
  std::uint32_t sequence = 0;  // of the group
  Kind kind = Kind::all_reduce;
  std::int64_t bytes = 0;
  std::string_view label;
};

class World {
 public:
  // `hosts`: threads that post; one may post for several ranks.
  World(std::uint32_t ranks, std::uint32_t hosts, Clock);
  ~World();

  void open_group(std::uint32_t id, const std::vector<std::uint32_t>& members);

  // Queue an item of a stream, not to start before `issued`.
  void work(std::uint32_t rank, Stream, Tick issued, Tick duration);
  void meet(std::uint32_t rank, Stream, Tick issued, Tick duration, const Invitation&);  // the dearest lasts
  // What is recorded before work has the time at which that starts; after work, at which it ended.
  void record(std::uint32_t rank, Stream, Tick issued, Record&);
  void wait(std::uint32_t rank, Stream, const Record&);

  // Return, with the time, when all items of some streams have ended or the record is reached. Throw
  // DeviceError in a deadlock.
  static constexpr std::uint32_t all_streams = (1U << stream_count) - 1;
  static constexpr std::uint32_t only(Stream s) { return 1U << static_cast<unsigned>(s); }
  Tick drain(std::uint32_t rank, std::uint32_t streams = all_streams);
  Tick await(std::uint32_t rank, const Record&);
  // The lives of a rank's records end: none is written any more.
  void forget(std::uint32_t rank);
  // The rank posts nothing more.
  void leave(std::uint32_t rank);

 private:
  enum class What : std::uint8_t { work, meet, record, wait };
  struct Item {
    What what = What::work;
    Tick issued{}, duration{};
    Record* reaches = nullptr;
    const Record* awaits = nullptr;
    Invitation meeting;
    std::string label{};  // what meeting.label refers to once the item is queued
  };
  struct Lane {
    std::deque<Item> items;
    Tick at{};                      // when its last item has ended
    bool after_work = false;        // nothing was recorded since
    bool met = false;               // its first item is a meeting that it has come to
    std::vector<Record*> starting;  // records whose time is the start of the next work
  };
  struct Rank {
    std::array<Lane, stream_count> lanes;
    std::uint32_t busy = 0;  // bit s: lane s has items
    bool idle = false;       // its thread has nothing to sleep for
    bool left = false;
    // What its host waits for, if it does.
    std::uint32_t drains = 0;
    const Record* awaits = nullptr;
    std::condition_variable news, host;
    std::thread thread;
  };
  struct Member {
    std::uint32_t rank = 0;
    Stream stream = Stream::compute;
  };
  struct Meeting {
    std::vector<Member> come;
    Tick begin{}, duration{};
    Invitation first;  // as its first member has it
  };
  using MeetingKey = std::uint64_t;
  static MeetingKey key(const Invitation& i) { return (std::uint64_t{i.group} << 32) | i.sequence; }

  void post(std::uint32_t rank, Stream, Item&&);
  void go_on(std::uint32_t rank);
  void advance(std::uint32_t rank);
  bool run(std::uint32_t rank, Stream, Item&);
  bool come(std::uint32_t rank, Stream, Item&, Tick now);
  void end(const Meeting&, std::uint32_t last);
  void begin_work(Lane&, Tick now);

  void drive(std::uint32_t rank);
  std::optional<Tick> next_due(const Rank&, Tick seen) const;
  bool drained(const Rank&, std::uint32_t streams) const;
  bool host_waits(const Rank&) const;
  void let_host_wait(std::unique_lock<std::mutex>&, Rank&);
  bool stuck() const;
  void fail_all(std::string reason);

  // deadlock.cc
  struct Step;  // a rank waits for another in a meeting
  std::string deadlock() const;
  std::optional<Step> blocked(std::uint32_t rank, Stream) const;
  std::optional<Stream> stream_of(std::uint32_t rank, const Invitation&) const;

  const Clock clock_;
  const std::uint32_t hosts_;
  mutable std::mutex mutex_;  // of everything below
  std::deque<Rank> ranks_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> groups_;
  std::unordered_map<MeetingKey, Meeting> meetings_;  // that some members have come to
  std::vector<std::uint32_t> moved_;                  // ranks that a meeting has let go on; simulated clock
  std::string failure_;
  bool stop_ = false;
};

}  // namespace orrery::rehearsal
