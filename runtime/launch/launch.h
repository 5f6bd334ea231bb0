// Starts the ranks of a job: forked on this machine, or, under an MPI launcher, this process as one of them.
#pragma once
#include <functional>
#include <string>

#include "runtime/comm/connection.h"
#include "runtime/comm/watchdog.h"
#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace orrery {

struct LaunchOptions {
  std::uint32_t ranks = 1;  // 0, under an MPI launcher: as many as it has started
  Bytes tensors{};  // that a rank will take for sure: it is refused if the machine has less for all
  Bytes arena{};    // address space that a rank may allocate from: its tensors, and partial results
  comm::WatchdogOptions watchdog;
  std::string mpi_plug_in;     // a path; used only under an MPI launcher
  std::function<bool()> stop;  // asked several times a second; yes: the board asks forked ranks to end
};

// For the ranks of a Program.
LaunchOptions launch_options(const Program&, std::uint32_t ranks);
// Where tensors lie in the memory of a plug-in's device: the host needs room for what ranks say to each other
// only.
void use_plug_in(LaunchOptions&);

// What one rank does. It runs under a watchdog; DeviceError and InputError end the job.
using RankBody = std::function<void(comm::Connection&)>;

// Returns when all ranks of this machine have ended. Throws what ended the job: the InputError or DeviceError
// of the rank that failed first, or a DeviceError that names the rank that died. Forks: the caller has no
// other threads that hold locks, and what it has buffered is written before.
void run_ranks(const LaunchOptions&, const RankBody&);

}  // namespace orrery
