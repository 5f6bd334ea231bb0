// Runs the communications of one rank in the background: an in-order queue a lane, whose entries wait for
// counters (events) before they start. One driver at a time: a thread that waits drives, or one that attends
// and computes no longer than a moment; else the progress thread does, and it blocks, never yields, so that
// it takes the processor only when something moves.
//
// post(), open_group(): by one thread. attend(), go_on(): by another. wait(), notify(): by any. When
// communication fails, here or at any rank of the board, every wait() throws DeviceError with the cause, and
// nothing more is run.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "runtime/comm/channel.h"
#include "runtime/comm/region.h"

namespace orrery::comm {

// How many entries of an in-order queue have ended. Only grows; wraps. Advanced by one thread at a time.
class Counter {
 public:
  bool reached(std::uint32_t value) const { return distance(count_.load(), value) >= 0; }
  // Before a sleep until `value`: the advance() that reaches it, or an earlier watched value, will say so.
  // False: it is reached already.
  bool watch(std::uint32_t value) const;
  // True: a watched value is reached, whoever sleeps must look again (and watch again).
  bool advance();

 private:
  static std::int32_t distance(std::uint32_t from, std::uint32_t to) {
    return static_cast<std::int32_t>(from - to);
  }
  static constexpr std::uint64_t watched = std::uint64_t{1} << 32;  // with the least value in the low half
  std::atomic<std::uint32_t> count_{0};
  mutable std::atomic<std::uint64_t> watch_{0};
};

// An event: that a counter has reached a value.
struct Point {
  const Counter* counter = nullptr;
  std::uint32_t value = 0;
  bool reached() const { return counter->reached(value); }
  bool watch() const { return counter->watch(value); }
};

// Start and end of a communication, now_ns().
struct Times {
  std::int64_t start = 0, end = 0;
};

struct EngineOptions {       // equal on all ranks
  bool fixed_order = false;  // sums in rank order: the bits do not depend on counts and pieces either
};

class Engine {
 public:
  // `rank` is the world's. The bell is the one that the channel's peers ring; scratch is taken from `arena`.
  Engine(std::uint32_t rank, Channel&, Bell&, Board&, Arena&, EngineOptions = {});
  ~Engine();  // abandons what has not ended

  // Members are world ranks, `id` the world's name of the group. Returns the index for Communication::group.
  std::uint32_t open_group(std::uint32_t id, std::span<const std::uint32_t> members);

  // Queues a communication that starts when its lane is free and all of `after` are reached. Transfers, label
  // and `times` (written as it ends; may be null) live until it has ended. The result is reached at its end.
  Point post(const Communication&, Stream lane, std::span<const Point> after = {}, Times* times = nullptr);

  // Both at once, and cheaper: the calling thread drives from the start.
  void run(const Communication&, Stream lane);

  // Returns when the point, or one of the points, is reached. The thread may be made to drive the engine
  // until then.
  void wait(Point p) { wait_any({&p, 1}); }
  void wait_any(std::span<const Point>);
  // A counter outside the engine has reached a watched value.
  void notify();
  // The same, for threads that wait, if the caller is about to wait_any() or to go_on(): its turns do the
  // rest.
  void notify_waiting();

  // Of a thread that computes, and waits here whenever it does not. While it attends the progress thread
  // rests, so it stops attending before it computes for long, and between two computations it lets go on what
  // can.
  void attend(bool);
  void go_on();

 private:
  class Driver;
  std::uint32_t rank_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace orrery::comm
