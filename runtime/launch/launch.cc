#include "runtime/launch/launch.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "runtime/comm/mpi.h"
#include "runtime/launch/processes.h"
#include "sim/base/error.h"
#include "sim/program/arena.h"

namespace orrery {
namespace {

// Of this machine, or of the container that this process is in.
double memory_of_machine() {
  const double machine =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  double limit = 0;
  std::ifstream group("/sys/fs/cgroup/memory.max");
  return group >> limit ? std::min(limit, machine) : machine;
}

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
  return text;
}

// Before anything is touched: a machine that runs out of memory kills what it likes.
void require_memory(std::uint32_t ranks, Bytes tensors) {
  const double needed = static_cast<double>(ranks) * static_cast<double>(tensors.v);
  const double there = memory_of_machine();
  if (needed <= there) return;
  throw DeviceError("the tensors of " + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks") + " take " +
                    gibibytes(needed) + ", but this machine has " + gibibytes(there) +
                    " of memory: another plan, smaller micro-batches or more machines may do");
}

void play_by_mpi(const LaunchOptions& options, const RankBody& body) {
  if (options.mpi_plug_in.empty())
    throw DeviceError(
        "started by an MPI launcher, but there is no orrery_mpi.so beside orrery or in lib/orrery "
        "of its installation: it is built where MPI is installed");
  const std::unique_ptr<comm::Connection> connection =
      comm::connect_by_mpi(options.mpi_plug_in, {.arena = options.arena});
  if (options.ranks != 0 && connection->world() != options.ranks)
    throw DeviceError("the plan has " + std::to_string(options.ranks) + " ranks, but the launcher started " +
                      std::to_string(connection->world()));
  comm::Board& board = connection->region().board();
  const comm::Watchdog watchdog(connection->rank(), board, options.watchdog);
  try {
    require_memory(connection->region().ranks(), options.tensors);
    body(*connection);
  } catch (const std::exception& e) {
    board.abort(connection->rank(), e.what());
    throw;
  }
}

}  // namespace

LaunchOptions launch_options(const Program& program, std::uint32_t ranks) {
  LaunchOptions out;
  out.ranks = ranks;
  for (std::uint32_t team = 0; team < program.teams.size(); ++team)
    out.tensors = std::max(out.tensors, lay_out(program, team).size());
  out.arena = {2 * out.tensors.v + (std::int64_t{256} << 20)};
  return out;
}

void use_plug_in(LaunchOptions& launch) {
  launch.tensors = {};
  launch.arena = {std::int64_t{64} << 20};
}

void run_ranks(const LaunchOptions& options, const RankBody& body) {
  if (comm::started_by_mpi()) return play_by_mpi(options, body);
  require_memory(options.ranks, options.tensors);
  comm::Region region(options.ranks, options.arena, comm::Sharing::processes);
  Processes(region, options, body).wait();
}

}  // namespace orrery
