#include "runtime/comm/engine.h"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/comm/queues.h"
#include "sim/base/error.h"

namespace orrery::comm {

bool Counter::watch(std::uint32_t value) const {
  if (reached(value)) return false;
  std::uint64_t seen = watch_.load();
  while (seen == 0 || distance(value, static_cast<std::uint32_t>(seen)) < 0)
    if (watch_.compare_exchange_weak(seen, watched | value)) break;
  return !reached(value);
}

bool Counter::advance() {
  const std::uint32_t count = count_.fetch_add(1) + 1;
  std::uint64_t seen = watch_.load();
  if (seen == 0 || distance(count, static_cast<std::uint32_t>(seen)) < 0) return false;
  watch_.compare_exchange_strong(seen, 0);  // if it fails, whoever watched since then has seen the new count
  return true;
}

namespace {

// Turns without progress before the driver sleeps. A waiting thread has nothing better to do; the progress
// thread takes the processor from a computing one.
constexpr int patience_waiting = 60, patience_background = 8;
constexpr std::int64_t report_after = 20'000'000;    // ns without progress, then the board is told who waits
constexpr std::int64_t longest_sleep = 200'000'000;  // ns; of a bell that should ring
constexpr std::int64_t spin_before =
    100'000;  // ns; sleeps end late, so the rest of a wait for a time is spun
constexpr std::int64_t poll_least = 10'000, poll_most = 2'000'000, poll_share = 33;  // of the time waited

// False: one is reached.
bool watch_all(std::span<const Point> points) {
  return std::all_of(points.begin(), points.end(), [](const Point& p) { return p.watch(); });
}

}  // namespace

class Engine::Driver {
 public:
  Driver(std::uint32_t rank, Channel& channel, Bell& bell, Board& board, Arena& arena, EngineOptions options)
      : rank_(rank),
        channel_(channel),
        bell_(bell),
        board_(board),
        queues_(channel, arena, options.fixed_order),
        thread_([this] { background(); }) {}
  ~Driver();

  Queues& queues() { return queues_; }
  void posted();
  void wait(std::span<const Point>);
  void notify_waiting() { news_.ring(); }
  void notify();
  void attend(bool);
  void go_on();

 private:
  struct Nap {  // on the bell
    std::uint32_t key = 0;
    std::int64_t nanoseconds = 0;
  };
  struct Watch {            // what a thread that drove has left behind
    std::uint32_t key = 0;  // of the bell
    Queues::State state = Queues::State::ready;
  };
  void background();
  template <class Step>
  bool guarded(Step&&);
  bool progress();
  bool move();
  std::optional<Nap> turn(int patience, std::span<const Point> any);
  std::optional<Nap> idle(std::uint32_t key, int patience, std::span<const Point> any);
  void tell(bool waiting);
  bool failed() const { return board_.aborted(); }

  const std::uint32_t rank_;
  Channel& channel_;
  Bell& bell_;  // wakes the driver
  Board& board_;
  Queues queues_;
  std::mutex seat_;  // the driver's
  Bell work_;        // wakes the progress thread if it does not sleep on the bell
  Bell news_;        // wakes waiting threads that do not drive: a counter advanced, or the seat is free
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<bool> attended_{false}, stop_{false};
  // Of the driver.
  int idle_turns_ = 0;
  std::int64_t idle_since_ = 0;
  bool told_ = false;
  std::thread thread_;
};

Engine::Driver::~Driver() {
  stop_.store(true);
  work_.ring();
  bell_.ring();
  thread_.join();
}

void Engine::Driver::posted() {
  bell_.ring();
  if (waiting_.load() == 0 && !attended_.load()) work_.ring();
}

void Engine::Driver::notify() {
  notify_waiting();
  posted();
}

void Engine::Driver::attend(bool on) {
  attended_.store(on);
  if (on || queues_.empty()) return;
  if (seat_.try_lock()) {
    const bool at_rest = queues_.look() == Queues::State::blocked;
    seat_.unlock();
    if (at_rest) return;
  }
  posted();
}

void Engine::Driver::go_on() {
  if (queues_.empty() || !seat_.try_lock()) return;
  while (!failed() && move()) {
  }
  seat_.unlock();
}

void Engine::Driver::wait(std::span<const Point> any) {
  const auto reached = [any] {
    return std::any_of(any.begin(), any.end(), [](const Point& p) { return p.reached(); });
  };
  if (reached()) return;
  waiting_.fetch_add(1);
  Watch left;
  while (!reached() && !failed()) {
    const std::uint32_t key = news_.key();
    if (seat_.try_lock()) {
      while (!reached() && !failed())
        if (const std::optional<Nap> nap = turn(patience_waiting, any))
          bell_.sleep(nap->key, nap->nanoseconds);
      left = {bell_.key(), queues_.look()};
      seat_.unlock();
    } else {
      left = {};
      bell_.ring();  // whoever drives looks again, on behalf of this thread too
      if (watch_all(any) && !failed()) news_.sleep(key);
    }
  }
  const bool last = waiting_.fetch_sub(1) == 1;
  news_.ring();
  // Nobody need drive while all that is queued waits for watched counters of this rank.
  const bool at_rest = left.state == Queues::State::blocked && left.key == bell_.key();
  if (last && !at_rest && !queues_.empty()) posted();
  if (!reached()) throw DeviceError(board_.reason());
}

// Never sleeps in the seat, so that a thread that waits finds it free.
void Engine::Driver::background() {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // ns
  const std::int64_t attend = channel_.attend_every();
  const auto mine = [this] {
    return !stop_.load() && waiting_.load() == 0 && !attended_.load() && !queues_.empty() && !failed();
  };
  while (!stop_.load()) {
    const std::uint32_t key = work_.key();
    if (mine() && seat_.try_lock()) {
      std::optional<Nap> nap;
      while (mine() && !nap) nap = turn(patience_background, {});
      seat_.unlock();
      news_.ring();
      if (nap) bell_.sleep(nap->key, nap->nanoseconds);
      continue;
    }
    work_.sleep(key, attend == Channel::never ? -1 : attend);
    if (attend != Channel::never && seat_.try_lock()) {
      progress();
      seat_.unlock();
      news_.ring();
    }
  }
}

// A fault of this rank ends the communication of all.
template <class Step>
bool Engine::Driver::guarded(Step&& step) {
  try {
    return step();
  } catch (const DeviceError& e) {
    board_.abort(rank_, e.what());
    return true;
  }
}

bool Engine::Driver::progress() {
  return guarded([this] { return channel_.progress(); });
}

// Does what can be done now. False: nothing.
bool Engine::Driver::move() {
  const bool arrived = progress();
  if (failed()) return true;
  const bool moved = guarded([this] { return queues_.turn(); });
  if (moved) news_.ring();
  if (!arrived && !moved) return false;
  idle_turns_ = 0;
  if (told_) tell(false);
  return true;
}

// Says how long to sleep if nothing could be done for `patience` turns, and none of `any` is reached.
std::optional<Engine::Driver::Nap> Engine::Driver::turn(int patience, std::span<const Point> any) {
  const std::uint32_t key = bell_.key();
  if (move()) return {};
  return idle(key, patience, any);
}

std::optional<Engine::Driver::Nap> Engine::Driver::idle(std::uint32_t key, int patience,
                                                        std::span<const Point> any) {
  if (idle_turns_++ == 0) idle_since_ = now_ns();
  if (idle_turns_ < patience) {
    if (patience == patience_waiting && idle_turns_ % 4 == 0) sched_yield();
    return {};
  }
  if (queues_.look() == Queues::State::ready || !watch_all(any)) return {};
  const std::int64_t now = now_ns(), waited = now - idle_since_, wake = channel_.wake_at();
  if (waited > report_after && !told_) tell(true);
  const std::int64_t sleep = told_ ? longest_sleep : report_after;
  if (wake == Channel::must_poll) return Nap{key, std::clamp(waited / poll_share, poll_least, poll_most)};
  if (wake == Channel::never) return Nap{key, sleep};
  if (wake - now > spin_before) return Nap{key, std::min(sleep, wake - now - spin_before)};
  return {};
}

void Engine::Driver::tell(bool waiting) {
  const Waiting w = waiting ? queues_.longest_wait() : Waiting{};
  told_ = waiting;
  board_.set_waiting(rank_, w);
}

Engine::Engine(std::uint32_t rank, Channel& channel, Bell& bell, Board& board, Arena& arena,
               EngineOptions options)
    : rank_(rank), driver_(std::make_unique<Driver>(rank, channel, bell, board, arena, options)) {}
Engine::~Engine() = default;

std::uint32_t Engine::open_group(std::uint32_t id, std::span<const std::uint32_t> members) {
  return driver_->queues().open_group(rank_, id, members);
}

Point Engine::post(const Communication& c, Stream lane, std::span<const Point> after, Times* times) {
  const Point end = driver_->queues().post(c, lane, after, times);
  driver_->posted();
  return end;
}

void Engine::run(const Communication& c, Stream lane) { wait(driver_->queues().post(c, lane, {}, nullptr)); }

void Engine::wait_any(std::span<const Point> points) { driver_->wait(points); }
void Engine::notify_waiting() { driver_->notify_waiting(); }
void Engine::notify() { driver_->notify(); }
void Engine::attend(bool on) { driver_->attend(on); }
void Engine::go_on() { driver_->go_on(); }

}  // namespace orrery::comm
