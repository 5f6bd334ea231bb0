#include "sim/base/error.h"

#include <cstdio>
#include <cstdlib>

namespace orrery {

InputError::InputError(Where where, const std::string& message)
    : std::runtime_error(message), where_(std::move(where)) {}

void fail(const Where& where, std::string_view expected, std::string_view found) {
  std::string message = where.file;
  if (where.line > 0) message += ":" + std::to_string(where.line);
  if (!where.pointer.empty()) message += (message.empty() ? "" : ": ") + where.pointer;
  if (!message.empty()) message += ": ";
  if (found.empty()) {
    message += expected;
  } else {
    message.append("expected ").append(expected).append(", found ").append(found);
  }
#if defined(__cpp_exceptions)
  throw InputError(where, message);
#else
  std::fputs((message + "\n").c_str(), stderr);
  std::abort();
#endif
}

namespace detail {
void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "orrery: internal error at %s:%d: %s\n", file, line, condition);
  std::abort();
}
}  // namespace detail

}  // namespace orrery
