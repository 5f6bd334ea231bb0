// `orrery run` as a process of its own, with the ranks that it forks, and what a test does to them.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace orrery::testing {

struct Ended {
  int code = 0;                // of the exit, or 128 + the signal
  bool in_time = true;         // by itself; else it was killed after half a minute
  std::string out, err;        // what it said
  std::vector<double> losses;  // of the steps that it took, where it came to its end
  double held_out = 0;         // the last loss on held-out data
  std::vector<pid_t> left;     // processes of its that are still there
  // Lines of its that say what ended it.
  std::vector<std::string> messages() const;
};

class Job {
 public:
  // `arguments` follow "orrery run"; what it writes itself is put into `directory`.
  Job(const std::string& directory, const std::vector<std::string>& arguments,
      const std::vector<std::string>& launcher = {});
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  pid_t process() const { return process_; }
  bool is_running() const;
  // Those that are there now; none before they are forked and after they have ended.
  std::vector<pid_t> ranks();
  // As by Ctrl-C at a terminal: to all of its processes.
  void interrupt() const;
  Ended wait();

 private:
  std::string directory_;
  pid_t process_ = -1;
  std::vector<pid_t> seen_;  // ranks
};

Ended run(const std::string& directory, const std::vector<std::string>& arguments);

}  // namespace orrery::testing
