// Test bodies in processes of their own: the fakes read their environment once, an error sticks to a device
// for good, and ranks are processes. The parent never calls CUDA.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

namespace orrery::fake {

using Environment = std::map<std::string, std::string>;  // without the FAKE_CUDA_ in front

struct Ended {
  int signal = 0;     // that ended a process, or 0
  std::string error;  // what all of them wrote to stderr
};

// body(0) ... body(n - 1), each in a process, killed after a minute. A failed expectation or a signal in any
// of them fails the test, unless `may_die`.
Ended in_processes(int n, const Environment&, const std::function<void(int rank)>& body,
                   bool may_die = false);
inline Ended in_process(const Environment& environment, const std::function<void()>& body) {
  return in_processes(1, environment, [&](int) { body(); });
}

// EXPECTs that `part` stands in `text`.
void expect_part(const std::string& text, const std::string& part);

}  // namespace orrery::fake
