#include "tools/errors.h"

#include <cstdio>
#include <new>

#include "tools/terminal.h"

namespace orrery {
namespace {

int say(Exit code, const char* kind, const char* what) {
  std::fprintf(stderr, "orrery: %s%s\n", kind, what);
  return code;
}

}  // namespace

int exit_code_of_current_exception() {
  try {
    throw;
  } catch (const UsageError& e) {
    return say(exit_usage, "", e.what());
  } catch (const InputError& e) {
    return say(exit_input, "", e.what());
  } catch (const DeviceError& e) {
    return say(exit_environment, "", e.what());
  } catch (const std::bad_alloc&) {
    return say(exit_environment, "", "out of memory");
  } catch (const std::exception& e) {
    return say(exit_internal, "internal error, please report it: ", e.what());
  }
}

}  // namespace orrery
