#include "tests/runtime/run/job.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "sim/base/json.h"
#include "tests/runtime/state/directory.h"

namespace orrery::testing {
namespace {

using namespace std::chrono_literals;
constexpr auto longest = 30s;  // a job here takes less than one

// Of any of its threads.
std::vector<pid_t> children(pid_t parent) {
  std::vector<pid_t> out;
  std::error_code gone;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(parent) + "/task", gone)) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) out.push_back(child);
  }
  return out;
}

// Whether a process is there; one that nobody has waited for yet is not.
bool is_there(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string id, name, state;
  return file >> id >> name >> state && state != "Z" && state != "X";
}

template <class Condition>
bool within(std::chrono::milliseconds time, Condition holds) {
  for (const auto end = std::chrono::steady_clock::now() + time; !holds();) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

void redirect(int stream, const std::string& file) {
  dup2(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666), stream);
}

// What --json wrote, if the job came to that.
void read_results(const std::string& file, Ended& into) {
  const std::string text = get_file(file);
  if (text.empty()) return;
  const Json document = parse_json(text, file);
  for (const Json& loss : document.find("losses")->items()) into.losses.push_back(loss.real());
  if (const Json* const held_out = document.find("held_out_loss")) into.held_out = held_out->real();
}

}  // namespace

Job::Job(const std::string& directory, const std::vector<std::string>& arguments,
         const std::vector<std::string>& launcher)
    : directory_(directory) {
  std::vector<std::string> words(launcher);
  words.insert(words.end(), {ORRERY_BINARY, "run"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--json", directory_ + "/run.json"});
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  unlink((directory_ + "/run.json").c_str());
  process_ = fork();
  if (process_ != 0) return;
  setpgid(0, 0);
  redirect(STDOUT_FILENO, directory_ + "/out");
  redirect(STDERR_FILENO, directory_ + "/err");
  execvp(pointers[0], pointers.data());
  _exit(127);
}

Job::~Job() {
  if (process_ < 0) return;
  kill(-process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::vector<pid_t> Job::ranks() {
  const std::vector<pid_t> now = children(process_);
  for (const pid_t rank : now)
    if (std::find(seen_.begin(), seen_.end(), rank) == seen_.end()) seen_.push_back(rank);
  return now;
}

bool Job::is_running() const { return is_there(process_); }

void Job::interrupt() const { kill(-process_, SIGINT); }

Ended Job::wait() {
  Ended out;
  int status = 0;
  out.in_time = within(longest, [&] {
    ranks();
    return waitpid(process_, &status, WNOHANG) == process_;
  });
  if (!out.in_time) {
    kill(-process_, SIGKILL);
    waitpid(process_, &status, 0);
  }
  process_ = -1;
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // Those that die with their launcher take a moment.
  within(2s, [&] { return std::none_of(seen_.begin(), seen_.end(), is_there); });
  std::copy_if(seen_.begin(), seen_.end(), std::back_inserter(out.left), is_there);
  out.out = get_file(directory_ + "/out");
  out.err = get_file(directory_ + "/err");
  read_results(directory_ + "/run.json", out);
  return out;
}

std::vector<std::string> Ended::messages() const {
  std::vector<std::string> found;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("orrery: ")) found.push_back(line);
  return found;
}

Ended run(const std::string& directory, const std::vector<std::string>& arguments) {
  return Job(directory, arguments).wait();
}

}  // namespace orrery::testing
