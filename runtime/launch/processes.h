// The ranks of a job as processes of this machine, forked from the caller.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "runtime/comm/region.h"
#include "runtime/launch/launch.h"

namespace orrery {

class Processes {
 public:
  // Each plays its rank of the region and ends. They ignore Ctrl-C, which is the caller's to pass on, and
  // die with the caller.
  Processes(comm::Region&, const LaunchOptions&, const RankBody&);
  ~Processes();  // kills those that are left
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // Until all have ended. The first that fails is the cause, which is thrown; the others end because of it,
  // or are killed soon after.
  void wait();

 private:
  struct Process {
    pid_t id = 0;
    int message = -1;  // the end of a pipe to read why it failed; its other end closes with the process
  };
  enum class Ending { done, input_error, device_error };
  void start(std::uint32_t rank, const RankBody&);
  [[noreturn]] void play(std::uint32_t rank, const RankBody&, pid_t launcher, int message);
  void end(std::uint32_t rank);
  void fail(Ending, const std::string& message);
  void kill_all();

  comm::Region& region_;
  const LaunchOptions& options_;
  std::vector<Process> ranks_;  // by rank
  Ending cause_ = Ending::done;
  std::string reason_;
  std::chrono::steady_clock::time_point failed_;
};

}  // namespace orrery
