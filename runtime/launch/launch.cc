#include "runtime/launch/launch.h"

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
#include <vector>

#include "runtime/comm/memory_channel.h"
#include "runtime/comm/mpi.h"
#include "sim/base/error.h"
#include "sim/program/arena.h"

namespace orrery {
namespace {

// A rank among processes that share memory.
class LocalConnection final : public comm::Connection {
 public:
  LocalConnection(comm::Region& region, std::uint32_t rank) : region_(region), rank_(rank) {}
  std::uint32_t rank() const override { return rank_; }
  std::uint32_t world() const override { return region_.ranks(); }
  std::uint32_t local_rank() const override { return rank_; }
  comm::Region& region() override { return region_; }
  std::unique_ptr<comm::Channel> channel() override {
    return std::make_unique<comm::MemoryChannel>(region_, rank_);
  }

 private:
  comm::Region& region_;
  std::uint32_t rank_;
};

// How a rank's process ends.
enum Ending : int { done = 0, input_error = 10, device_error = 11 };

struct Process {
  pid_t id = 0;
  int message = -1;  // the end of a pipe to read why it failed
};

[[noreturn]] void end_process(Ending ending, const std::string& message, int pipe) {
  std::fflush(nullptr);
  [[maybe_unused]] const ssize_t written = write(pipe, message.data(), message.size());
  _exit(ending);
}

[[noreturn]] void play(comm::Region& region, std::uint32_t rank, const LaunchOptions& options,
                       const RankBody& body, int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Ending ending = done;
  std::string message;
  try {
    const comm::Watchdog watchdog(rank, region.board(), options.watchdog);
    LocalConnection connection(region, rank);
    body(connection);
  } catch (const InputError& e) {
    ending = input_error;
    message = e.what();
    region.board().abort(rank, message);
  } catch (const DeviceError& e) {
    ending = device_error;
    message = e.what();
    region.board().abort(rank, message);
  }
  end_process(ending, message, pipe);
}

std::string read_all(int pipe) {
  std::string out;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = read(pipe, piece.data(), piece.size())) > 0;)
    out.append(piece.data(), static_cast<std::size_t>(n));
  close(pipe);
  return out;
}

std::vector<Process> start(comm::Region& region, const LaunchOptions& options, const RankBody& body) {
  std::vector<Process> out;
  std::fflush(nullptr);
  for (std::uint32_t r = 0; r < options.ranks; ++r) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw DeviceError(std::string("a pipe: ") + std::strerror(errno));
    const pid_t id = fork();
    if (id < 0) {
      const std::string why = std::strerror(errno);
      for (const Process& p : out) kill(p.id, SIGKILL);
      throw DeviceError("rank " + std::to_string(r) + " can't be started: " + why);
    }
    if (id == 0) play(region, r, options, body, ends[1]);
    close(ends[1]);
    out.push_back({id, ends[0]});
  }
  return out;
}

// Waits for all. The first that fails is the cause; the others end because of it.
void wait_for(const std::vector<Process>& ranks, comm::Board& board) {
  Ending cause = done;
  std::string message;
  for (std::size_t left = ranks.size(); left > 0; --left) {
    int status = 0;
    const pid_t id = waitpid(-1, &status, 0);
    if (id < 0 && errno == EINTR) {
      ++left;
      continue;
    }
    std::uint32_t rank = 0;
    while (rank < ranks.size() && ranks[rank].id != id) ++rank;
    if (rank == ranks.size()) {  // another child of the caller
      ++left;
      continue;
    }
    std::string said = read_all(ranks[rank].message);
    if (WIFSIGNALED(status)) {
      said = "rank " + std::to_string(rank) + " was killed by signal " + std::to_string(WTERMSIG(status)) +
             " (" + strsignal(WTERMSIG(status)) + ")";
      board.abort(rank, said);
    }
    if (cause != done || (WIFEXITED(status) && WEXITSTATUS(status) == done)) continue;
    cause = WIFEXITED(status) && WEXITSTATUS(status) == input_error ? input_error : device_error;
    message = WIFEXITED(status) && board.aborted() ? board.reason() : said;
  }
  if (cause == input_error) throw InputError({}, message);
  if (cause == device_error) throw DeviceError(message);
}

}  // namespace

Bytes arena_of_ranks(const Program& program) {
  Bytes most{};
  for (std::uint32_t team = 0; team < program.teams.size(); ++team)
    most = std::max(most, lay_out(program, team).size());
  return {2 * most.v + (std::int64_t{256} << 20)};
}

void run_ranks(const LaunchOptions& options, const RankBody& body) {
  if (comm::started_by_mpi()) {
    const std::unique_ptr<comm::Connection> connection =
        comm::connect_by_mpi(options.mpi_plug_in, {.arena = options.arena});
    if (connection->world() != options.ranks)
      throw DeviceError("the plan has " + std::to_string(options.ranks) +
                        " ranks, but the launcher started " + std::to_string(connection->world()));
    const comm::Watchdog watchdog(connection->rank(), connection->region().board(), options.watchdog);
    body(*connection);
    return;
  }
  comm::Region region(options.ranks, options.arena, comm::Sharing::processes);
  wait_for(start(region, options, body), region.board());
}

}  // namespace orrery
