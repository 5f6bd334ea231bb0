#include "tools/terminal.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/base/units.h"

namespace orrery {
namespace {

volatile std::sig_atomic_t asked_to_stop = 0;

void on_interrupt(int) {
  asked_to_stop = 1;
  std::signal(SIGINT, SIG_DFL);
}

bool set_and_not_empty(const char* name) {
  const char* const value = std::getenv(name);
  return value && *value;
}

constexpr double terminal_interval = 0.1, log_interval = 10;  // seconds between two reports

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit is refused, as a full disk is
}

bool interrupted() { return asked_to_stop != 0; }

bool color_wanted(bool refused) {
  if (refused || set_and_not_empty("NO_COLOR")) return false;
  if (set_and_not_empty("CLICOLOR_FORCE")) return true;
  const char* const term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) && term && std::string_view(term) != "dumb";
}

TerminalWatch::TerminalWatch(double budget_seconds)
    : started_(Clock::now()), last_(started_), budget_(budget_seconds), terminal_(::isatty(STDERR_FILENO) != 0) {}

TerminalWatch::~TerminalWatch() { clear_line(); }

double TerminalWatch::seconds_since(Clock::time_point then) const {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

bool TerminalWatch::out_of_time() const { return budget_ > 0 && seconds_since(started_) >= budget_; }

bool TerminalWatch::stop() { return interrupted() || out_of_time(); }

void TerminalWatch::progress(std::size_t done, std::size_t total, std::string_view what) {
  const std::lock_guard lock(mutex_);
  if (seconds_since(last_) < (terminal_ ? terminal_interval : log_interval)) return;
  last_ = Clock::now();
  const std::string left = time_left(done, total);
  std::fprintf(stderr, terminal_ ? "\r\033[K%.*s %zu of %zu%s" : "%.*s %zu of %zu%s\n", static_cast<int>(what.size()),
               what.data(), done, total, left.c_str());
  line_open_ = terminal_;
}

// At the pace so far; nothing in the first seconds, when nobody knows.
std::string TerminalWatch::time_left(std::size_t done, std::size_t total) const {
  constexpr double warm_up = 2;
  const double passed = seconds_since(started_);
  if (done == 0 || done >= total || passed < warm_up) return {};
  return ", about " + text(Seconds{passed / static_cast<double>(done) * static_cast<double>(total - done)}) + " left";
}

void TerminalWatch::clear_line() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

}  // namespace orrery
