#include "runtime/comm/watchdog.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "runtime/comm/channel.h"
#include "runtime/comm/diagnosis.h"
#include "sim/base/error.h"

namespace orrery::comm {
namespace {

// Beats for which a rank may wait for one that has left: what it left behind may still be on its way.
constexpr std::int64_t patience_with_left = 3;

std::string seconds(std::int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ms) / 1000);
  return text;
}

// What the watchdog knows of another rank.
struct Other {
  std::uint32_t rank = 0;
  int process = -1;  // a pidfd, readable when the process has ended; -1: none
  std::uint64_t heart = 0;
  std::int64_t missed = 0;  // own beats since its heart last beat
};

}  // namespace

class Watchdog::Watch {
 public:
  Watch(std::uint32_t rank, Board& board, WatchdogOptions options);
  ~Watch();

 private:
  void run();
  void look();
  void look_at(Other&);
  void look_at_own_wait();
  bool has_died(Other&) const;
  bool pause();

  const std::uint32_t rank_;
  Board& board_;
  const WatchdogOptions options_;
  const int stop_;  // an eventfd
  std::vector<Other> others_;
  std::int64_t waited_for_left_ = 0;
  std::thread thread_;
};

Watchdog::Watch::Watch(std::uint32_t rank, Board& board, WatchdogOptions options)
    : rank_(rank), board_(board), options_(options), stop_(eventfd(0, EFD_CLOEXEC)) {
  if (stop_ < 0) throw DeviceError("watchdog: no eventfd");
  for (std::uint32_t r = 0; r < board.world(); ++r)
    if (r != rank) others_.push_back({r});
  board_.enter(rank);
  thread_ = std::thread([this] { run(); });
}

Watchdog::Watch::~Watch() {
  eventfd_write(stop_, 1);
  thread_.join();
  board_.leave(rank_);
  close(stop_);
  for (const Other& other : others_)
    if (other.process >= 0) close(other.process);
}

void Watchdog::Watch::run() {
  do {
    board_.beat(rank_);
    if (!board_.aborted()) look();
  } while (pause());
}

// For one beat, or until a process ends. False: to stop.
bool Watchdog::Watch::pause() {
  std::vector<pollfd> watched{{stop_, POLLIN, 0}};
  if (!board_.aborted()) {
    for (const Other& other : others_)
      if (other.process >= 0) watched.push_back({other.process, POLLIN, 0});
  }
  poll(watched.data(), watched.size(), static_cast<int>(options_.beat_ms));
  return watched[0].revents == 0;
}

void Watchdog::Watch::look() {
  for (Other& other : others_) look_at(other);
  look_at_own_wait();
}

// Whether the process that plays a running rank has ended; it may have before this looked for the first time.
bool Watchdog::Watch::has_died(Other& other) const {
  const std::int32_t process = board_.process(other.rank);
  if (process == 0 || process == getpid()) return false;
  if (other.process < 0) other.process = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (other.process < 0) return errno == ESRCH;
  pollfd ended{other.process, POLLIN, 0};
  return poll(&ended, 1, 0) == 1;
}

void Watchdog::Watch::look_at(Other& other) {
  if (board_.life(other.rank) != Life::running) {
    if (other.process >= 0) close(other.process);
    other.process = -1;
    return;
  }
  if (has_died(other) && board_.life(other.rank) == Life::running) {
    board_.abort(rank_, "rank " + std::to_string(other.rank) + " (process " +
                            std::to_string(board_.process(other.rank)) + ") has died" + who_waits(board_));
    return;
  }
  const std::uint64_t heart = board_.heart(other.rank);
  other.missed = heart == other.heart ? other.missed + 1 : 0;
  other.heart = heart;
  if (other.missed * options_.beat_ms > options_.silence_ms)
    board_.abort(rank_, "rank " + std::to_string(other.rank) + " does not answer: no heartbeat for " +
                            seconds(options_.silence_ms) + who_waits(board_));
}

void Watchdog::Watch::look_at_own_wait() {
  const Waiting w = board_.waiting(rank_);
  const std::int32_t peer = w.receive_from >= 0 ? w.receive_from : w.send_to;
  if (w.since == 0 || peer < 0) {
    waited_for_left_ = 0;
    return;
  }
  const bool left = board_.life(static_cast<std::uint32_t>(peer)) == Life::finished;
  waited_for_left_ = left ? waited_for_left_ + 1 : 0;
  if (waited_for_left_ > patience_with_left)
    board_.abort(rank_, "rank " + std::to_string(peer) + " has left" + who_waits(board_));
  if (now_ns() - w.since > options_.wait_ms * 1'000'000)
    board_.abort(rank_, "no progress for " + seconds(options_.wait_ms) + ": " + culprit(board_, rank_) +
                            who_waits(board_));
}

Watchdog::Watchdog(std::uint32_t rank, Board& board, WatchdogOptions options)
    : watch_(std::make_unique<Watch>(rank, board, options)) {}
Watchdog::~Watchdog() = default;

}  // namespace orrery::comm
