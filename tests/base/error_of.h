// The message of the InputError that a piece of code ends in; "no error" if it ends well.
#pragma once
#include <string>

#include "sim/base/error.h"

namespace orrery {

template <class Code>
std::string error_of(Code&& code) {
  try {
    code();
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace orrery
