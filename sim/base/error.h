// Errors are of three kinds. The user's input: fail(), which throws InputError. The machine's: DeviceError,
// thrown by runtime and profiler only. Ours: ORRERY_CHECK, which aborts with file and line in every build;
// no check may be reachable by input. What a correct input can lead to (a plan that does not fit) is a value.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace orrery {

struct Where {
  std::string file;
  std::string pointer;  // JSON pointer (RFC 6901), empty for the document
  int line = 0;         // 1-based; 0 when unknown
};

class InputError : public std::runtime_error {
 public:
  InputError(Where where, const std::string& message);
  const Where& where() const { return where_; }

 private:
  Where where_;
};

// The machine refuses: a disk, a device, a network.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Ends the reading of an input: "FILE:LINE: POINTER: expected EXPECTED, found FOUND". `found` may be empty
// ("FILE:LINE: POINTER: EXPECTED"). The only throw in sim and planner.
[[noreturn]] void fail(const Where& where, std::string_view expected, std::string_view found = {});

namespace detail {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}

#define ORRERY_CHECK(condition) \
  ((condition) ? void(0) : ::orrery::detail::check_failed(__FILE__, __LINE__, #condition))

}  // namespace orrery
