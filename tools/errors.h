// What ends a command early, besides InputError of sim/base, and the one place that turns errors into exit codes:
// 0 ok, 1 the answer is no, 2 usage, 3 an input file is bad, 4 the machine refuses (disk, device), 5 a bug of ours,
// 130 interrupted.
#pragma once
#include <stdexcept>
#include <string>

#include "sim/base/error.h"

namespace orrery {

enum Exit : int { exit_ok = 0, exit_no = 1, exit_usage = 2, exit_input = 3, exit_environment = 4, exit_internal = 5,
                  exit_interrupted = 130 };

// Flags that can't be understood or don't go together.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Calls body() and gives its exit code; what it throws is said in one sentence on stderr and becomes a code.
template <class Body>
int guarded(Body&& body);

// Of the exception that is being handled.
int exit_code_of_current_exception();

template <class Body>
int guarded(Body&& body) {
  try {
    return body();
  } catch (...) {
    return exit_code_of_current_exception();
  }
}

}  // namespace orrery
