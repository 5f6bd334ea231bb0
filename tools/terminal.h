// What a person sees while waiting, and the wish to stop: progress on stderr (a line that is rewritten on a
// terminal, else a line every ten seconds), Ctrl-C, and whether colours are wanted.
#pragma once
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "sim/base/interfaces.h"

namespace orrery {

// The first Ctrl-C asks to stop (Watch::stop()), the second ends the process at once.
void catch_interrupts();
bool interrupted();

// Colours on stdout: a terminal, no NO_COLOR, TERM not "dumb"; CLICOLOR_FORCE overrides all but `refused`.
bool color_wanted(bool refused);

// Thread-safe: workers report while others do.
class TerminalWatch : public Watch {
 public:
  // budget > 0: stop() answers yes when so much time has passed.
  explicit TerminalWatch(double budget_seconds = 0);
  ~TerminalWatch() override;
  bool stop() override;
  void progress(std::size_t done, std::size_t total, std::string_view what) override;
  void set_budget(double seconds) { budget_ = seconds; }
  bool out_of_time() const;

 private:
  using Clock = std::chrono::steady_clock;
  double seconds_since(Clock::time_point then) const;
  std::string time_left(std::size_t done, std::size_t total) const;
  void clear_line();

  Clock::time_point started_, last_;
  double budget_;
  bool terminal_, line_open_ = false;
  std::mutex mutex_;
};

}  // namespace orrery
