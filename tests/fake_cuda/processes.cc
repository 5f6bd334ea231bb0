#include "tests/fake_cuda/processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace orrery::fake {

Ended in_processes(int n, const Environment& environment, const std::function<void(int)>& body,
                   bool may_die) {
  Ended ended;
  std::FILE* errors = std::tmpfile();
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int rank = 0; rank < n; ++rank) {
    const pid_t child = fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    alarm(60);
    for (const auto& [name, value] : environment) setenv(("FAKE_CUDA_" + name).c_str(), value.c_str(), 1);
    dup2(fileno(errors), STDERR_FILENO);
    setvbuf(stderr, nullptr, _IOLBF, 4096);
    body(rank);
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
    const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    EXPECT_TRUE(well || may_die) << "a process ended with status " << status;
  }
  std::rewind(errors);
  for (int c = std::fgetc(errors); c != EOF; c = std::fgetc(errors)) ended.error += static_cast<char>(c);
  std::fclose(errors);
  if (testing::Test::HasFailure()) std::fputs(ended.error.c_str(), stderr);
  return ended;
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "expected '" << part << "' in: " << text;
}

}  // namespace orrery::fake
