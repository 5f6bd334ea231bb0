// Runs the communications of one rank in the background: an in-order queue a lane, whose entries wait for
// counters (events) before they start. One driver at a time: a thread that waits drives; else the progress
// thread does, and it blocks, never yields, so that it takes the processor only when something moves.
//
// post(), open_group(): by one thread. wait(), notify(): by any. When communication fails, here or at any
// rank of the board, every wait() throws DeviceError with the cause, and nothing more is run.
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

// How many entries of an in-order queue have ended. Only grows; wraps.
class Counter {
 public:
  bool reached(std::uint32_t value) const {
    return static_cast<std::int32_t>(count_.load(std::memory_order_acquire) - value) >= 0;
  }
  void advance() { count_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<std::uint32_t> count_{0};
};

// An event: that a counter has reached a value.
struct Point {
  const Counter* counter = nullptr;
  std::uint32_t value = 0;
  bool reached() const { return counter->reached(value); }
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
  // A counter outside the engine that something waits for has advanced.
  void notify();

 private:
  class Driver;
  std::uint32_t rank_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace orrery::comm
