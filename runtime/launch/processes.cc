#include "runtime/launch/processes.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>

#include "runtime/comm/memory_channel.h"
#include "sim/base/error.h"

namespace orrery {
namespace {

using std::chrono::steady_clock;

constexpr int look_every_ms = 100;
// From the first failure until ranks that have not ended by themselves, say because they are stopped, are
// killed.
constexpr std::chrono::seconds grace{3};

// A rank among processes that share memory.
class LocalConnection final : public comm::Connection {
 public:
  LocalConnection(comm::Region& region, std::uint32_t rank)
      : region_(region), rank_(rank), machines_(1, std::vector<std::uint32_t>(region.ranks())) {
    std::iota(machines_.front().begin(), machines_.front().end(), 0U);
  }
  std::uint32_t rank() const override { return rank_; }
  std::uint32_t world() const override { return region_.ranks(); }
  std::uint32_t local_rank() const override { return rank_; }
  comm::Region& region() override { return region_; }
  const std::vector<std::vector<std::uint32_t>>& machines() const override { return machines_; }
  std::unique_ptr<comm::Channel> channel() override {
    return std::make_unique<comm::MemoryChannel>(region_, rank_);
  }

 private:
  comm::Region& region_;
  std::uint32_t rank_;
  std::vector<std::vector<std::uint32_t>> machines_;
};

std::string read_all(int pipe) {
  std::string out;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = read(pipe, piece.data(), piece.size())) > 0;)
    out.append(piece.data(), static_cast<std::size_t>(n));
  close(pipe);
  return out;
}

std::string death(std::uint32_t rank, int signal) {
  std::string text = "rank " + std::to_string(rank) + " was killed by signal " + std::to_string(signal) +
                     " (" + strsignal(signal) + ")";
  if (signal == SIGKILL) text += "; if nobody did it, the machine has run out of memory";
  if (signal == SIGBUS) text += ": a file that it reads has become shorter, or memory has run out";
  return text;
}

}  // namespace

Processes::Processes(comm::Region& region, const LaunchOptions& options, const RankBody& body)
    : region_(region), options_(options) {
  std::fflush(nullptr);
  try {
    for (std::uint32_t rank = 0; rank < options.ranks; ++rank) start(rank, body);
  } catch (const DeviceError&) {
    kill_all();
    throw;
  }
}

Processes::~Processes() { kill_all(); }

void Processes::start(std::uint32_t rank, const RankBody& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw DeviceError(std::string("a pipe: ") + std::strerror(errno));
  const pid_t launcher = getpid(), id = fork();
  if (id == 0) play(rank, body, launcher, ends[1]);
  const int error = errno;
  close(ends[1]);
  if (id < 0) {
    close(ends[0]);
    throw DeviceError("rank " + std::to_string(rank) + " can't be started: " + std::strerror(error));
  }
  ranks_.push_back({id, ends[0]});
}

void Processes::play(std::uint32_t rank, const RankBody& body, pid_t launcher, int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launcher) _exit(0);  // it died before
  signal(SIGINT, SIG_IGN);
  Ending ending = Ending::done;
  std::string message;
  const auto failed = [&](Ending how, const char* why) {
    ending = how;
    message = why;
    region_.board().abort(rank, message);
  };
  try {
    const comm::Watchdog watchdog(rank, region_.board(), options_.watchdog);
    LocalConnection connection(region_, rank);
    body(connection);
  } catch (const InputError& e) {
    failed(Ending::input_error, e.what());
  } catch (const DeviceError& e) {
    failed(Ending::device_error, e.what());
  } catch (const std::bad_alloc&) {
    failed(Ending::device_error, "out of memory");
  }
  std::fflush(nullptr);
  [[maybe_unused]] const ssize_t written = write(pipe, message.data(), message.size());
  _exit(static_cast<int>(ending));
}

void Processes::wait() {
  std::vector<pollfd> watched;
  for (const Process& p : ranks_) watched.push_back({p.message, 0, 0});  // it hangs up
  for (std::size_t left = ranks_.size(); left > 0;) {
    if (poll(watched.data(), watched.size(), look_every_ms) > 0) {
      for (std::uint32_t rank = 0; rank < watched.size(); ++rank) {
        if (watched[rank].revents == 0) continue;
        end(rank);
        watched[rank].fd = -1;
        --left;
      }
    }
    if (options_.stop && options_.stop()) region_.board().ask_to_end();
    if (cause_ == Ending::done || steady_clock::now() - failed_ < grace) continue;
    for (const Process& p : ranks_)
      if (p.id != 0) kill(p.id, SIGKILL);
  }
  if (cause_ == Ending::input_error) throw InputError({}, reason_);
  if (cause_ == Ending::device_error) throw DeviceError(reason_);
}

void Processes::end(std::uint32_t rank) {
  Process& p = ranks_[rank];
  const std::string said = read_all(p.message);
  int status = 0;
  while (waitpid(p.id, &status, 0) < 0 && errno == EINTR) {
  }
  p = {};
  comm::Board& board = region_.board();
  if (WIFSIGNALED(status)) {
    const std::string how = death(rank, WTERMSIG(status));
    fail(Ending::device_error, how);
    board.abort(rank, how);
  } else if (const auto ending = static_cast<Ending>(WEXITSTATUS(status)); ending != Ending::done) {
    fail(ending, board.aborted() ? board.reason() : said);
    // Others may have been seen to end of it before the rank that found it.
    if (ending == Ending::input_error && said == reason_) cause_ = ending;
  }
}

void Processes::fail(Ending ending, const std::string& message) {
  if (cause_ != Ending::done) return;
  cause_ = ending;
  reason_ = message;
  failed_ = steady_clock::now();
}

void Processes::kill_all() {
  for (Process& p : ranks_) {
    if (p.id == 0) continue;
    kill(p.id, SIGKILL);
    waitpid(p.id, nullptr, 0);
    close(p.message);
    p = {};
  }
}

}  // namespace orrery
